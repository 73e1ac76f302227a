"""MongoDB's documents -> Cassandra: of partitions that have changed since, the rows that differ.

Rows are written with the version of their partition in MongoDB as timestamp, so that of two writers the one that knows
the newer version wins. A row that has changed is deleted as of the version before: a value that it has no more is not
written, as each would leave a tombstone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

from multimarket_async.domains import Facts
from multimarket_async.sinks.cassandra.session import Session, Write
from multimarket_async.sinks.cassandra.tables import Tables, named, quoted
from multimarket_async.sinks.room import BATCH_DOCUMENTS, DAY, Room, room
from multimarket_async.sinks.sink import Source
from multimarket_async.store import Partitions

Rows: TypeAlias = dict[str, tuple[Any, ...]]  # by the key of their document
TYPES = {"VARCHAR": "text", "BIGINT": "bigint", "DOUBLE": "double", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp"}
NONE, WHOLE = "-", ""  # of documents without a partition; noted when all partitions were written
DIFFERENCES = 20  # that are listed


class Documents:
    """A collection and its table."""

    def __init__(self, facts: Facts, timezone: str, source: Source, session: Session, tables: Tables) -> None:
        self.name = named(facts.collection)
        self._facts = facts
        self._timezone = timezone
        self._store = source.store
        self._partitions = Partitions(source.store, source.clock)
        self._session = session
        self._tables = tables
        day = {DAY: "date"} if facts.event else {}
        fields = {name: _type(value.type) for name, value in facts.fields.items()}
        self._columns = {"partition": "text", "_id": "text", **fields, **day}

    async def write(self) -> None:
        """Bring the table to what MongoDB has now, or a little later. Raises Unavailable."""
        identity = await self._store.identity(self._facts.collection)
        index = DAY if self._facts.event else ""
        await self._tables.make(self.name, self._columns, '"partition", "_id"', f"{self._facts.key} {identity}", index)
        versions, noted = await self._versions(), await self._noted()
        changed = [name for name, version in versions.items() if noted.get(name) != version]
        if WHOLE not in noted:
            await self._write({}, versions)
            await self._note(WHOLE, 0)
        elif changed:
            condition = {"ingestion.partition": {"$in": [None if name == NONE else name for name in changed]}}
            await self._write(condition, {name: versions[name] for name in changed})

    async def differences(self) -> list[str]:
        """A sentence for each document that differs, of partitions that have not changed since; the first ones."""
        versions, noted = await self._versions(), await self._noted()
        found: list[str] = []
        with room(self._facts, self._timezone) as made:
            await self._stage(made, {})
            async for partition, fresh in self._each(made, versions):
                if noted.get(partition) == versions.get(partition, 0) and len(found) < DIFFERENCES:
                    found += self._differing(fresh, await self._held(partition))
        return found[:DIFFERENCES]

    def _differing(self, fresh: Rows, held: Rows) -> Iterator[str]:
        for key in sorted(fresh.keys() | held.keys()):
            if key not in held:
                yield f"{self.name}: Cassandra lacks {key}"
            elif key not in fresh:
                yield f"{self.name}: Cassandra has {key}, and MongoDB has not"
            elif fresh[key] != held[key]:
                yield f"{self.name}: Cassandra has {key} otherwise"

    async def _versions(self) -> dict[str, int]:
        found = await self._partitions.versions(self._facts.collection)
        return {name or NONE: version for name, version in found.items()}

    async def _noted(self) -> dict[str, int]:
        query = f"SELECT partition, version FROM {self._tables.of('held_partitions')} WHERE name = ?"
        return dict(await self._session.fetch(query, self.name))

    async def _note(self, partition: str, version: int) -> None:
        columns = f"{self._tables.of('held_partitions')} (name, partition, version)"
        await self._session.write(f"INSERT INTO {columns} VALUES (?, ?, ?)", self.name, partition, version)

    async def _write(self, condition: dict[str, Any], versions: dict[str, int]) -> None:
        with room(self._facts, self._timezone) as made:
            await self._stage(made, condition)
            async for partition, fresh in self._each(made, versions):
                version = versions.get(partition, 0)
                await self._session.batch(self._changes(fresh, await self._held(partition), version + 1))
                await self._note(partition, version)

    async def _stage(self, made: Room, condition: dict[str, Any]) -> None:
        async for batch in self._store.batches(self._facts.collection, condition, BATCH_DOCUMENTS):
            await asyncio.to_thread(made.add, batch)

    async def _each(self, made: Room, versions: dict[str, int]) -> AsyncIterator[tuple[str, Rows]]:
        """The rows of each partition of the room, and none of each other one that has a version."""
        left = set(versions)
        for partition in await asyncio.to_thread(made.partitions):
            rows = await asyncio.to_thread(made.rows, partition)
            left.discard(partition or NONE)
            yield partition or NONE, {row[1]: self._row(partition or NONE, row) for row in rows}
        for partition in left:
            yield partition, {}

    def _row(self, partition: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return (partition, *map(_plain, row[1:]))

    async def _held(self, partition: str) -> Rows:
        columns = ", ".join(map(quoted, self._columns))
        query = f'SELECT {columns} FROM {self._tables.of(self.name)} WHERE "partition" = ?'
        return {row[1]: row for row in await self._session.fetch(query, partition)}

    def _changes(self, fresh: Rows, held: Rows, timestamp: int) -> Iterator[Write]:
        table, columns = self._tables.of(self.name), ", ".join(map(quoted, self._columns))
        insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(self._columns))}) USING TIMESTAMP ?"
        delete = f'DELETE FROM {table} USING TIMESTAMP ? WHERE "partition" = ? AND "_id" = ?'
        for key, row in held.items():
            if fresh.get(key) != row:
                yield Write(delete, (timestamp - 1 if key in fresh else timestamp, *row[:2]))
        yield from (Write(insert, (*row, timestamp)) for key, row in fresh.items() if held.get(key) != row)


def _type(type_: str) -> str:
    return f"frozen<list<{TYPES[type_[:-2]]}>>" if type_.endswith("[]") else TYPES[type_]


def _plain(value: Any) -> Any:
    """Instants of DuckDB do not say that they are in UTC; lists of Cassandra have no null."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return None if isinstance(value, list) and None in value else value
