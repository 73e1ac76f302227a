"""MongoDB's documents -> Delta: of partitions that have changed since, what differs is merged in one commit."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from multimarket_async import sql
from multimarket_async.columnar.statements import add, fields_of, nothing, quoted, selected
from multimarket_async.domains import Facts, LoadedDomain, Value
from multimarket_async.sinks.lake import delta
from multimarket_async.sinks.lake.delta import DAY, Tables
from multimarket_async.sinks.sink import Source
from multimarket_async.store import Partitions, lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

MEMORY_LIMIT, BATCH_DOCUMENTS, KEYS_PER_QUERY = "256MB", 40_000, 10_000
WHOLE = "documents of"


def tables_of(domain: LoadedDomain) -> list[Facts]:
    """The collections that the KPIs of a domain read, each with all facts that are declared of it, by their tables.

    Of those whose table the domain declares, what it declares.
    """
    own = {table.of.collection: (table.name, [table.of]) for table in domain.lake if isinstance(table.of, Facts)}
    by_collection: dict[str, list[Facts]] = {}
    for facts in domain.facts:
        by_collection.setdefault(facts.collection, []).append(facts)
    read = {name: (name, declared) for name, declared in by_collection.items()}
    return [_together(name, declared) for name, declared in sorted((read | own).values())]


def _together(name: str, declared: Sequence[Facts]) -> Facts:
    """All fields, each nullable: a document of ours is in the lake whatever it lacks."""
    fields: dict[str, Value] = {}
    for facts in declared:
        for field, value in facts.fields.items():
            known = fields.get(field, value)
            place = field if (known.path, known.type) == (value.path, value.type) else f"{facts.name}_{field}"
            fields[place] = Value(value.path, value.type, nullable=True)
    event = next((facts.event for facts in declared if facts.event), "")
    return Facts(name, declared[0].collection, fields, event=event)


class Documents:
    """A collection and its table."""

    def __init__(self, facts: Facts, timezone: str, source: Source, tables: Tables) -> None:
        self.facts = facts
        self.name, self._collection = facts.name, facts.collection
        self._timezone = timezone
        self._store = source.store
        self._partitions = Partitions(source.store, source.clock)
        self._tables = tables

    async def write(self) -> int:
        """Bring the table to what MongoDB has now, or a little later; its version. Raises Unavailable."""
        identity = await self._store.identity(self._collection)
        whole = f"{WHOLE} {self.facts.key} {identity}"
        versions = await self._versions(identity)
        table = await asyncio.to_thread(self._tables.find, self.name)
        if table is None or table.transaction_version(whole) is None:
            return await self._replace({whole: 1, **versions})
        changed = {name: version for name, version in versions.items() if table.transaction_version(name) != version}
        return await self._merge(table, identity, changed) if changed else int(table.version())

    async def differences(self, version: int) -> list[str]:
        """A sentence for each document that differs, of partitions that have not changed since; the first ones."""
        identity = await self._store.identity(self._collection)
        table = await asyncio.to_thread(self._tables.find, self.name, version)
        if table is None:
            return [f"{self.name}: there is no such table"]
        with Room(self.facts, self._timezone) as room:
            await self._stage(room, {})
            versions = await self._versions(identity)
            unchanged = [name for name, at in versions.items() if table.transaction_version(name) == at]
            held = await asyncio.to_thread(delta.selected, table, "SELECT * FROM t")
            return await asyncio.to_thread(room.differing, held, _partitions(identity, unchanged))

    async def _versions(self, identity: str) -> dict[str, int]:
        found = await self._partitions.versions(self._collection)
        return {f"{identity} {partition or ''}": version for partition, version in found.items()}

    async def _replace(self, versions: dict[str, int]) -> int:
        with Room(self.facts, self._timezone) as room:
            await self._stage(room, {})
            return await asyncio.to_thread(self._tables.replace, self.name, room.all(), versions)

    async def _merge(self, table: Any, identity: str, changed: dict[str, int]) -> int:
        with Room(self.facts, self._timezone) as room:
            partitions = _partitions(identity, changed)
            await self._stage(room, {"ingestion.partition": {"$in": [name or None for name in partitions]}})
            among = ", ".join(map(_text, partitions))
            query = f"SELECT * FROM t WHERE coalesce(partition, '') IN ({among})"
            held = await asyncio.to_thread(delta.selected, table, query)
            missing = await asyncio.to_thread(room.compare, held)
            for start in range(0, len(missing), KEYS_PER_QUERY):
                await self._stage(room, {"_id": {"$in": missing[start : start + KEYS_PER_QUERY]}})
            rows, days = await asyncio.to_thread(room.changes)
            if rows is None:
                return await asyncio.to_thread(self._tables.note, self.name, room.none(), changed)
            return await asyncio.to_thread(self._tables.merge, self.name, rows, days, changed)

    async def _stage(self, room: "Room", condition: dict[str, Any]) -> None:
        async for batch in self._store.batches(self._collection, condition, BATCH_DOCUMENTS):
            await asyncio.to_thread(room.add, batch)


class Room:
    """A temporary database of DuckDB, in which the rows of a table are made. Blocks."""

    def __init__(self, facts: Facts, timezone: str) -> None:
        self._facts = facts
        self._timezone = timezone
        self._folder = Path(tempfile.mkdtemp(prefix="multimarket-lake-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @cached_property
    def _database(self) -> "Database":
        database = sql.opened(self._folder / "room.duckdb", MEMORY_LIMIT)
        database.execute("SET TimeZone = 'UTC'")
        sql.define(database, self._timezone)
        database.execute(f"CREATE TABLE fresh AS {self._rows(nothing(self._facts))}")
        return database

    def _rows(self, source: str) -> str:
        """Rows of the table: times in UTC, and the day of the event in the business time zone."""
        instants = {name for name, value in self._facts.fields.items() if value.type == "TIMESTAMP"}
        columns = [
            f"make_timestamptz(epoch_us({quoted(name)})) AS {quoted(name)}" if name in instants else quoted(name)
            for name in self._facts.fields
        ]
        day = [f"CAST(local AS DATE) AS {DAY}"] if self._facts.event else []
        chosen = ", ".join(["_id", "partition", *columns, *day])
        return f'SELECT {chosen} FROM ({selected(self._facts, source)}) WHERE NOT "foreign"'

    def add(self, batch: bytes) -> None:
        """Add documents. Raises OperationFailed."""
        path = self._folder / "documents.json"
        path.write_bytes(lines(batch, fields_of(self._facts)).json)
        with sql.failing(f"documents of {self._facts.collection}"):
            add(self._database, lambda source: f"INSERT INTO fresh BY NAME {self._rows(source)}", self._facts, path)

    def all(self) -> Any:
        """All rows, by day."""
        return self._database.sql(f"FROM fresh ORDER BY {DAY}" if self._facts.event else "FROM fresh")

    def none(self) -> Any:
        """No row, of the same types."""
        return self._database.sql("FROM fresh LIMIT 0")

    def compare(self, held: Any) -> list[str]:
        """Take the rows that the lake has; the keys of those that were not added."""
        self._take(held)
        missing = self._database.execute("SELECT _id FROM held EXCEPT SELECT _id FROM fresh")
        return [key for (key,) in missing.fetchall()]

    def changes(self) -> tuple[Any, list[str]]:
        """The rows to merge, None if there are none, and the days of all rows that they change."""
        self._database.execute("""
CREATE TABLE changes AS SELECT *, false AS ended FROM (SELECT DISTINCT * FROM fresh EXCEPT FROM held)
UNION ALL BY NAME SELECT *, true AS ended FROM held WHERE _id NOT IN (SELECT _id FROM fresh)""")
        if not self._database.execute("SELECT count(*) FROM changes").fetchall()[0][0]:
            return None, []
        return self._database.sql("FROM changes"), self._days()

    def _days(self) -> list[str]:
        if not self._facts.event:
            return []
        days = f"SELECT {DAY} FROM changes UNION SELECT {DAY} FROM held WHERE _id IN (SELECT _id FROM changes)"
        return [str(day) for (day,) in self._database.execute(days).fetchall()]

    def differing(self, held: Any, partitions: Sequence[str], most: int = 20) -> list[str]:
        """A sentence for each row of these partitions that only one side has."""
        self._take(held)
        sides = {"the lake lacks": ("fresh", "held"), "the lake has, and MongoDB has not,": ("held", "fresh")}
        found: list[str] = []
        for words, (side, other) in sides.items():
            among = "coalesce(partition, '') IN (SELECT unnest($1::VARCHAR[]))"
            query = f"SELECT _id FROM (FROM {side} EXCEPT FROM {other}) WHERE {among} ORDER BY _id LIMIT {most}"
            rows = self._database.execute(query, [list(partitions)]).fetchall()
            found += [f"{self._facts.collection}: {words} {key} like this" for (key,) in rows]
        return found

    def _take(self, held: Any) -> None:
        columns = ", ".join(quoted(name) for name in self.none().columns)
        self._database.register("arrived", held)
        self._database.execute(f"CREATE TABLE held AS SELECT {columns} FROM arrived")
        self._database.unregister("arrived")


def _partitions(identity: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(f"{identity} ") for name in names]


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
