"""Generations of the past: one of them, how a number grew over all of them, what changed between two."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from multimarket_async.domains import Cube, Kpi, Row, Stage
from multimarket_async.errors import CannotContinue
from multimarket_async.store import GENERATIONS, Store

MOST_NAMED = 20


class NotKept(CannotContinue):
    """Stop: this was not measured, or is not kept any more."""


async def generation(store: Store, number: int | None = None, at: datetime | None = None) -> dict[str, Any]:
    """The generation of this number, or the newest at that time, or the newest. Raises NotKept."""
    wanted: dict[str, Any] = {} if number is None else {"_id": number}
    if at is not None:
        wanted["as_of"] = {"$lte": at}
    stages: list[Stage] = [{"$match": wanted}, {"$sort": {"_id": -1}}, {"$limit": 1}]
    async for found in store.aggregate(GENERATIONS, stages):
        return dict(found)
    if wanted:
        raise NotKept("No such generation is kept: `kpi history` shows which are.")
    raise NotKept("Nothing has been measured yet. `kpi refresh` measures what is stored.")


def rows(kpi: Kpi, one: dict[str, Any]) -> list[Row]:
    """The rows of a KPI in a generation. Raises NotKept."""
    if kpi.name not in one["kpis"]:
        raise NotKept(f"Generation {one['_id']} has no {kpi.name}: it was not measured then.")
    found: list[Row] = one["kpis"][kpi.name]["rows"]
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """A row's value in a generation, where it is not what it was in the generation before."""

    generation: int
    as_of: datetime
    key: tuple[Any, ...]
    value: Any


async def history(store: Store, kpi: Kpi, column: str, most: int | None = None) -> AsyncIterator[Step]:
    """How one column grew, row by row, over all generations that are kept; None: the row is not there any more.

    most: over so many of the newest generations only.
    """
    newest: list[Stage] = [{"$sort": {"_id": -1}}, {"$limit": most}] if most else []
    told: Stage = {"$project": {"as_of": 1, "rows": f"$kpis.{kpi.name}.rows"}}
    before: dict[tuple[Any, ...], Any] = {}
    async for one in store.aggregate(GENERATIONS, [*newest, {"$sort": {"_id": 1}}, told]):
        now = {kpi.row_key(row): row[column] for row in one.get("rows", [])}
        for key in [*now, *(before.keys() - now.keys())]:
            if key not in before or before[key] != now.get(key):
                yield Step(one["_id"], one["as_of"], key, now.get(key))
        before = now


@dataclass(frozen=True, slots=True)
class Change:
    """A row that differs: before or after is None where it is not there."""

    kpi: str
    key: tuple[Any, ...]
    before: Row | None
    after: Row | None

    def columns(self) -> Iterator[str]:
        """Each column that differs, in words."""
        old, new = self.before or {}, self.after or {}
        for name in new or old:
            if old.get(name) != new.get(name):
                yield f"{name} {old.get(name, '-')} -> {new.get(name, '-')}"


def changes(kpi: Kpi, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """Row by row, in the order of the later generation; then rows that left."""
    old, new = (_rows(kpi, one) for one in (before, after))
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            yield Change(kpi.name, key, old.get(key), new.get(key))


def _rows(kpi: Kpi, one: dict[str, Any]) -> dict[tuple[Any, ...], Row]:
    return {kpi.row_key(row): row for row in one["kpis"].get(kpi.name, {"rows": []})["rows"]}


@dataclass(frozen=True, slots=True)
class Entered:
    """Documents that were ingested between two generations: how many, and the first of them by key."""

    documents: int
    keys: list[str]


async def entered(store: Store, cube: Cube, before: dict[str, Any], after: dict[str, Any]) -> Entered:
    """By the time of ingestion: a batch that was on its way at one of the instants may be told on its other side."""
    between = {"ingestion.ingested_at": {"$gt": before["as_of"], "$lte": after["as_of"]}}
    keys = [{"$sort": {"_id": 1}}, {"$limit": MOST_NAMED}, {"$project": {"_id": 1}}]
    stages: list[Stage] = [{"$match": between}, {"$facet": {"count": [{"$count": "documents"}], "keys": keys}}]
    [found] = [one async for one in store.aggregate(cube.collection, stages)]
    counted = found["count"][0]["documents"] if found["count"] else 0
    return Entered(counted, [one["_id"] for one in found["keys"]])
