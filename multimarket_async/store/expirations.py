"""Documents that were removed because of their age, and the files that they were of: counted, also after a crash.

What is about to be removed is noted with its counts first; a process that is killed leaves the note, and the next one
removes the rest and adds these counts once.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from multimarket_async.store.documents import Stage
from multimarket_async.store.mongo import Store

EXPIRATIONS = "expirations"
APART = "/"  # in no name of a feed, nor of an archive


class Pending(NamedTuple):
    """Documents of a table that are being removed."""

    id: str
    keys: list[Any]
    partitions: list[str | None]


class Expirations:
    """The counts in the database: a document for each table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def documents(self) -> Counter[str]:
        """The number of removed documents by feed."""
        return await self._counts("documents")

    async def files(self) -> Counter[tuple[str, str]]:
        """The number of files that they were of, by feed and archive; those of feeds with receipts have these."""
        counts = await self._counts("files")
        apart = ((name.partition(APART), number) for name, number in counts.items())
        return Counter({(feed, archive): number for (feed, _, archive), number in apart})

    async def _counts(self, field: str) -> Counter[str]:
        found = Counter[str]()
        async for table in self._store.aggregate(EXPIRATIONS, [{"$match": {field: {"$type": "object"}}}]):
            found.update(table[field])
        return found

    async def begin(
        self,
        table: str,
        keys: Sequence[Any],
        partitions: Sequence[str | None],
        *,
        documents: Mapping[str, int],
        files: Mapping[tuple[str, str], int],
    ) -> None:
        """Note documents that are about to be removed. documents, files: their numbers, as above."""
        increments = {f"documents.{feed}": number for feed, number in documents.items()}
        increments |= {f"files.{APART.join(name)}": number for name, number in files.items()}
        of = {"id": uuid.uuid4().hex, "keys": [*keys], "partitions": [*partitions], "counts": [*increments.items()]}
        await self._store.update(EXPIRATIONS, [({"_id": table}, {"$setOnInsert": {"documents": {}, "files": {}}})])
        free = {"_id": table, "pending": {"$exists": False}}  # else another process removes some just now
        await self._store.update(EXPIRATIONS, [(free, {"$set": {"pending": of}})], insert=False)

    async def pending(self, table: str) -> Pending | None:
        """The documents whose removal has begun and not ended."""
        found = await self._pending(table)
        return Pending(found["id"], found["keys"], found["partitions"]) if found else None

    async def end(self, table: str, pending: Pending) -> None:
        """Count those that are removed now; once."""
        if (found := await self._pending(table)) and found["id"] == pending.id:
            change = {"$inc": dict(found["counts"]), "$unset": {"pending": ""}}
            await self._store.update(EXPIRATIONS, [({"_id": table, "pending.id": pending.id}, change)], insert=False)

    async def _pending(self, table: str) -> dict[str, Any] | None:
        stages: list[Stage] = [{"$match": {"_id": table, "pending": {"$type": "object"}}}]
        return next(iter([found["pending"] async for found in self._store.aggregate(EXPIRATIONS, stages)]), None)
