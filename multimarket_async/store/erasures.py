"""Receipts of erasures: what was removed and when, and a keyed hash of the person's ID instead of the ID."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from multimarket_async.store.documents import Stage
from multimarket_async.store.mongo import Store

ERASURES = "erasures"


class Erasures:
    """The receipts in the database. One without `ended_at` is of an erasure that has to be run again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, person: str) -> list[dict[str, Any]]:
        """The receipts of this keyed hash, oldest first."""
        return await self._found({"person": person})

    async def unfinished(self) -> list[dict[str, Any]]:
        """The receipts of erasures that were killed, or are at work."""
        return await self._found({"ended_at": None})

    async def ended(self) -> int:
        """The number of erasures that have ended."""
        counted: list[Stage] = [{"$match": {"ended_at": {"$type": "date"}}}, {"$count": "ended"}]
        return sum([found["ended"] async for found in self._store.aggregate(ERASURES, counted)])

    async def begin(self, person: str, at: datetime, counts: Mapping[str, int]) -> dict[str, Any]:
        """Write the receipt, or go on with the one that is unfinished."""
        unfinished = [receipt["_id"] for receipt in await self.of(person) if receipt["ended_at"] is None]
        key = unfinished[0] if unfinished else uuid.uuid4().hex
        started = {"person": person, "at": at, "ended_at": None}
        # The highest numbers: one that goes on finds what the killed one has left.
        highest = {f"counts.{name}": number for name, number in counts.items()}
        await self._store.update(ERASURES, [({"_id": key}, {"$setOnInsert": started, "$max": highest})])
        return (await self._found({"_id": key}))[0]

    async def end(self, key: str, at: datetime) -> dict[str, Any]:
        """Note the end; the receipt."""
        await self._store.update(ERASURES, [({"_id": key}, {"$set": {"ended_at": at}})], insert=False)
        return (await self._found({"_id": key}))[0]

    async def _found(self, condition: Stage) -> list[dict[str, Any]]:
        stages: list[Stage] = [{"$match": condition}, {"$sort": {"at": 1}}]
        return [receipt async for receipt in self._store.aggregate(ERASURES, stages)]
