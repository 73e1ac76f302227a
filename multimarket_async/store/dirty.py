"""Partitions that were written to since their rollups were computed.

A writer marks its partitions dirty before the insert and again after it; the snapshotter clears the marks that a
published generation covers. Wherever either of them dies, a stored document that is in no generation has its
partition in a mark:

- Writer dies before the insert: the mark names a partition in which nothing changed. That costs one recomputation.
- Writer dies between the insert and the second mark: the first one is there, and the file was not archived either,
  so it is collected again, found to be a duplicate, and marked again.
- Writer is paused between the marks, for however long: an open mark stays until it is stale. If the insert is
  executed after that, the second mark brings it back.
- Follow-ups change stored documents: the partition in which the document is found before the change is marked, and
  the one in which it is found afterwards, if the document was inserted in between.
- Snapshotter dies before publishing: marks are cleared only after a generation that covers them was published, and
  recomputing a partition is idempotent.
"""

import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from multimarket_async.clock import Clock
from multimarket_async.store.documents import Stage
from multimarket_async.store.mongo import Store

DIRTY = "kpi_dirty_partitions"
# An insert whose sender died is executed within this time; a sender that lives marks again.
STALE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DirtyMark:
    """Partitions of a collection that were or are being written to. done: the insert had ended."""

    token: str
    collection: str
    partitions: tuple[str, ...]
    done: bool
    at: datetime


class DirtyPartitions:
    """The dirty marks in the database. Any number of processes may mark and clear."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def around(self, collection: str, partitions: Iterable[str]) -> AsyncIterator[None]:
        """Mark before an insert and after it; an insert that fails leaves the mark open."""
        if not (dirty := sorted(set(partitions))):
            yield
            return
        mark = {"_id": uuid.uuid4().hex, "collection": collection, "partitions": dirty}
        # Not awaited durably: it is older in the oplog and the journal than the insert, so at least as durable.
        await self._store.upsert(DIRTY, {**mark, "done": False, "at": self._clock.now()}, durable=False)
        yield
        await self._store.upsert(DIRTY, {**mark, "done": True, "at": self._clock.now()})

    async def any(self, besides: Collection[str] = ()) -> bool:
        """Return True if there is a mark, of other collections than these."""
        stages: list[Stage] = [*_others(besides), {"$limit": 1}, {"$project": {"_id": 1}}]
        return bool([mark async for mark in self._store.aggregate(DIRTY, stages)])

    async def pending(self, besides: Collection[str] = ()) -> list[DirtyMark]:
        """Read all marks of other collections than these, oldest first."""
        # Many marks name the same partitions: decoded one by one, they share the strings.
        names: dict[str, str] = {}
        marks = self._store.aggregate(DIRTY, [*_others(besides), {"$sort": {"at": 1}}], raw=True)
        return [_mark(mark, tuple(names.setdefault(key, key) for key in mark["partitions"])) async for mark in marks]

    async def clear(self, covered: Sequence[DirtyMark]) -> None:
        """Remove marks that a published generation covers, unless their insert may still be executed."""
        done = [mark.token for mark in covered if mark.done]
        stale = [mark.token for mark in covered if not mark.done and self._clock.now() - mark.at > STALE]
        if done:
            await self._store.remove(DIRTY, done)
        if stale:  # unless the second mark came meanwhile: then there is something new to measure
            await self._store.remove(DIRTY, stale, done=False)


def _others(besides: Collection[str]) -> list[Stage]:
    return [{"$match": {"collection": {"$nin": list(besides)}}}] if besides else []


def _mark(document: Mapping[str, Any], partitions: tuple[str, ...]) -> DirtyMark:
    return DirtyMark(document["_id"], document["collection"], partitions, document["done"], document["at"])
