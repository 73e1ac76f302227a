"""Star schemas in PostgreSQL: tables with primary and foreign keys, of which only rows that changed are written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import structlog

from multimarket_async.domains import LoadedDomain, StarTable
from multimarket_async.errors import OperationFailed
from multimarket_async.sinks.sink import Generation, Source
from multimarket_async.sinks.star_copy import StarCopy, declared
from multimarket_async.sinks.warehouse.connection import copy, literal, quoted, translated

log = structlog.get_logger()

ENGINE = """
CREATE TABLE IF NOT EXISTS stars (
  domain text PRIMARY KEY, tables text[] NOT NULL, declared text NOT NULL, mark text NOT NULL, as_of timestamptz,
  error text)
"""
COMMENT = """COMMENT ON TABLE stars IS 'The star schemas: each holds at least the documents as of then; where error is
 not null it is as it was before.'"""
FILE = "warehouse.duckdb"  # in data_dir; derived, and may be deleted
ROWS_PER_TURN = 500  # of the event loop


class Stars:
    """The star schemas of the domains that are on. One that fails stays as it was, with the reason beside it.

    Their rows come from a copy. Whether PostgreSQL still has what that copy remembers is known by a mark, another one
    after each transaction; where the marks differ, all rows are sent, and compared there.
    """

    def __init__(self, source: Source) -> None:
        folder = source.settings.data_dir
        self._copy = StarCopy(source, folder / FILE if folder.is_dir() else None)
        self._written: dict[str, str] = {}
        self._failed: dict[str, str] = {}

    async def refresh(self) -> None:
        """Compute all rows. Raises Unavailable."""
        self._failed = {}
        for domain in self._copy.domains:
            try:
                await self._copy.refresh(domain)
            except OperationFailed as why:
                self._fails(domain, str(why))

    async def write(self, connection: Any, generation: Generation, place: str) -> None:
        """Write what has changed, as a part of the transaction of a generation."""
        await connection.execute(ENGINE)
        await connection.execute(COMMENT)
        for domain in self._copy.domains:
            if domain.name not in self._failed:
                try:
                    with translated(place):
                        async with connection.transaction():
                            await _Writing(connection, self._copy, domain).write(generation)
                except OperationFailed as why:
                    self._fails(domain, str(why))
            await connection.execute(
                "UPDATE stars SET error = $2 WHERE domain = $1", domain.name, self._failed.get(domain.name)
            )
        rows = await connection.fetch("SELECT domain, mark FROM stars WHERE error IS NULL")
        self._written = {row["domain"]: row["mark"] for row in rows}

    async def written(self) -> None:
        """Remember what was written: the transaction is over."""
        for domain in self._copy.domains:
            if mark := self._written.get(domain.name):
                await self._copy.remember(domain, mark)

    async def differences(self, connection: Any) -> AsyncIterator[str]:
        """A sentence for each table that differs from the documents."""
        await self.refresh()
        for domain in self._copy.domains:
            if why := self._failed.get(domain.name):
                yield f"the star schema of {domain.name}: {why}"
                continue
            for table in domain.star:
                if await _differs(connection, self._copy, domain, table):
                    yield f"{table.name}: its rows are not those that the documents give"

    async def aclose(self) -> None:
        """Close the copy."""
        await self._copy.aclose()

    def _fails(self, domain: LoadedDomain, why: str) -> None:
        log.error("star.failed", domain=domain.name, why=why)
        self._failed[domain.name] = why


class _Writing:
    """The tables of a domain in a transaction."""

    def __init__(self, connection: Any, source: StarCopy, domain: LoadedDomain) -> None:
        self._connection = connection
        self._copy = source
        self._domain = domain

    async def write(self, generation: Generation) -> None:
        """Create the tables where they are others now, and write the rows that changed."""
        domain, execute = self._domain, self._connection.execute
        row = await self._connection.fetchrow("SELECT * FROM stars WHERE domain = $1", domain.name)
        made = row is None or row["declared"] != declared(domain)
        if made:
            await self._create(row["tables"] if row else [])
        known = not made and row["mark"] == await self._copy.mark(domain)
        for table in domain.star:
            await (self._load(table) if made else self._rows(table, known=known))
        for statement in [statement for table in domain.star if made for statement in keys(table)]:
            await execute(statement)
        await execute("SET CONSTRAINTS ALL IMMEDIATE")  # so that only this domain fails
        names = [table.name for table in domain.star]
        values = (domain.name, names, declared(domain), uuid4().hex, generation.as_of)
        await execute("DELETE FROM stars WHERE domain = $1", domain.name)
        await execute("INSERT INTO stars VALUES ($1, $2, $3, $4, $5)", *values)

    async def _create(self, before: Sequence[str]) -> None:
        for name in (*before, *(table.name for table in self._domain.star)):
            await self._connection.execute(f"DROP TABLE IF EXISTS {quoted(name)} CASCADE")
        for table in self._domain.star:
            await self._connection.execute(created(table))
            await self._connection.execute(f"COMMENT ON TABLE {quoted(table.name)} IS {literal(table.title)}")

    async def _load(self, table: StarTable) -> None:
        await copy(self._connection, table.name, list(table.columns), _in_turns(self._copy.all(self._domain, table)))

    async def _rows(self, table: StarTable, *, known: bool) -> None:
        """known: PostgreSQL holds what the copy remembers, so that it need be sent changes only."""
        source, domain = self._copy, self._domain
        changed = source.changed(domain, table) if known else source.all(domain, table)
        await self._stage("star_new", table, list(table.columns), changed)
        if known:
            await self._stage("star_gone", table, table.key, source.gone(domain, table))
            await self._connection.execute(deleted(table, "IN", "star_gone"))
        else:
            await self._connection.execute(deleted(table, "NOT IN", "star_new"))
        await self._connection.execute(merged(table))

    async def _stage(
        self, name: str, table: StarTable, columns: Sequence[str], rows: AsyncIterator[tuple[Any, ...]]
    ) -> None:
        typed = ", ".join(f"{quoted(column)} {table.columns[column]}" for column in columns)
        await self._connection.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        await self._connection.execute(f"CREATE TEMPORARY TABLE {name} ({typed}) ON COMMIT DROP")
        await copy(self._connection, name, columns, _in_turns(rows))
        await self._connection.execute(f"ANALYZE {name}")


def created(table: StarTable) -> str:
    """The statement that creates a table; its keys follow when it has rows: that takes half the time."""
    columns = [
        f"{quoted(name)} {type_}{' NOT NULL' if name in table.key else ''}" for name, type_ in table.columns.items()
    ]
    return f"CREATE TABLE {quoted(table.name)} ({', '.join(columns)})"


def keys(table: StarTable) -> list[str]:
    """The statements that add its keys, and the indexes by which rows of tables that it refers to can be removed."""
    name = quoted(table.name)
    return [f"ALTER TABLE {name} ADD PRIMARY KEY ({_list(table.key)})"] + [
        statement
        for column, other in table.references.items()
        for statement in (
            f"CREATE INDEX ON {name} ({quoted(column)})",
            (
                f"ALTER TABLE {name} ADD FOREIGN KEY ({quoted(column)}) REFERENCES {quoted(other)}"
                " DEFERRABLE INITIALLY DEFERRED"
            ),
        )
    ]


def deleted(table: StarTable, among: str, staged: str) -> str:
    """The statement that removes the rows whose keys are in a staged table, or are not."""
    equal = " AND ".join(f"s.{quoted(name)} = t.{quoted(name)}" for name in table.key)
    exists = "EXISTS" if among == "IN" else "NOT EXISTS"
    return f"DELETE FROM {quoted(table.name)} t WHERE {exists} (SELECT FROM {staged} s WHERE {equal})"


def merged(table: StarTable) -> str:
    """The statement that inserts the staged rows, and updates those that differ."""
    columns, others = _list(table.columns), [name for name in table.columns if name not in table.key]
    insert = f"INSERT INTO {quoted(table.name)} AS t ({columns}) SELECT {columns} FROM star_new"
    if not others:  # DO NOTHING would pass over two rows of one key
        return f"{insert} EXCEPT ALL SELECT {columns} FROM {quoted(table.name)}"
    changes = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in others)
    old, new = (", ".join(f"{row}.{quoted(name)}" for name in others) for row in ("t", "EXCLUDED"))
    update = f"DO UPDATE SET {changes} WHERE ({old}) IS DISTINCT FROM ({new})"
    return f"{insert} ON CONFLICT ({_list(table.key)}) {update}"


async def _differs(connection: Any, source: StarCopy, domain: LoadedDomain, table: StarTable) -> bool:
    """Compare sums of hashes of all rows, so in bounded memory."""
    expected = found = 0
    async for row in _in_turns(source.all(domain, table)):
        expected += hash(row)
    async for row in connection.cursor(f"SELECT {_list(table.columns)} FROM {quoted(table.name)}", prefetch=1000):
        found += hash(tuple(row))
    return expected != found


async def _in_turns(rows: AsyncIterator[tuple[Any, ...]]) -> AsyncIterator[tuple[Any, ...]]:
    """The same, with turns for the rest of the event loop in between."""
    number = 0
    async for row in rows:
        number += 1
        if number % ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
        yield row


def _list(names: Sequence[str] | Any) -> str:
    return ", ".join(map(quoted, names))
