"""The warehouse: a generation is one transaction, in which only what has changed is written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from multimarket_async.domains import Kpi
from multimarket_async.sinks.columns import cells, differences, key_of
from multimarket_async.sinks.sink import Generation, Held, Source
from multimarket_async.sinks.warehouse import tables
from multimarket_async.sinks.warehouse.connection import Postgres, copy, quoted
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres
from multimarket_async.sinks.warehouse.stars import Stars

PRUNE_EVERY = timedelta(hours=1)
ROWS_PER_TURN = 1000  # of the event loop
LOCK = "SELECT pg_advisory_xact_lock(hashtext('multimarket'), hashtext($1))"


class Warehouse:
    """KPI tables in a schema of PostgreSQL. Any number of processes may write to it: the newest generation stays.

    server: the embedded one, if it is.
    """

    def __init__(self, source: Source, postgres: Postgres, server: EmbeddedPostgres | None = None) -> None:
        self._source = source
        self._postgres = postgres
        self._server = server
        self._schema = source.settings.postgres_schema
        self._pruned_at: datetime | None = None
        self._stars = Stars(source) if any(domain.star for domain in source.domains) else None

    async def held(self) -> Held | None:
        """The generation that it holds."""
        if not await self._postgres.fetch("SELECT WHERE to_regclass('held') IS NOT NULL"):
            return None
        rows = await self._postgres.fetch("SELECT ledger, generation FROM held WHERE format = $1", tables.FORMAT)
        return Held(rows[0]["ledger"], rows[0]["generation"]) if rows else None

    async def write(self, generation: Generation) -> None:
        """Write all KPIs and star schemas, in one transaction."""
        due = self._pruned_at is None or generation.as_of - self._pruned_at > PRUNE_EVERY
        kept = await generation.kept() if due else []
        if self._stars:
            await self._stars.refresh()
        async with self._postgres.transaction() as connection:
            await connection.execute(LOCK, self._schema)
            writing = Writing(connection, generation, self._source)
            begun = await writing.begin(self._schema)
            if begun:
                await writing.kpis()
                await writing.end(kept)
            if begun and self._stars:
                await self._stars.write(connection, generation, self._postgres.place)
        if begun and self._stars:
            await self._stars.written()
        self._pruned_at = generation.as_of if due else self._pruned_at

    async def compare(self, generation: Generation) -> AsyncIterator[str]:
        """A sentence for each row that is not as in this generation, which it holds.

        Star schemas hold at least the documents of that generation: they are compared if it is the newest one.
        """
        for kpi in generation.kpis:
            columns = ", ".join(quoted(cell.name) for cell in cells(kpi))
            found = await self._postgres.fetch(f"SELECT {columns} FROM {quoted(tables.named(kpi.name))}")
            expected = [row async for rows in generation.chunks(kpi) for row in rows]
            for sentence in differences(kpi, expected, map(tuple, found)):
                yield sentence

        if self._stars and await self._source.place() == generation.place:
            async with self._postgres.transaction() as connection:
                async for sentence in self._stars.differences(connection):
                    yield sentence

    async def aclose(self) -> None:
        """Close the connection; stop the embedded server, if no other process began it."""
        if self._stars:
            await self._stars.aclose()
        await self._postgres.aclose()
        if self._server:
            await self._server.aclose()


class Writing:
    """One transaction."""

    def __init__(self, connection: Any, generation: Generation, source: Source) -> None:
        self._connection = connection
        self._generation = generation
        self._domains = {kpi.name: domain.name for domain in source.domains for kpi in domain.kpis}
        self._written: dict[str, Any] = {}

    async def begin(self, schema: str) -> bool:
        """Create what is missing; False if it holds this generation, or a newer one of the same ledger."""
        execute, place = self._connection.execute, self._generation.place
        if not await self._connection.fetchval("SELECT to_regclass('held') IS NOT NULL"):
            await execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            await execute(tables.ENGINE)
            for name, text in tables.COMMENTS.items():
                await execute(f"COMMENT ON TABLE {quoted(name)} IS {tables.literal(text)}")
        held = await self._connection.fetchrow("SELECT ledger, generation, format FROM held")
        same = held is not None and (held["ledger"], held["format"]) == (place.ledger, tables.FORMAT)
        if same and held["generation"] >= place.generation:
            return False
        self._written = {row["name"]: row for row in await self._connection.fetch("SELECT * FROM kpis")}
        if held is not None and not same:
            await self._forget()
        return True

    async def _forget(self) -> None:
        """Remove the rows of another ledger. Readers see them until the transaction ends."""
        for name in self._written:
            await self._connection.execute(f"DELETE FROM {quoted(tables.named(name, '_versions'))}")
        await self._connection.execute("DELETE FROM generations")
        self._written = {name: {**row, "digest": ""} for name, row in self._written.items()}

    async def kpis(self) -> None:
        """Write the rows of each KPI, and remove the tables of those that this generation has not."""
        names = {kpi.name for kpi in self._generation.kpis}
        for name in self._written.keys() - names:
            await self._connection.execute(tables.removed(name))
            await self._connection.execute("DELETE FROM kpis WHERE name = $1", name)
        for kpi in self._generation.kpis:
            await self._kpi(kpi)

    async def _kpi(self, kpi: Kpi) -> None:
        written, declared = self._written.get(kpi.name), tables.declared(kpi)
        if written is None or written["declared"] != declared:
            for statement in tables.created(kpi):
                await self._connection.execute(statement)
            written = None
        digest = await self._generation.digest(kpi)
        if written is None or written["digest"] != digest:
            await self._rows(kpi)
        await self._note(kpi, digest, declared)

    async def _rows(self, kpi: Kpi) -> None:
        await self._connection.execute(tables.staging(kpi))
        columns = ["_key", *(cell.name for cell in cells(kpi))]
        await copy(self._connection, tables.staged(kpi), columns, self._records(kpi))
        await self._connection.execute(f"ANALYZE {quoted(tables.staged(kpi))}")
        number = self._generation.place.generation
        await self._connection.execute(tables.ended(kpi), number)
        await self._connection.execute(tables.begun(kpi), number)

    async def _records(self, kpi: Kpi) -> AsyncIterator[tuple[Any, ...]]:
        """Key and values of each row; a key that comes twice is made another one."""
        columns, keys = cells(kpi), set[str]()
        async for rows in self._generation.chunks(kpi):
            for number, row in enumerate(rows):
                key = key_of(kpi, row)
                key = f"{key} {len(keys)}" if key in keys else key
                keys.add(key)
                yield (key, *(cell.value(row) for cell in columns))
                if number % ROWS_PER_TURN == 0:
                    await asyncio.sleep(0)

    async def _note(self, kpi: Kpi, digest: str, declared: str) -> None:
        generation = self._generation
        facts = {
            "name": kpi.name,
            "domain": self._domains[kpi.name],
            "title": kpi.title,
            "unit": kpi.unit,
            "definition": kpi.definition,
            "generation": generation.place.generation,
            "computed_at": generation.document["computed_at"],
            "as_of": generation.stale.get(kpi.name, generation.as_of),
            "rows": generation.count(kpi),
            "error": generation.errors.get(kpi.name),
            "digest": digest,
            "declared": declared,
        }
        await self._connection.execute(_upsert("kpis", list(facts), "name"), *facts.values())

    async def end(self, kept: Sequence[int]) -> None:
        """Note the generation, and remove those that MongoDB has no more. kept: the numbers of those; none: not now."""
        execute, document, place = self._connection.execute, self._generation.document, self._generation.place
        row = (place.generation, document["computed_at"], document["as_of"], sorted(self._generation.errors))
        await execute("INSERT INTO generations VALUES ($1, $2, $3, $4)", *row)
        await execute("DELETE FROM held")
        await execute("INSERT INTO held VALUES ($1, $2, $3)", *place, tables.FORMAT)
        if kept:
            await execute("DELETE FROM generations WHERE generation <> ALL ($1)", [*kept, place.generation])
            for kpi in self._generation.kpis:
                await execute(tables.pruned(kpi))


def _upsert(table: str, columns: Sequence[str], key: str) -> str:
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name != key)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {changed}"
