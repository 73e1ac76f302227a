"""Which partitions have been touched since they were last measured.

Who inserts leaves a mark before and renews it after; who measures takes it away. Wherever either
of them dies, an order that is stored and not measured has its partition in a mark:

- Dies before the insert: the mark names a partition in which nothing changed. That costs a look.
- Dies between insert and renewal: the first mark is there; the file was not archived either, so it
  is collected again, found to be a duplicate, and marked again.
- Is paused with the mark open, for as long as it may be: an open mark stays until it is stale. If
  the insert lands after that, the renewal puts the mark back.
- Follows up what is stored already: does the same around the change, with the partition it finds the
  document in before, and again with the one it finds afterwards, if the document came in between.
- Measurer dies anywhere before publishing: it takes marks away only after a generation that
  covers them was published, and measuring a partition again gives the same.
"""

import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from multimarket_async.clock import Clock
from multimarket_async.store.mongo import Store

DIRTY = "kpi_dirty_partitions"
# No insert whose sender is gone lands as late as this; one whose sender is not is marked again.
STALE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DirtyMark:
    """These partitions of a collection were or are being written to. done: the insert had ended."""

    token: str
    collection: str
    partitions: tuple[str, ...]
    done: bool
    at: datetime


class DirtyPartitions:
    """The marks in the database. Any number of processes may leave them and take them away."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def around(self, collection: str, partitions: Iterable[str]) -> AsyncIterator[None]:
        """DirtyMark before an insert and after it; one that fails leaves the mark open."""
        if not (touched := sorted(set(partitions))):
            yield
            return
        mark = {"_id": uuid.uuid4().hex, "collection": collection, "partitions": touched}
        # Not waited for: it is older in the oplog and the journal than the insert, and so at least as durable.
        await self._store.upsert(DIRTY, {**mark, "done": False, "at": self._clock.now()}, durable=False)
        yield
        await self._store.upsert(DIRTY, {**mark, "done": True, "at": self._clock.now()})

    async def any(self) -> bool:
        """Whether there is a mark."""
        return bool([one async for one in self._store.aggregate(DIRTY, [{"$limit": 1}, {"$project": {"_id": 1}}])])

    async def pending(self) -> list[DirtyMark]:
        """All marks there are, oldest first."""
        # Many marks name the same partitions: decoded one by one, they share what they name.
        named: dict[str, str] = {}
        found = self._store.aggregate(DIRTY, [{"$sort": {"at": 1}}], raw=True)
        return [_mark(one, tuple(named.setdefault(key, key) for key in one["partitions"])) async for one in found]

    async def clear(self, covered: Sequence[DirtyMark]) -> None:
        """Take away marks, read before what was published was measured, that have nothing left to say."""
        done = [mark.token for mark in covered if mark.done]
        stale = [mark.token for mark in covered if not mark.done and self._clock.now() - mark.at > STALE]
        if done:
            await self._store.remove(DIRTY, done)
        if stale:  # unless it was renewed meanwhile: then there is something new to measure
            await self._store.remove(DIRTY, stale, done=False)


def _mark(found: Mapping[str, Any], partitions: tuple[str, ...]) -> DirtyMark:
    return DirtyMark(found["_id"], found["collection"], partitions, found["done"], found["at"])
