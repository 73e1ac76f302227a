"""What KPIs are computed from: a document of cells for each partition, and one for each period.

They are recomputed, never added to: a late order, a repeated one and a crash are then the same case.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from multimarket_async.domains import Cube, Stage
from multimarket_async.snapshots.pipelines import DOCUMENTS, of_partitions, of_period
from multimarket_async.store import PLACEHOLDER_PARTITION, Int64, Store

PARTITIONS, PERIODS = "kpi_rollups_by_partition", "kpi_rollups_by_period"
# A chunk bounds by its documents what one aggregation holds in memory (a $facet: 100 MB), and by its partitions what
# we hold: where orders are spread over years a partition has few of them, and still 10 KB of cells, in several copies.
CHUNK_DOCUMENTS, CHUNK_PARTITIONS = 10_000, 32
Key: TypeAlias = str | None  # None: documents that were stored without a partition
Progress: TypeAlias = Callable[[int, int], None]  # (partitions done, of so many)


class Overtaken(Exception):
    """Somebody else wrote the same cells meanwhile: begin again, with what they wrote."""


@dataclass
class Recomputed:
    """partitions whose cells were not what is stored, each with the periods it is in; and periods likewise."""

    partitions: dict[Key, set[str]] = field(default_factory=dict)
    periods: set[str] = field(default_factory=set)

    def unexplained(self, touched: Collection[Key]) -> list[str]:
        """What differs although no mark says that it was touched, and no partition that differs explains it."""
        explained: set[str] = set().union(*self.partitions.values())
        return [*sorted(str(key) for key in self.partitions if key not in touched), *sorted(self.periods - explained)]


class Rollups:
    """The cells of one definition. Those of another are never read.

    Each document has a version. It is read before what the document is computed from, and a write
    replaces that version only: so what is stored never goes back to an older state of the orders.
    """

    def __init__(self, store: Store, definition: str) -> None:
        self._store = store
        self._definition = definition

    async def prepare(self, cube: Cube) -> None:
        """The indexes that keep a refresh from reading everything."""
        await self._store.define_index(cube.collection, "ingestion.partition")
        await self._store.define_index(PARTITIONS, "definition", "collection", "periods")
        await self._store.define_index(PERIODS, "definition", "collection")

    async def recompute(self, cube: Cube, keys: Iterable[Key] | None, progress: Progress) -> Recomputed:
        """These partitions (None: all there are), and the periods they belong to. Raises Overtaken."""
        sizes = await self._sizes(cube, keys)
        differing, periods, done = Recomputed(), set[str](), 0
        for chunk in _chunks(sizes):
            periods |= await self._partitions(cube, chunk, differing)
            done += len(chunk)
            progress(done, len(sizes))
        for period in sorted(periods):
            await self._period(cube, period, differing)
        return differing

    async def _sizes(self, cube: Cube, keys: Iterable[Key] | None) -> dict[Key, int]:
        """How many documents each partition has; it may have none any more."""
        among: Stage = {"$ne": PLACEHOLDER_PARTITION} if keys is None else {"$in": list(keys)}
        named: Stage = {"ingestion.partition": among}
        count = {"$group": {"_id": "$ingestion.partition", "documents": {"$sum": 1}}}
        # The sort lets the index alone answer.
        stages: list[Stage] = [{"$match": named}, {"$sort": {"ingestion.partition": 1}}, count]
        found = {one["_id"]: one["documents"] async for one in self._store.aggregate(cube.collection, stages)}
        known = keys if keys is not None else [key async for key in self._known(cube)]
        return {**dict.fromkeys(known, 0), **found}

    async def _known(self, cube: Cube) -> AsyncIterator[Key]:
        wanted = {"definition": self._definition, "collection": cube.collection}
        async for one in self._store.aggregate(PARTITIONS, [{"$match": wanted}, {"$project": {"partition": 1}}]):
            yield one["partition"]

    async def _partitions(self, cube: Cube, keys: list[Key], differing: Recomputed) -> set[str]:
        """Recompute these; the periods they belonged to or belong to now."""
        before = await self._stored(PARTITIONS, [self._id(cube, key) for key in keys])
        fresh = {
            one["_id"]: one async for one in self._store.aggregate(cube.collection, of_partitions(cube, keys), raw=True)
        }
        after = [self._partition(cube, key, before, fresh.get(key)) for key in keys]
        for one in after:
            if _content(before.get(one["_id"])) != _content(one):
                differing.partitions[one["partition"]] = {*_periods(before.get(one["_id"])), *one["periods"]}
        if not await self._store.compare_and_swap(PARTITIONS, after):
            raise Overtaken
        return {period for one in (*before.values(), *after) for period in one["periods"]}

    def _partition(self, cube: Cube, key: Key, before: dict[str, Any], fresh: Any) -> dict[str, Any]:
        found = {"periods": list(fresh["periods"]), "cells": fresh["cells"]} if fresh else {"periods": [], "cells": {}}
        return {**self._head(cube, key, before), "partition": key, **found}

    async def _period(self, cube: Cube, period: str, differing: Recomputed) -> None:
        before = await self._stored(PERIODS, [self._id(cube, period)])
        mine = {"definition": self._definition, "collection": cube.collection}
        [cells] = [one async for one in self._store.aggregate(PARTITIONS, of_period(cube, mine, period), raw=True)]
        after = {**self._head(cube, period, before), "cells": cells}
        if _content(before.get(after["_id"])) != _content(after):
            differing.periods.add(period)
        if not await self._store.compare_and_swap(PERIODS, [after]):
            raise Overtaken

    def _head(self, cube: Cube, key: Key, before: dict[str, Any]) -> dict[str, Any]:
        name = self._id(cube, key)
        version = Int64(before[name]["version"] + 1 if name in before else 1)
        return {"_id": name, "version": version, "definition": self._definition, "collection": cube.collection}

    async def _stored(self, collection: str, names: list[str]) -> dict[str, Any]:
        found = self._store.aggregate(collection, [{"$match": {"_id": {"$in": names}}}], raw=True)
        return {one["_id"]: one async for one in found}

    def _id(self, cube: Cube, key: Key) -> str:
        return f"{self._definition} {cube.collection} {key or ''}"

    async def forget_others(self) -> None:
        """Remove the cells of other definitions."""
        others: list[Stage] = [
            {"$match": {"definition": {"$ne": self._definition}}},
            {"$group": {"_id": "$version", "names": {"$push": "$_id"}}},
        ]
        for collection in (PARTITIONS, PERIODS):
            async for one in self._store.aggregate(collection, others):
                # The version: if their owner is at work again, they are not these any more.
                await self._store.remove(collection, one["names"], version=one["_id"])


def _content(measured: Any) -> Any:
    """The cells as BSON, None of no documents; they are sorted by what they are about: equal ones are equal bytes.

    A partition has periods if it has documents. Its cells are not asked: decoded, they take ten times the memory.
    """
    if not measured:
        return None
    documents = measured["periods"] if "periods" in measured else measured["cells"][DOCUMENTS]
    return measured["cells"].raw if documents else None


def _periods(before: Any) -> list[str]:
    return list(before["periods"]) if before else []


def _chunks(sizes: dict[Key, int]) -> Iterator[list[Key]]:
    """Neighbouring partitions together, as they lie together in the collection too."""
    chunk: list[Key] = []
    documents = 0
    for key in sorted(sizes, key=lambda key: key or ""):
        if chunk and (len(chunk) == CHUNK_PARTITIONS or documents + sizes[key] > CHUNK_DOCUMENTS):
            yield chunk
            chunk, documents = [], 0
        chunk.append(key)
        documents += sizes[key]
    if chunk:
        yield chunk
