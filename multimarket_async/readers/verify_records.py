"""Checks that the archived files of a feed with receipts agree with its table, record by record."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from multimarket_async.domains import Feed, Stage
from multimarket_async.errors import Rejected
from multimarket_async.files_io import digest_of_stream
from multimarket_async.landing import Landing, open_archived, received_name
from multimarket_async.landing.waiting import printable
from multimarket_async.readers.audit import Audit
from multimarket_async.records import Chunk, EncodedFollowUp, Identity, RecordFile
from multimarket_async.store import Encoded, Exists, Receipts, Rewritten, Store, compared_by, is_newer

SHOWN = 20  # differences of a feed


class Histories:
    """The follow-ups in the stored documents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def compare(self, feed: Feed, follow_ups: Sequence[tuple[str, str, str]]) -> list[str]:
        """A sentence for each follow-up, of (file, key, digest), that is not in the history of its document."""
        lifecycle = feed.table.lifecycle
        if lifecycle is None or not follow_ups:
            return []
        keys = list({key for _, key, _ in follow_ups})
        stages: list[Stage] = [{"$match": {"_id": {"$in": keys}}}, {"$project": {lifecycle.history: 1}}]
        histories = {
            document["_id"]: {compared_by(event.get("ingestion")) for event in document.get(lifecycle.history, [])}
            async for document in self._store.aggregate(feed.table.name, stages)
        }
        return [
            f"{feed.name}: {file} is archived, but {key} has no such follow-up"
            for file, key, digest in follow_ups
            if digest not in histories.get(key, set())
        ]


@dataclass
class _Seen:
    """Records of a file: all, those that must have been rejected, and those that are what is stored."""

    records: int = 0
    bad: int = 0
    unstored: list[str] = field(default_factory=list)
    stored: int = 0


class RecordVerifier:
    """Reads every archived file of one feed once, chunk by chunk. whole: all accepted files are in this archive."""

    def __init__(self, feed: Feed, store: Store, histories: Histories, *, whole: bool) -> None:
        self._whole = whole
        self._feed = feed
        self._store = store
        self._receipts = Receipts(store)
        self._histories = histories
        self._differences: list[str] = []
        self._more = 0
        self._newest = ""
        self._changed = set[str]()
        self._rewritten: dict[str, Rewritten] = {}
        self._stored_before = set[Any]()  # keys of documents from files that were changed meanwhile, and came again

    async def compare(self, landing: Landing, audit: Audit, progress: Callable[[int], None]) -> list[str]:
        """Every difference, and the first ones of many."""
        self._rewritten = await self._receipts.rewritten(self._feed.name)
        if self._feed.table.mode == "replace":
            files = await asyncio.to_thread(lambda: [self._file(path) for path in landing.archive_files(audit.folder)])
            self._newest = max((file.version for file, _ in files), default="")
        self._changed = await self._receipts.changed(self._feed.name)
        seen, stored = set[str](), 0
        for path in landing.archive_files(audit.folder):
            file, content = await asyncio.to_thread(self._file, path)
            if content not in seen:
                stored += await self._compare(file, content)
            seen.add(content)
            await asyncio.to_thread(audit.add_path, self._feed.name, path, file.version)
            progress(1)
        stored += len(self._stored_before)
        documents = await self._documents()
        if documents < stored or (self._whole and documents != stored):
            self._differs(f"{documents} documents are stored, and {stored} of them are in archived files")
        more = [f"{self._feed.name}: and {self._more} more differences"] if self._more else []
        return self._differences + more

    def _file(self, path: Path) -> tuple[RecordFile, str]:
        """An archived file as it was received, but for records that were erased; and the digest of its content."""
        status = path.stat()
        suffixes = self._feed.suffixes
        with open_archived(path, suffixes) as stream:
            content = digest_of_stream(stream)
        sha256, _, erased = self._rewritten.get(content, (content, content, ()))
        name = printable(received_name(path, suffixes))
        identity = Identity(name, status.st_size, status.st_ino, status.st_mtime_ns, sha256)
        opener = partial(open_archived, path, suffixes)
        return RecordFile(self._feed, identity, opener, erased=erased), content

    async def _documents(self) -> int:
        stages: list[Stage] = [{"$match": {"ingestion.feed": self._feed.name}}, {"$count": "documents"}]
        counts = [row["documents"] async for row in self._store.aggregate(self._feed.table.name, stages)]
        return sum(counts)

    async def _compare(self, file: RecordFile, content: str) -> int:
        """Compare a file with its receipts and the table; the number of documents that came from it."""
        name = file.identity.name
        receipts = await self._receipts.of_content(self._feed.name, content)
        if not receipts:
            self._differs(f"{name} is archived, and has no receipt")
        seen, chunks = _Seen(), file.chunks()
        try:
            while chunk := await asyncio.to_thread(next, chunks, None):
                await self._compare_chunk(file, chunk, {receipt["_id"] for receipt in receipts}, seen)
        except (OSError, Rejected) as error:
            self._differs(f"archived file {name} is not valid any more: {error}")
            return seen.stored
        for receipt in receipts:
            self._compare_receipt(name, receipt, seen)
        for derived in self._feed.derived:
            await self._compare_derived(file.deriving(derived))
        return seen.stored

    async def _compare_derived(self, file: RecordFile) -> None:
        """Find what follows from a file in its table."""
        chunks = file.chunks()
        while chunk := await asyncio.to_thread(next, chunks, None):
            keys = [document.key for document in chunk.documents]
            stored = await self._store.existing(file.feed.table.name, keys)
            for key in [key for key in keys if key not in stored]:
                self._differs(f"{file.identity.name} is archived, but {key}, which follows from it, is not stored")

    def _compare_receipt(self, name: str, receipt: dict[str, Any], seen: _Seen) -> None:
        if (left := receipt["records"] - receipt.get("erased", 0)) != seen.records:
            self._differs(f"{name} has {seen.records} records; its receipt says {left}")
        if receipt["rejected"] != seen.bad + len(seen.unstored):
            for sentence in seen.unstored or [f"{name} has {seen.bad} bad records"]:
                self._differs(f"{sentence}; its receipt says {receipt['rejected']} rejected")

    async def _compare_chunk(self, file: RecordFile, chunk: Chunk, receipts: set[str], seen: _Seen) -> None:
        name = file.identity.name
        documents = [document for document in chunk.documents if isinstance(document, Encoded)]
        stored = await self._store.existing(self._feed.table.name, [document.key for document in documents])
        for document in documents:
            found = stored.get(document.key)
            exists = found if isinstance(found, Exists) else None
            seen.unstored += self._unstored(name, file.version, document, exists)
            if exists and exists.origin[0] in self._changed:
                self._stored_before |= {document.key} if exists.sha256 == document.sha256 else set()
            elif exists:
                seen.stored += exists.origin[0] in receipts and exists.origin[1] == document.origin[1]
        events = [document for document in chunk.documents if isinstance(document, EncodedFollowUp)]
        for sentence in await self._histories.compare(
            self._feed, [(name, event.key, event.sha256) for event in events]
        ):
            self._differs(sentence.removeprefix(f"{self._feed.name}: "))
        seen.records += len(chunk.documents) + len(chunk.rejected)
        seen.bad += len(chunk.rejected)

    def _unstored(self, name: str, version: str, document: Encoded, found: Exists | None) -> Iterator[str]:
        """A sentence for a record that must be stored, or replaced by a newer one, and is not."""
        mode = self._feed.table.mode
        if found is None and (mode != "replace" or version == self._newest):
            yield f"{name} is archived, but {document.key} is not stored"
        elif found and self._feed.table.keeps_first(document.version, found.version):
            if found.sha256 != document.sha256:
                yield f"{name} differs from what is stored as {document.key}"
        elif found and is_newer(document, found):
            yield f"{name} is newer than what is stored as {document.key}"

    def _differs(self, sentence: str) -> None:
        if len(self._differences) < SHOWN:
            self._differences.append(f"{self._feed.name}: {sentence}")
        else:
            self._more += 1
