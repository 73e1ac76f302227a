"""The stored KPI generations: one of them, the age of the newest, a column over all, the changes between two."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Kpi, Row, Stage
from multimarket_async.errors import CannotContinue
from multimarket_async.store import GENERATIONS, Store, read_rows
from multimarket_async.store.partitions import VERSIONS

MAX_KEYS = 20


class NotKept(CannotContinue):
    """Stop: this was not measured, or is not kept any more."""


async def generation(store: Store, number: int | None = None, at: datetime | None = None) -> dict[str, Any]:
    """The generation of this number, or the newest at that time, or the newest. Raises NotKept."""
    condition: dict[str, Any] = {} if number is None else {"_id": number}
    if at is not None:
        condition["as_of"] = {"$lte": at}
    stages: list[Stage] = [{"$match": condition}, {"$sort": {"_id": -1}}, {"$limit": 1}]
    async for document in store.aggregate(GENERATIONS, stages):
        return dict(document)
    if condition:
        raise NotKept("No such generation is kept: `kpi history` shows which are.")
    raise NotKept("Nothing has been measured yet. `kpi refresh` measures what is stored.")


async def rows(store: Store, kpi: Kpi, document: dict[str, Any]) -> list[Row]:
    """The rows of a KPI in a generation, all in memory. Raises NotKept."""
    return [row async for chunk in chunks(store, kpi, document) for row in chunk]


async def rows_by_kpi(store: Store, document: dict[str, Any]) -> dict[str, list[Row]]:
    """The rows of all KPIs of a generation, all in memory. Raises NotKept."""
    return {name: [row async for chunk in _chunks(store, document, name) for row in chunk] for name in document["kpis"]}


async def chunks(store: Store, kpi: Kpi, document: dict[str, Any]) -> AsyncIterator[list[Row]]:
    """The rows of a KPI in a generation, in order, at least one list, none of them large. Raises NotKept.

    Of a long table it is known at its end only that it is whole.
    """
    check_measured(kpi, document)
    async for chunk in _chunks(store, document, kpi.name):
        yield chunk


async def _chunks(store: Store, document: dict[str, Any], name: str) -> AsyncIterator[list[Row]]:
    entry, found = document["kpis"][name], 0
    if "rows_in" not in entry:
        yield entry["rows"]
        return
    async for chunk in read_rows(store, entry["rows_in"]):
        found += len(chunk)
        yield chunk
    if found != entry["count"]:
        raise NotKept(f"The rows of {name} in generation {document['_id']} are not kept any more.")


def check_measured(kpi: Kpi, document: dict[str, Any]) -> None:
    """Refuse a generation without this KPI. Raises NotKept."""
    if kpi.name not in document["kpis"]:
        raise NotKept(f"Generation {document['_id']} has no {kpi.name}: it was not measured then.")


async def first_rows(store: Store, kpi: Kpi, document: dict[str, Any], most: int) -> list[Row]:
    """The first rows of a KPI in a generation, at most so many. Raises NotKept."""
    rows: list[Row] = []
    async for chunk in chunks(store, kpi, document):
        rows += chunk[: most - len(rows)]
        if len(rows) == most:
            break
    return rows


def count(kpi: Kpi, document: dict[str, Any]) -> int:
    """The number of rows of a KPI in a generation."""
    entry = document["kpis"][kpi.name]
    return int(entry["count"]) if is_long(kpi, document) else len(entry["rows"])


def is_long(kpi: Kpi, document: dict[str, Any]) -> bool:
    """The rows are too many for the document of the generation."""
    return "rows_in" in document["kpis"][kpi.name]


def error(kpi: Kpi, document: dict[str, Any]) -> str | None:
    """The reason why a KPI failed in a generation: its rows are stale, or there are none."""
    return errors(document).get(kpi.name)


def errors(document: dict[str, Any]) -> dict[str, str]:
    """The KPIs that failed in a generation, and why."""
    return {name: kpi["error"] for name, kpi in document.get("kpis", {}).items() if "error" in kpi}


def stale(document: dict[str, Any]) -> dict[str, datetime]:
    """The KPIs that failed in a generation and have rows of an earlier one, and the time these are as of."""
    return {name: kpi["stale_since"] for name, kpi in document.get("kpis", {}).items() if "stale_since" in kpi}


def failure(name: str, why: str, stale_since: datetime | None) -> str:
    """A KPI that failed, in a sentence."""
    if stale_since is None:
        return f"KPI {name} failed, and has no rows: {why}"
    return f"KPI {name} failed, and is STALE: its rows are as of {stale_since:%Y-%m-%d %H:%M:%S} UTC: {why}"


class KpiFreshness(BaseModel):
    """The newest generation; null before the first.

    behind_s: how long the oldest dirty partition has waited for a generation. A quiet night makes numbers old, not
    stale: they are stale when a document that was stored longer ago than `stale_after_s` is not in them.
    """

    generation: int | None = None
    as_of: AwareDatetime | None = None
    age_s: float | None = None
    newest_event: AwareDatetime | None = None
    newest_events: dict[str, AwareDatetime] = {}
    behind_s: float | None = None
    stale: bool = False
    drift: int | None = None
    foreign: dict[str, int] = Field(
        default={}, description="documents in a domain's tables that MultiMarket did not store"
    )
    failed: dict[str, str] = Field(default={}, description="KPIs that failed in this generation, and why")
    stale_since: dict[str, AwareDatetime] = Field(
        default={}, description="the failed KPIs that have rows of an earlier generation, and the time these are as of"
    )


async def freshness(store: Store, now: datetime, stale_after_s: float) -> KpiFreshness:
    """The freshness of the newest generation."""
    newest = await store.newest(GENERATIONS)
    if newest is None:
        return KpiFreshness()
    unmeasured: list[Stage] = [{"$match": {"since": {"$exists": True}}}, {"$sort": {"since": 1}}, {"$limit": 1}]
    oldest = [changed["since"] async for changed in store.aggregate(VERSIONS, unmeasured)]
    behind_s = round((now - oldest[0]).total_seconds(), 1) if oldest else 0.0
    return KpiFreshness(
        generation=newest["_id"],
        as_of=newest["as_of"],
        age_s=round((now - newest["as_of"]).total_seconds(), 1),
        newest_event=newest.get("newest_event"),
        newest_events=newest.get("newest_events", {}),
        behind_s=behind_s,
        stale=behind_s > stale_after_s,
        drift=newest.get("drift"),
        foreign=newest.get("foreign", {}),
        failed=errors(newest),
        stale_since=stale(newest),
    )


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
    measured: Stage = {"$match": {f"kpis.{kpi.name}": {"$exists": True}, f"kpis.{kpi.name}.error": {"$exists": False}}}
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

    def columns(self) -> Iterator[str]:
        """Each column that differs, in words."""
        old, new = self.before or {}, self.after or {}
        for name in new or old:
            if old.get(name) != new.get(name):
                yield f"{name} {old.get(name, '-')} -> {new.get(name, '-')}"


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
