"""The rows of star schemas, from a columnar copy of a sink's own, compared with what it wrote last."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from multimarket_async.columnar import Columnar, Copying
from multimarket_async.columnar.statements import quoted, reading
from multimarket_async.domains import Kpi, LoadedDomain, StarTable
from multimarket_async.errors import OperationFailed
from multimarket_async.sinks.sink import Source
from multimarket_async.store import Partitions

MARKS = "CREATE TABLE IF NOT EXISTS main.marks (domain VARCHAR PRIMARY KEY, declared VARCHAR, mark VARCHAR)"
ROWS_PER_FETCH = 2_000  # some milliseconds, in which no other thread of Python runs


class StarCopy:
    """Tables of DuckDB: `new` is what MongoDB holds, `held` what the sink held when its mark was that of the domain.

    path: the file; None: a temporary one.
    """

    def __init__(self, source: Source, path: Path | None) -> None:
        self.domains = tuple(domain for domain in source.domains if domain.star)
        self._measured = {domain.name: _measured(domain) for domain in self.domains}
        self._columnar = Columnar(list(self._measured.values()), path)
        self._copying = Copying(source.store, Partitions(source.store, source.clock), self._columnar)

    async def refresh(self, domain: LoadedDomain) -> None:
        """Compute all tables of a domain from its documents. Raises OperationFailed, Unavailable."""
        await self._run(domain, MARKS)
        for facts in self._measured[domain.name].facts:
            await self._copying.refresh(facts, lambda *_: None)
            for why in (await self._copying.run(self._columnar.roll_up, facts)).values():
                raise OperationFailed(why)
        for table in domain.star:
            await self._copying.run(self._columnar.follow, table.reads)
            await self._run(domain, f"CREATE OR REPLACE TABLE {_new(table)} AS {_rows(table)}")

    async def mark(self, domain: LoadedDomain) -> str:
        """The mark of what was written last, of these declarations; "" if nothing was."""
        query = "SELECT mark FROM main.marks WHERE domain = ? AND declared = ?"
        found = await self._asked(domain, query, [domain.name, declared(domain)])
        return str(found[0][0]) if found else ""

    async def remember(self, domain: LoadedDomain, mark: str) -> None:
        """Take the new rows as those that the sink holds under this mark."""
        await self._run(domain, "DELETE FROM main.marks WHERE domain = ?", [domain.name])
        for table in domain.star:
            await self._run(domain, f"DROP TABLE IF EXISTS {_held(table)}")
            await self._run(domain, f"ALTER TABLE {_new(table)} RENAME TO {quoted(f'held {table.name}')}")
        await self._run(domain, "INSERT INTO main.marks VALUES (?, ?, ?)", [domain.name, declared(domain), mark])

    def all(self, domain: LoadedDomain, table: StarTable) -> AsyncIterator[tuple[Any, ...]]:
        """Every row."""
        return self._read(domain, [*table.columns.values()], f"SELECT * FROM {_new(table)}")

    def chosen(
        self, domain: LoadedDomain, table: StarTable, condition: str, parameters: Sequence[Any]
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The rows of which this holds, by their key."""
        keys = ", ".join(map(quoted, table.key))
        query = f"SELECT * FROM {_new(table)} WHERE {condition} ORDER BY {keys}"
        return self._read(domain, [*table.columns.values()], query, parameters)

    def changed(self, domain: LoadedDomain, table: StarTable) -> AsyncIterator[tuple[Any, ...]]:
        """The rows that are new, or other than they were."""
        query = f"SELECT * FROM {_new(table)} EXCEPT SELECT * FROM {_held(table)}"
        return self._read(domain, [*table.columns.values()], query)

    def gone(self, domain: LoadedDomain, table: StarTable) -> AsyncIterator[tuple[Any, ...]]:
        """The keys of rows that there were."""
        keys = ", ".join(map(quoted, table.key))
        query = f"SELECT {keys} FROM {_held(table)} EXCEPT SELECT {keys} FROM {_new(table)}"
        return self._read(domain, [table.columns[name] for name in table.key], query)

    async def aclose(self) -> None:
        """Close the copy."""
        await self._copying.run(self._columnar.close)

    async def _read(
        self, domain: LoadedDomain, types: Sequence[str], query: str, parameters: Any = None
    ) -> AsyncIterator[tuple[Any, ...]]:
        instants = [place for place, type_ in enumerate(types) if type_ == "timestamptz"]
        await self._run(domain, query, parameters)
        while rows := await self._copying.run(self._columnar.fetch, ROWS_PER_FETCH):
            for row in rows:
                yield _zoned(row, instants) if instants else row

    async def _run(self, domain: LoadedDomain, statement: str, parameters: Any = None) -> None:
        await self._copying.run(self._columnar.execute, self._measured[domain.name], statement, parameters)

    async def _asked(self, domain: LoadedDomain, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        await self._run(domain, query, parameters)
        return await self._copying.run(self._columnar.fetch, ROWS_PER_FETCH)


def declared(domain: LoadedDomain) -> str:
    """A digest of all declarations of a star schema."""
    return "-".join(table.digest for table in domain.star)


def _measured(domain: LoadedDomain) -> LoadedDomain:
    """A domain with the facts and rollups of the star schema only."""
    stars = (Kpi(table.name, table.title, "", "", table.reads, (), table.query) for table in domain.star)
    return LoadedDomain(domain.name, (), tuple(stars), timezone=domain.timezone)


def _rows(table: StarTable) -> str:
    """PostgreSQL has no text with U+0000."""
    columns = [
        f"replace({quoted(name)}, chr(0), chr(65533)) AS {quoted(name)}" if type_ == "text" else quoted(name)
        for name, type_ in table.columns.items()
    ]
    return f"SELECT {', '.join(columns)} FROM ({reading(table.reads, table.query)})"


def _new(table: StarTable) -> str:
    return f"main.{quoted(f'new {table.name}')}"


def _held(table: StarTable) -> str:
    return f"main.{quoted(f'held {table.name}')}"


def _zoned(row: tuple[Any, ...], instants: Sequence[int]) -> tuple[Any, ...]:
    """Instants of DuckDB are in UTC, and do not say so."""
    values = list(row)
    for place in instants:
        if isinstance(values[place], datetime):
            values[place] = values[place].replace(tzinfo=UTC)
    return tuple(values)
