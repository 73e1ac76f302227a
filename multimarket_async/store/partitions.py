"""Versions of partitions: they say which documents to read anew.

A writer raises the version of a partition before it changes documents of it, and again after it. A reader that has
read a version before the documents of its partition has all that was durable then; what comes later raises it again.
Wherever a writer dies, a change is in a version that is still to come:

- Before the write: nothing has changed, and somebody reads a partition in vain.
- Between the write and the second raise, or while it is paused there: its file was not archived, so it is collected
  again. Its documents are found to exist, and the partitions in which they were found are raised, after they were.
- While it ends documents of a whole table, which no file has any more: their partitions are noted as `ending`, and
  the next one that ends rows of that table raises them too.
- A document that is changed moves to the partition that its writer fills, so by its key it is found there.

Names of partitions are opaque; None: of documents that were stored before there were partitions. A partition that
nobody has written to since there are versions has none.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from bson.int64 import Int64

from multimarket_async.clock import Clock
from multimarket_async.store.documents import Stage
from multimarket_async.store.driver import Document
from multimarket_async.store.foreign import NO_LIST, VERSION, Fitness
from multimarket_async.store.mongo import Store
from multimarket_async.store.receipts import RECEIPTS

VERSIONS = "kpi_partition_versions"
Partition: TypeAlias = str | None
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # later ones cannot be decoded
NOTED: Document = {"$set": {"ending": True}}
ENDED: Document = {"$unset": {"ending": ""}}


class Changed(NamedTuple):
    """A partition that was or is being written to. since: the first time after it was measured.

    read_at: when the version was read.
    """

    collection: str
    partition: Partition
    version: int
    since: datetime
    read_at: datetime


class Partitions:
    """The versions of partitions in the database: one small document for each. Any number of processes may use them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.fitness = Fitness(store, clock)

    async def prepare(self) -> None:
        """The indexes that find those few which are not measured, or of which documents are ending."""
        for field in ("since", "ending"):
            await self._store.define_index(VERSIONS, field, sparse=True)

    @asynccontextmanager
    async def around(self, collection: str, partitions: Iterable[Partition]) -> AsyncIterator[set[Partition]]:
        """Raise versions before a write and after it; the second time also of the partitions that are added."""
        changed = set(partitions)
        await self.fitness.require(collection, VERSIONS, RECEIPTS)
        # Not awaited durably: it is older in the oplog and the journal than the write, so at least as durable.
        await self._raise(collection, changed, {}, durable=False)
        yield changed
        await self._raise(collection, changed, {})

    @asynccontextmanager
    async def around_ending(self, collection: str, partitions: Iterable[Partition]) -> AsyncIterator[None]:
        """Raise versions before documents end and after it; in between they are `left_ending` if the process dies."""
        changed = set(partitions)
        await self.fitness.require(collection, VERSIONS)
        await self._raise(collection, changed, NOTED, durable=False)
        yield
        await self._raise(collection, changed, ENDED)

    async def left_ending(self, collection: str) -> set[Partition]:
        """The partitions of which a process is ending documents, or was when it died."""
        stages: list[Stage] = [
            {"$match": {**VERSION, "ending": True, "collection": collection}},
            {"$project": {"partition": 1}},
        ]
        return {found["partition"] async for found in self._store.aggregate(VERSIONS, stages)}

    async def any(self, besides: Collection[str] = ()) -> bool:
        """Return True if any partition is not measured, of other collections than these."""
        stages: list[Stage] = [unmeasured(besides), {"$limit": 1}, {"$project": {"_id": 1}}]
        return bool([found async for found in self._store.aggregate(VERSIONS, stages)])

    async def pending(self, besides: Collection[str] = ()) -> list[Changed]:
        """The partitions that are not measured, of other collections than these, oldest first."""
        fields = dict.fromkeys(("collection", "partition", "version", "since"), 1)
        stages: list[Stage] = [unmeasured(besides), {"$sort": {"since": 1}}, {"$project": {"_id": 0, **fields}}]
        read_at = self._clock.now()
        return [Changed(**found, read_at=read_at) async for found in self._store.aggregate(VERSIONS, stages)]

    async def versions(self, collection: str) -> dict[Partition, int]:
        """The versions of all partitions of a collection that have one."""
        # In one document: one for each would take ten times as long to decode.
        lists = {"partitions": {"$push": "$partition"}, "versions": {"$push": "$version"}}
        found = self._store.aggregate(VERSIONS, [_of(collection), {"$group": {"_id": None, **lists}}])
        groups = [dict(zip(group["partitions"], group["versions"], strict=True)) async for group in found]
        return groups[0] if groups else {}

    async def clear(self, measured: Iterable[Changed]) -> None:
        """Note as measured those that still have the version that was measured; the others have changed since then."""
        cleared: list[tuple[Document, list[Stage]]] = []
        for changed in measured:
            found = {"_id": _id(changed.collection, changed.partition), "since": {"$exists": True}}
            unchanged = {"$eq": ["$version", changed.version]}
            since = {"$cond": [unchanged, "$$REMOVE", {"$max": ["$since", changed.read_at]}]}
            cleared.append((found, [{"$set": {"since": since}}]))
        await self._store.update(VERSIONS, cleared, insert=False)

    async def _raise(
        self, collection: str, partitions: Iterable[Partition], more: Document, *, durable: bool = True
    ) -> None:
        raised = {"$inc": {"version": Int64(1)}, "$min": {"since": self._clock.now()}, **more}
        updates = [
            (
                {"_id": _id(collection, partition)},
                {**raised, "$setOnInsert": {"collection": collection, "partition": partition}},
            )
            for partition in partitions
        ]
        await self._store.update(VERSIONS, updates, durable=durable)


def _id(collection: str, partition: Partition) -> str:
    return f"{collection} {partition or ''}"


def _of(collection: str) -> Stage:
    """Partitions of a collection, by the index of `_id`: the character after a space is an exclamation mark."""
    names = {"$gte": f"{collection} ", "$lt": f"{collection}!"}
    return {"$match": {**VERSION, "_id": names, "collection": {"$eq": collection, **NO_LIST}}}


def unmeasured(besides: Collection[str] = ()) -> Stage:
    """Partitions that are not measured, of other collections than these."""
    others = {**VERSION["collection"], "$nin": list(besides)}
    return {"$match": {**VERSION, "since": {"$lt": NEVER}, "collection": others}}
