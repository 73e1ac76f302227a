"""The stored KPI generations, read: one of them, its rows in chunks, and what failed in it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from multimarket_async.domains import Kpi, Row, Stage
from multimarket_async.errors import CannotContinue
from multimarket_async.store import GENERATION, GENERATIONS, Erasures, Store, read_rows

OURS: Stage = {"$match": GENERATION}


class NotKept(CannotContinue):
    """Stop: this was not measured, or is not kept any more."""


async def generation(store: Store, number: int | None = None, at: datetime | None = None) -> dict[str, Any]:
    """The generation of this number, or the newest at that time, or the newest. Raises NotKept."""
    condition: dict[str, Any] = {} if number is None else {"_id": number}
    if at is not None:
        condition["as_of"] = {"$lte": at}
    stages: list[Stage] = [{"$match": {"$and": [GENERATION, condition]}}, {"$sort": {"_id": -1}}, {"$limit": 1}]
    async for document in store.aggregate(GENERATIONS, stages):
        return dict(document)
    if condition and (first := await _oldest(store)):
        which = f"Generation {number}" if at is None else f"A generation as of {at:%Y-%m-%d %H:%M:%S %Z}"
        since = f"{first['_id']}, of {first['as_of']:%Y-%m-%d %H:%M:%S} UTC"
        raise NotKept(f"{which} is not kept: the oldest one is {since}. `kpi history` lists them.")
    raise NotKept("Nothing has been measured yet. `kpi refresh` measures what is stored.")


async def _oldest(store: Store) -> dict[str, Any] | None:
    stages: list[Stage] = [OURS, {"$sort": {"_id": 1}}, {"$limit": 1}, {"$project": {"as_of": 1}}]
    return next(iter([document async for document in store.aggregate(GENERATIONS, stages)]), None)


async def newest(store: Store, most: int) -> AsyncIterator[dict[str, Any]]:
    """The number, time and documents of the newest generations, newest first."""
    fields: Stage = {"$project": {"as_of": 1, "documents": 1}}
    async for document in store.aggregate(GENERATIONS, [OURS, {"$sort": {"_id": -1}}, {"$limit": most}, fields]):
        yield dict(document)


async def ledger(store: Store) -> str:
    """The identity of all generations together: another one after an erasure, or where the database is another one."""
    return f"{await store.identity(GENERATIONS)} {await Erasures(store).ended()}"


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
