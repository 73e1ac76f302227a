"""The ledger of generations: each is one document, published whole or not at all.

A table of rows that is too long for it lies beside it, in chunks (`store.rows`), and the document refers to it: written
before the document that refers to it, never changed, deleted after the last one.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import uuid4

import structlog

from multimarket_async.domains import Kpi, Row, Stage
from multimarket_async.settings import Settings
from multimarket_async.snapshots.generations import REFERENCE, SOURCE, Generation, packed_rows, superseded, taken_over
from multimarket_async.snapshots.schema import mismatch
from multimarket_async.store import (
    GENERATION,
    GENERATIONS,
    ROWS,
    Int64,
    Packed,
    Store,
    chunk_key,
    read_rows,
    write_rows,
)

log = structlog.get_logger()

FORGOTTEN = {"rows": [], "error": "its rows were removed when personal data was erased"}

Entry: TypeAlias = dict[str, Any]  # of a KPI in a generation


class Ledger:
    """The stored generations."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prepare(self) -> None:
        """Define the index by which views and readers find long tables. Raises OperationFailed."""
        await self._store.define_index(ROWS, "table", "chunk")

    async def publish(
        self, generation: Generation, newest: Generation | None, packed: Mapping[str, Packed] | None = None
    ) -> bool:
        """Publish a generation with all its rows; False if its number was taken.

        newest: the one before, to whose long tables it refers where they are equal. packed: its rows, if they are.
        """
        tables = await asyncio.to_thread(packed_rows, generation) if packed is None else packed
        written: dict[str, Packed] = {}
        kpis = dict(generation["kpis"])
        for name, rows in tables.items():
            if rows.is_long:
                reference = _reference(rows, (newest or {}).get("kpis", {}).get(name, {}))
                if reference is None:
                    table = f"{generation['_id']}-{uuid4().hex[:12]} {name}"
                    await write_rows(self._store, table, rows.chunks)
                    written[table] = rows
                    reference = {"rows_in": table, "count": Int64(rows.count), "digest": rows.digest}
                kpis[name] = {**kpis[name], "rows": [], **reference}
        if await self._store.insert_if_absent(GENERATIONS, {**generation, "kpis": kpis}):
            return True
        await self._remove({table: range(len(rows.chunks)) for table, rows in written.items()})
        return False

    async def entry_of_failed(self, kpi: Kpi, why: str, newest: Generation | None) -> Entry:
        """The entry of a KPI that fails: the rows of the newest generation in which it worked, marked as stale.

        Without rows if it never worked, or if its columns were others then.
        """
        head = {"title": kpi.title, "unit": kpi.unit}
        before = (newest or {}).get("kpis", {}).get(kpi.name)
        never = before is None or ("error" in before and "stale_since" not in before)
        if newest is None or never or mismatch(kpi, await self._first_rows(before)):
            return {**head, "rows": [], "error": why}
        return {
            **head,
            **taken_over(kpi, newest),
            "error": why,
            "stale_since": before.get("stale_since", newest["as_of"]),
        }

    async def _first_rows(self, entry: Entry) -> list[Row]:
        if "rows_in" in entry:
            async for rows in read_rows(self._store, entry["rows_in"]):
                return rows
        return list(entry["rows"])

    async def forget(self, kpis: Iterable[str], newest: int) -> None:
        """Remove the rows of these KPIs from the generations before this one, and from itself those that are stale."""
        fields = {"as_of": 1, **{f"kpis.{name}.{field}": 1 for name in kpis for field in ("title", "stale_since")}}
        stages: list[Stage] = [{"$match": {**GENERATION, "_id": {"$lte": newest}}}, {"$project": fields}]
        forgotten = [_forgotten(generation, newest) async for generation in self._store.aggregate(GENERATIONS, stages)]
        await self._store.update(GENERATIONS, [update for update in forgotten if update], insert=False)

    async def prune(self, now: datetime, settings: Settings) -> None:
        """Delete generations that are old and superseded, then long tables to which none refers any more.

        The number of a table is that of the generation it was written for. Where that number is taken, and the newest
        generation does not refer to the table, none will: a generation takes over tables of the one before it only.
        A table whose number is not taken yet may belong to one that is about to be published.
        """
        tables = await self._tables()
        dated: Stage = {"$match": {**GENERATION, "computed_at": {"$type": "date"}}}
        stages: list[Stage] = [dated, {"$sort": {"_id": 1}}, {"$project": {"computed_at": 1, "tables": REFERRED}}]
        generations = [generation async for generation in self._store.aggregate(GENERATIONS, stages)]
        times = [(generation["_id"], generation["computed_at"]) for generation in generations]
        if outdated := set(superseded(times, now, settings)):
            await self._store.remove(GENERATIONS, list(outdated))
            log.info("generations.pruned", generations=len(outdated))
        kept = [generation for generation in generations if generation["_id"] not in outdated]
        referred = {table for generation in kept for table in generation["tables"]}
        newest = kept[-1]["_id"] if kept else 0
        await self._remove(
            {name: chunks for name, chunks in tables.items() if name not in referred and _number(name) <= newest}
        )

    async def _tables(self) -> dict[str, list[int]]:
        """The numbers of the chunks of each long table. The sort lets the index alone answer."""
        grouped: Stage = {"$group": {"_id": "$table", "chunks": {"$push": "$chunk"}}}
        stages: list[Stage] = [{"$match": {"table": OURS}}, {"$sort": {"table": 1}}, grouped]
        return {group["_id"]: group["chunks"] async for group in self._store.aggregate(ROWS, stages)}

    async def _remove(self, tables: Mapping[str, Any]) -> None:
        for table, chunks in tables.items():
            await self._store.remove(ROWS, [chunk_key(table, number) for number in chunks])


OURS = {"$regex": "^[0-9]+-"}  # the name of a table: documents of another hand have none
REFERRED = {
    "$filter": {
        "input": {"$map": {"input": {"$objectToArray": {"$ifNull": ["$kpis", {}]}}, "in": "$$this.v.rows_in"}},
        "cond": {"$ne": ["$$this", None]},
    }
}


def _forgotten(generation: Generation, newest: int) -> tuple[Entry, Entry] | None:
    """The update of a generation, of which these KPIs are, that removes their rows."""
    names = [
        name
        for name, entry in generation.get("kpis", {}).items()
        if generation["_id"] < newest or "stale_since" in entry
    ]
    changed = {f"kpis.{name}.{field}": value for name in names for field, value in FORGOTTEN.items()}
    removed = {f"kpis.{name}.{field}": "" for name in names for field in (*REFERENCE, SOURCE, "stale_since")}
    return ({"_id": generation["_id"]}, {"$set": changed, "$unset": removed}) if names else None


def _reference(rows: Packed, before: Entry) -> Entry | None:
    """The reference of the generation before, if it is to equal rows."""
    return {key: before[key] for key in REFERENCE} if before.get("digest") == rows.digest else None


def _number(table: str) -> int:
    return int(table.partition("-")[0])
