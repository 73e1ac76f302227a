"""The lake: tables that are brought to a generation one after the other, and a table that says which it is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from decimal import Decimal
from typing import Any, NamedTuple

from multimarket_async.document_tables import tables_of
from multimarket_async.domains import Kpi
from multimarket_async.errors import Unavailable
from multimarket_async.kpi_rows import insert
from multimarket_async.kpi_rows import opened as table_of
from multimarket_async.settings import Settings
from multimarket_async.sinks.columns import EXACT_DIGITS
from multimarket_async.sinks.lake import delta
from multimarket_async.sinks.lake.delta import Tables
from multimarket_async.sinks.lake.documents import Documents
from multimarket_async.sinks.lake.place import Place, place_of
from multimarket_async.sinks.sink import Access, Generation, Held, Source

GENERATIONS = "generations"
COLUMNS = '"table", version, digest, ledger, generation'
CREATED = """
CREATE TABLE noted (
  "table" VARCHAR, version BIGINT, digest VARCHAR, ledger VARCHAR, generation BIGINT, as_of TIMESTAMPTZ)
"""
GUIDE = """Delta tables in {url}: `generations` says which version of each table belongs to the newest generation.
  DuckDB, pandas   deltalake.DeltaTable("{url}/kpi_top_products", version=...).to_pandas()
  Polars           polars.read_delta("{url}/kpi_top_products", version=...)
  Spark            spark.read.format("delta").option("versionAsOf", ...).load("{url}/kpi_top_products")"""


class Entry(NamedTuple):
    """A table of the generation that the lake holds. digest: of the rows of a KPI."""

    version: int
    digest: str


class Lake:
    """Delta tables at a place. Two processes may write to it: one of their commits fails, and is tried again."""

    def __init__(self, source: Source, place: Place) -> None:
        self._tables = Tables(place)
        domains = [(facts, domain.timezone) for domain in source.domains for facts in tables_of(domain)]
        self._documents = [Documents(facts, timezone, source, self._tables) for facts, timezone in domains]
        declared = [table for domain in source.domains for table in domain.lake]
        placed = {table.of: table.name for table in declared if isinstance(table.of, str)}
        kpis = [kpi.name for domain in source.domains for kpi in domain.kpis]
        self._of_kpis = {name: placed.get(name, f"kpi_{name}") for name in kpis}

    async def held(self) -> Held | None:
        """The generation that it holds."""
        return (await asyncio.to_thread(self._noted))[0]

    async def write(self, generation: Generation) -> None:
        """Write what has changed; of another ledger nothing stays, as it may show a person who was erased."""
        held, entries = await asyncio.to_thread(self._noted)
        if held and held.ledger != generation.place.ledger:
            await self.remove()
            entries = {}
        written = {table.name: Entry(await table.write(), "") for table in self._documents}
        for kpi in generation.kpis:
            name = self._of_kpis[kpi.name]
            written[name] = await self._kpi(name, kpi, generation, entries.get(name))
        # Before they are forgotten: after a kill in between they are removed again, and nothing of them is left.
        await asyncio.to_thread(self._tables.remove, sorted(entries.keys() - written.keys()))
        await asyncio.to_thread(self._note, generation, written)

    async def remove(self) -> None:
        """Delete all tables: those of the domains that are on, and whatever else it holds."""
        own = {*(table.name for table in self._documents), *self._of_kpis.values()}
        with suppress(Unavailable):  # a damaged lake is removed too
            own |= (await asyncio.to_thread(self._noted))[1].keys()
        await asyncio.to_thread(self._tables.remove, [*sorted(own), GENERATIONS])

    async def compare(self, generation: Generation) -> AsyncIterator[str]:
        """A sentence for each row and each document that differs."""
        _, entries = await asyncio.to_thread(self._noted)
        for kpi in generation.kpis:
            with closing(await self._rows(kpi, generation)) as database:
                name = self._of_kpis[kpi.name]
                for sentence in await asyncio.to_thread(self._differing, database, name, entries.get(name)):
                    yield sentence
        for table in self._documents:
            version = entries[table.name].version if table.name in entries else -1
            for sentence in await table.differences(version) if version >= 0 else [f"{table.name}: it is not there"]:
                yield sentence

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _kpi(self, name: str, kpi: Kpi, generation: Generation, held: Entry | None) -> Entry:
        digest = f"{kpi.digest} {await generation.digest(kpi)}"
        if held and held.digest == digest:
            return held
        with closing(await self._rows(kpi, generation)) as database:
            return Entry(await asyncio.to_thread(self._tables.replace, name, database.table("kpi"), {}), digest)

    async def _rows(self, kpi: Kpi, generation: Generation) -> Any:
        database = await asyncio.to_thread(table_of, kpi)
        async for rows in generation.chunks(kpi):
            await asyncio.to_thread(insert, database, kpi, rows)
        await asyncio.to_thread(_make_exact, database, kpi)
        return database

    def _noted(self) -> tuple[Held | None, dict[str, Entry]]:
        table = self._tables.find(GENERATIONS)
        if table is None:
            return None, {}
        rows = _fetched(delta.selected(table, f"SELECT {COLUMNS} FROM t"))
        place = Held(rows[0][3], rows[0][4]) if rows else None
        return place, {row[0]: Entry(row[1], row[2]) for row in rows}

    def _note(self, generation: Generation, written: dict[str, Entry]) -> None:
        import duckdb  # noqa: PLC0415 - loaded with the first lake

        place, as_of = generation.place, generation.as_of
        rows = [(name, *entry, *place, as_of) for name, entry in written.items()]
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")
            database.execute(CREATED)
            database.executemany("INSERT INTO noted VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._tables.replace(GENERATIONS, database.table("noted"), {})

    def _differing(self, database: Any, name: str, held: Entry | None) -> Iterator[str]:
        table = self._tables.find(name, held.version) if held else None
        if table is None:
            return iter([f"{name}: it is not there"])
        database.register("arrived", delta.selected(table, "SELECT * FROM t"))
        columns = ", ".join(f'"{column}"' for column in database.table("kpi").columns)
        database.execute(f"CREATE TABLE held AS SELECT {columns} FROM arrived")
        differing = "(FROM kpi EXCEPT ALL FROM held) UNION ALL (FROM held EXCEPT ALL FROM kpi)"
        rows = database.execute(differing).fetchall()
        return iter([f"{name}: the row {row!r} is on one side only" for row in rows])


def _make_exact(database: Any, kpi: Kpi) -> None:
    """Change amounts in whole units to decimals with the places of their currency, of their minor units."""
    by_name = {column.name: column for column in kpi.columns}
    for column in kpi.columns:
        if exact := by_name.get(column.exact):
            unit = f"{Decimal(1).scaleb(-exact.digits):f}::DECIMAL({exact.digits + 1}, {exact.digits})"
            type_, value = f"DECIMAL({EXACT_DIGITS}, {exact.digits})", f'"{exact.name}" * {unit}'
            database.execute(f'ALTER TABLE kpi ALTER "{column.name}" TYPE {type_} USING {value}')


def _fetched(stream: Any) -> list[tuple[Any, ...]]:
    import duckdb  # noqa: PLC0415 - loaded with the first lake

    with duckdb.connect() as database:
        database.register("arrived", stream)
        return database.execute("FROM arrived").fetchall()


async def opened(source: Source) -> Lake:
    """The lake of these settings. Raises CannotContinue."""
    place = place_of(source.settings)
    await asyncio.to_thread(place.require)
    return Lake(source, place)


async def check(settings: Settings) -> str:
    """The place that it writes to."""
    place = place_of(settings)
    await asyncio.to_thread(place.require)
    return f"Delta tables in {place.url}"


async def access(settings: Settings) -> Access:
    """The address of the tables, for programs."""
    url = place_of(settings).url
    return Access(url, GUIDE.format(url=url))
