"""KPI generations compared: a column over all of them, the changes between two, and what came in between."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from multimarket_async.domains import Kpi, Row, Stage
from multimarket_async.generations import chunks
from multimarket_async.store import GENERATION, GENERATIONS, Store

MAX_KEYS = 20


@dataclass(frozen=True, slots=True)
class Step:
    """A row's value in a generation, where it differs from the generation before; None: the row has gone."""

    generation: int
    as_of: datetime
    key: tuple[Any, ...]
    value: Any


async def history(store: Store, kpi: Kpi, column: str) -> AsyncIterator[Step]:
    """The steps of one column, row by row, over all kept generations but those in which the KPI failed."""
    fields: Stage = {"$project": {"as_of": 1, f"kpis.{kpi.name}": 1}}
    measured: Stage = {
        "$match": {**GENERATION, f"kpis.{kpi.name}": {"$exists": True}, f"kpis.{kpi.name}.error": {"$exists": False}}
    }
    before, read = dict[tuple[Any, ...], Any](), None
    async for document in store.aggregate(GENERATIONS, [measured, {"$sort": {"_id": 1}}, fields]):
        reference = document["kpis"][kpi.name].get("rows_in")
        if reference and reference == read:
            continue
        now = {kpi.row_key(row): row[column] async for rows in chunks(store, kpi, document) for row in rows}
        for key in [*now, *(before.keys() - now.keys())]:
            if key not in before or before[key] != now.get(key):
                yield Step(document["_id"], document["as_of"], key, now.get(key))
        before, read = now, reference


@dataclass(frozen=True, slots=True)
class Change:
    """A row that differs between two generations; before or after is None where it is absent."""

    kpi: str
    key: tuple[Any, ...]
    before: Row | None
    after: Row | None


async def changes(store: Store, kpi: Kpi, before: dict[str, Any], after: dict[str, Any]) -> AsyncIterator[Change]:
    """Row by row, in the order of the later generation; then the rows that it lacks. None of a KPI that failed."""
    old, new = (document["kpis"].get(kpi.name, {"rows": []}) for document in (before, after))
    if "error" in old or "error" in new or ("digest" in old and old["digest"] == new.get("digest")):
        return
    rows = {kpi.row_key(row): row async for chunk in _measured(store, kpi, before) for row in chunk}
    async for chunk in _measured(store, kpi, after):
        for row in chunk:
            earlier = rows.pop(kpi.row_key(row), None)
            if earlier != row:
                yield Change(kpi.name, kpi.row_key(row), earlier, row)
    for key, row in rows.items():
        yield Change(kpi.name, key, row, None)


async def _measured(store: Store, kpi: Kpi, document: dict[str, Any]) -> AsyncIterator[list[Row]]:
    """The rows of a KPI, none where it was not measured."""
    if kpi.name in document["kpis"]:
        async for chunk in chunks(store, kpi, document):
            yield chunk


@dataclass(frozen=True, slots=True)
class Entered:
    """Documents that were ingested between two generations: their number, and the first of them by key."""

    documents: int
    keys: list[str]


async def entered(store: Store, collections: Iterable[str], before: dict[str, Any], after: dict[str, Any]) -> Entered:
    """By the time of ingestion: a batch in flight at one of the two instants may be counted on the other side."""
    parts = [await _entered(store, collection, before, after) for collection in collections]
    keys = sorted(key for part in parts for key in part.keys)
    return Entered(sum(part.documents for part in parts), keys[:MAX_KEYS])


async def _entered(store: Store, collection: str, before: dict[str, Any], after: dict[str, Any]) -> Entered:
    between = {"ingestion.ingested_at": {"$gt": before["as_of"], "$lte": after["as_of"]}}
    keys = [{"$sort": {"_id": 1}}, {"$limit": MAX_KEYS}, {"$project": {"_id": 1}}]
    stages: list[Stage] = [{"$match": between}, {"$facet": {"count": [{"$count": "documents"}], "keys": keys}}]
    [facets] = [document async for document in store.aggregate(collection, stages)]
    documents = facets["count"][0]["documents"] if facets["count"] else 0
    return Entered(documents, [document["_id"] for document in facets["keys"]])
