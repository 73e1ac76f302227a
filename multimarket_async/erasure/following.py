"""Documents that follow from a file as a whole, such as its rejected lines: kept as the rest of the file gives them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multimarket_async.clock import Clock
from multimarket_async.domains import Derived, Feed
from multimarket_async.erasure.files import record_file
from multimarket_async.store import Encoded, Exists, Filling, Partitions, Store


class Following:
    """Replaces the documents that follow from a file by those that follow from what is left of it; idempotent."""

    def __init__(self, store: Store, partitions: Partitions, clock: Clock) -> None:
        self._store, self._partitions, self._clock, self._filling = store, partitions, clock, Filling(clock)

    async def update(self, feed: Feed, path: Path, sha256: str, rest: Path | None) -> None:
        """Remove what does not follow from the rest, and store what does. sha256: of the file as it was received."""
        for derived in feed.derived:
            before, after = [await asyncio.to_thread(self._given, feed, derived, sha256, at) for at in (path, rest)]
            gone = [key for key, document in before.items() if _digest(after.get(key)) != document.sha256]
            new = [document for key, document in after.items() if _digest(before.get(key)) != document.sha256]
            await self._change(derived.table.name, gone, new)

    async def _change(self, table: str, gone: Sequence[Any], new: Sequence[Encoded]) -> None:
        stored = await self._store.existing(table, gone)
        partitions = {found.partition for found in stored.values() if isinstance(found, Exists)}
        partitions |= {document.partition for document in new} | await self._partitions.left_ending(table)
        if not partitions:
            return
        async with self._partitions.around_ending(table, partitions):
            await self._store.remove(table, gone)
            await self._store.insert(table, new)

    def _given(self, feed: Feed, derived: Derived, sha256: str, path: Path | None) -> dict[Any, Encoded]:
        """The documents by key; none of no file. They have the version of the file as it was received."""
        if path is None:
            return {}
        file = record_file(feed, path, sha256=sha256, now=self._clock.now()).deriving(derived)
        documents = [document for chunk in file.chunks(self._filling) for document in chunk.documents]
        return {document.key: document for document in documents if isinstance(document, Encoded)}


def _digest(document: Encoded | None) -> str | None:
    return document.sha256 if document else None
