"""The stored rollups: a document for each partition, and one for each period, with the rows of every rollup.

They are recomputed, never added to: a late document, a repeated one and a crash are then the same case.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from multimarket_async.domains import Cube, Document, Stage
from multimarket_async.snapshots.pipelines import DOCUMENTS, of_partitions, of_period
from multimarket_async.store import PLACEHOLDER_PARTITION, Int64, Store

PARTITIONS, PERIODS = "kpi_rollups_by_partition", "kpi_rollups_by_period"
# A chunk bounds by its documents the memory of one aggregation (a $facet: 100 MB), and by its partitions ours: where
# documents are spread over years a partition has few of them, and still 10 KB of rollups, in several copies.
CHUNK_DOCUMENTS, CHUNK_PARTITIONS = 10_000, 32
Key: TypeAlias = str | None  # None: documents that were stored without a partition
Progress: TypeAlias = Callable[[int, int], None]  # (partitions done, of so many)


class Overtaken(Exception):
    """Another snapshotter wrote the same rollups meanwhile: begin again, with what it wrote."""


@dataclass
class Recomputed:
    """Partitions whose rollups differed from the stored ones, each with its periods; and periods likewise.

    moved: the stored documents of partitions that have left periods.
    """

    partitions: dict[Key, set[str]] = field(default_factory=dict)
    periods: set[str] = field(default_factory=set)
    moved: list[Document] = field(default_factory=list)

    def unexplained(self, dirty: Collection[Key]) -> list[str]:
        """Differing partitions that were not dirty, and differing periods that no differing partition explains."""
        explained: set[str] = set().union(*self.partitions.values())
        return [*sorted(str(key) for key in self.partitions if key not in dirty), *sorted(self.periods - explained)]


class Rollups:
    """Rollups in the database.

    Each document has a version. It is read before what the document is computed from, and a write replaces that
    version only (compare-and-swap): a stored rollup never goes back to an older state of the documents.
    A rollup is stored under its key, which has a digest of its definition: a changed one is missing everywhere.
    A partition names the periods that it has left (`former`) until these are summed up again: after a crash in
    between, the next recomputation finds them there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prepare(self, cube: Cube) -> None:
        """The indexes that keep a refresh from reading everything."""
        await self._store.define_index(cube.collection, "ingestion.partition")
        await self._store.define_index(PARTITIONS, "collection", "periods")
        await self._store.define_index(PERIODS, "collection")

    async def backfill(self, cube: Cube, progress: Progress) -> None:
        """Add to each partition the rollups it lacks, leaving the others, and sum up all periods. Raises Overtaken.

        A partition that changes meanwhile is dirty. So read the dirty partitions after this, and recompute them: only
        then do all rollups of a partition describe the same documents.
        """
        lacking: Stage = {"collection": cube.collection, "keys": {"$not": {"$all": list(cube.rollups)}}}
        partitions: dict[frozenset[str], list[Key]] = {}
        stages: list[Stage] = [{"$match": lacking}, {"$project": {"partition": 1, "keys": 1}}]
        async for stored in self._store.aggregate(PARTITIONS, stages):
            partitions.setdefault(frozenset(stored["keys"]), []).append(stored["partition"])
        for present, keys in partitions.items():
            missing = [key for key in cube.rollups if key not in present]
            await self._each_chunk(cube, keys, progress, missing, Recomputed())
        stages = [{"$match": {"collection": cube.collection}}, {"$unwind": "$periods"}, {"$group": {"_id": "$periods"}}]
        periods = [group["_id"] async for group in self._store.aggregate(PARTITIONS, stages)]
        await self._periods(cube, periods, Recomputed())

    async def recompute(self, cube: Cube, keys: Iterable[Key] | None, progress: Progress) -> Recomputed:
        """These partitions (None: all), every rollup of them, and the periods they belong to. Raises Overtaken."""
        differing = Recomputed()
        periods = await self._each_chunk(cube, keys, progress, None, differing)
        await self._periods(cube, periods if keys is not None else periods | await self._known_periods(cube), differing)
        if differing.moved:  # one that another snapshotter has written meanwhile still names them, which does no harm
            await self._store.compare_and_swap(PARTITIONS, [_settled(document) for document in differing.moved])
        return differing

    async def _each_chunk(
        self, cube: Cube, keys: Iterable[Key] | None, progress: Progress, only: list[str] | None, differing: Recomputed
    ) -> set[str]:
        """Recompute the rollups `only` (None: all) of these partitions; the periods they belonged to or belong to."""
        sizes = await self._sizes(cube, keys)
        periods, done = set[str](), 0
        for chunk in _chunks(sizes):
            periods |= await self._partitions(cube, chunk, only, differing)
            done += len(chunk)
            progress(done, len(sizes))
        return periods

    async def _sizes(self, cube: Cube, keys: Iterable[Key] | None) -> dict[Key, int]:
        """The number of documents of each partition; it may have none any more."""
        among: Stage = {"$ne": PLACEHOLDER_PARTITION} if keys is None else {"$in": list(keys)}
        named: Stage = {"ingestion.partition": among}
        count = {"$group": {"_id": "$ingestion.partition", "documents": {"$sum": 1}}}
        # The sort lets the index alone answer.
        stages: list[Stage] = [{"$match": named}, {"$sort": {"ingestion.partition": 1}}, count]
        sizes = {group["_id"]: group["documents"] async for group in self._store.aggregate(cube.collection, stages)}
        if keys is None:
            stages = [{"$match": {"collection": cube.collection}}, {"$project": {"partition": 1}}]
            keys = [stored["partition"] async for stored in self._store.aggregate(PARTITIONS, stages)]
        return {**dict.fromkeys(keys, 0), **sizes}

    async def _partitions(self, cube: Cube, keys: list[Key], only: list[str] | None, differing: Recomputed) -> set[str]:
        before = await self._stored(PARTITIONS, [_id(cube, key) for key in keys])
        stages = of_partitions(cube, cube.rollups if only is None else only, keys)
        fresh = {group["_id"]: group async for group in self._store.aggregate(cube.collection, stages, raw=True)}
        after = []
        for key in keys:
            stored: Any = before.get(_id(cube, key))
            computed: Any = fresh.get(key, {"periods": [], "rollups": {}})
            if only is not None:
                computed = {"periods": stored["periods"], "rollups": _merged(cube, only, stored, computed)}
            periods = list(computed["periods"])
            former = sorted(_named(stored) - set(periods))
            head = {**_head(cube, key, stored), "partition": key, "keys": list(cube.rollups), "periods": periods}
            after.append({**head, "former": former, "rollups": computed["rollups"]})
            differing.moved += after[-1:] if former else []
            if only is None and _content(stored) != _content(after[-1]):
                differing.partitions[key] = {*(stored["periods"] if stored else ()), *periods}
        if not await self._store.compare_and_swap(PARTITIONS, after):
            raise Overtaken
        return {period for document in (*before.values(), *after) for period in _named(document)}

    async def _known_periods(self, cube: Cube) -> set[str]:
        """The periods that have rollups, also where no partition names them."""
        stages: list[Stage] = [{"$match": {"collection": cube.collection}}, {"$project": {"_id": 1}}]
        stored = [document["_id"] async for document in self._store.aggregate(PERIODS, stages)]
        return {key.removeprefix(_id(cube, "")) for key in stored} - {""}

    async def _periods(self, cube: Cube, periods: Iterable[str], differing: Recomputed) -> None:
        for period in sorted(periods):
            before = (await self._stored(PERIODS, [_id(cube, period)])).get(_id(cube, period))
            [rollups] = [row async for row in self._store.aggregate(PARTITIONS, of_period(cube, period), raw=True)]
            after = {**_head(cube, period, before), "rollups": rollups}
            if _content(before) != _content(after):
                differing.periods.add(period)
            if not await self._store.compare_and_swap(PERIODS, [after]):
                raise Overtaken

    async def _stored(self, collection: str, names: list[str]) -> dict[str, Any]:
        documents = self._store.aggregate(collection, [{"$match": {"_id": {"$in": names}}}], raw=True)
        return {document["_id"]: document async for document in documents}


def _id(cube: Cube, key: Key) -> str:
    return f"{cube.collection} {key or ''}"


def _head(cube: Cube, key: Key, before: Any) -> Document:
    version = Int64(before["version"] + 1 if before else 1)
    return {"_id": _id(cube, key), "version": version, "collection": cube.collection}


def _named(stored: Any) -> set[str]:
    """The periods of a stored partition, and its former ones."""
    return {*stored["periods"], *stored.get("former", ())} if stored else set()


def _settled(partition: Document) -> Document:
    """The next version of a partition: its former periods are summed up without it."""
    return {**partition, "version": Int64(partition["version"] + 1), "former": []}


def _merged(cube: Cube, only: list[str], stored: Any, computed: Any) -> Document:
    """The stored rollups, with those computed anew among them, in the order of a document computed as a whole."""
    sources = {key: computed if key in only else stored for key in (*cube.rollups, DOCUMENTS)}
    return {key: source["rollups"][key] for key, source in sources.items() if key in source["rollups"]}


def _content(document: Any) -> Any:
    """The rollups as BSON, None of no documents; their rows are sorted by key: equal ones are equal bytes.

    A partition has periods if it has documents. Its rows are not read: decoded, they take ten times the memory.
    """
    if not document:
        return None
    documents = document["periods"] if "periods" in document else document["rollups"][DOCUMENTS]
    return document["rollups"].raw if documents else None


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
