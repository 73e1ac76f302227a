"""MongoDB's documents -> Delta: of partitions that have changed since, what differs is merged in one commit."""

import asyncio
from collections.abc import Iterable
from typing import Any

from multimarket_async.domains import Facts
from multimarket_async.sinks.lake import delta
from multimarket_async.sinks.lake.delta import Tables
from multimarket_async.sinks.room import BATCH_DOCUMENTS, Room, room
from multimarket_async.sinks.sink import Source
from multimarket_async.store import Partitions

KEYS_PER_QUERY = 10_000
WHOLE = "documents of"


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
        with room(self.facts, self._timezone) as made:
            await self._stage(made, {})
            versions = await self._versions(identity)
            unchanged = [name for name, at in versions.items() if table.transaction_version(name) == at]
            held = await asyncio.to_thread(delta.selected, table, "SELECT * FROM t")
            return await asyncio.to_thread(made.differing, held, _partitions(identity, unchanged))

    async def _versions(self, identity: str) -> dict[str, int]:
        found = await self._partitions.versions(self._collection)
        return {f"{identity} {partition or ''}": version for partition, version in found.items()}

    async def _replace(self, versions: dict[str, int]) -> int:
        with room(self.facts, self._timezone) as made:
            await self._stage(made, {})
            return await asyncio.to_thread(self._tables.replace, self.name, made.all(), versions)

    async def _merge(self, table: Any, identity: str, changed: dict[str, int]) -> int:
        with room(self.facts, self._timezone) as made:
            partitions = _partitions(identity, changed)
            await self._stage(made, {"ingestion.partition": {"$in": [name or None for name in partitions]}})
            among = ", ".join(map(_text, partitions))
            query = f"SELECT * FROM t WHERE coalesce(partition, '') IN ({among})"
            held = await asyncio.to_thread(delta.selected, table, query)
            missing = await asyncio.to_thread(made.compare, held)
            for start in range(0, len(missing), KEYS_PER_QUERY):
                await self._stage(made, {"_id": {"$in": missing[start : start + KEYS_PER_QUERY]}})
            rows, days = await asyncio.to_thread(made.changes)
            if rows is None:
                return await asyncio.to_thread(self._tables.note, self.name, made.none(), changed)
            return await asyncio.to_thread(self._tables.merge, self.name, rows, days, changed)

    async def _stage(self, made: Room, condition: dict[str, Any]) -> None:
        async for batch in self._store.batches(self._collection, condition, BATCH_DOCUMENTS):
            await asyncio.to_thread(made.add, batch)


def _partitions(identity: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(f"{identity} ") for name in names]


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
