"""Documents held in memory, for answers within milliseconds: read again when partitions of their collection change."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from multimarket_async.domains import Document
from multimarket_async.readers.http.cache import Fresh
from multimarket_async.store import Partition, Partitions, Store

EVERY_S, STALE_S, WITHIN_S = 0.5, 2.0, 2.0
MOST_DOCUMENTS, CHUNK_DOCUMENTS = 100_000, 500
ByKey: TypeAlias = Mapping[str, Document]
Versions: TypeAlias = Mapping[Partition, int]


class Held:
    """The documents of a collection with some of their fields; of a large one none, and each is found in MongoDB.

    An answer holds for what was stored at most STALE_S before, so also what was erased is in no later one.
    """

    def __init__(self, store: Store, partitions: Partitions, collection: str, fields: Sequence[str]) -> None:
        self._store, self._partitions, self._collection, self._fields = store, partitions, collection, fields
        self._versions: Versions | None = None
        self._documents: ByKey | None = None
        self._fresh = Fresh(self._read, EVERY_S, STALE_S)

    async def find(self, keys: Sequence[str]) -> list[Document]:
        """The documents with these keys. Raises Unavailable."""
        documents = await self._fresh.get()
        if documents is None:
            among = [{"$match": {"_id": {"$in": list(keys)}}}]
            return [found async for found in self._store.aggregate(self._collection, among, within_s=WITHIN_S)]
        return [documents[key] for key in keys if key in documents]

    async def _read(self) -> ByKey | None:
        """The documents as they are; as they were, where no partition has changed."""
        versions = await self._partitions.versions(self._collection)
        if versions != self._versions:
            self._documents = await self._all()
            self._versions = versions
        return self._documents

    async def _all(self) -> ByKey | None:
        if await self._store.count(self._collection) > MOST_DOCUMENTS:
            return None
        chunks = self._store.chunks(self._collection, self._fields, CHUNK_DOCUMENTS)
        return {document["_id"]: document async for chunk in chunks for document in chunk}
