"""Checks that the archived files of a feed with receipts agree with its table, record by record."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from multimarket_async.domains import Feed, Stage
from multimarket_async.errors import Rejected
from multimarket_async.files_io import digest_of_stream
from multimarket_async.landing import Landing, open_archived, received_name
from multimarket_async.landing.waiting import printable
from multimarket_async.readers.audit import Audit
from multimarket_async.records import CHUNK_BYTES, CHUNK_RECORDS, Chunk, EncodedFollowUp, Identity, RecordFile
from multimarket_async.store import Encoded, Exists, Placeholder, Receipts, Rewritten, Store, compared_by, is_newer

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
class _Compared:
    """A file: its records that must have been rejected, and those that are not what is stored."""

    file: RecordFile
    content: str
    receipts: list[dict[str, Any]] | None = None
    records: int = 0
    bad: int = 0
    unstored: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name under which it was received."""
        return self.file.identity.name


class _Piece(NamedTuple):
    """A part of a file, or how it ends: None at its end, the error where it cannot be read on."""

    of: _Compared
    part: Chunk | Exception | None


class RecordVerifier:
    """Reads every archived file of one feed once, chunk by chunk. whole: all accepted files are in this archive."""

    def __init__(self, feed: Feed, store: Store, histories: Histories, *, whole: bool) -> None:
        self._whole = whole
        self._feed = feed
        self._store = store
        self._receipts = Receipts(store)
        self._histories = histories
        self._differences: list[str] = []
        self._more = self._read = self._stored = 0
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
        pieces, ended = self._pieces(landing, audit), 0
        while batch := await asyncio.to_thread(_together, pieces):
            await self._compare(batch)
            before, ended = ended, self._read
            progress(ended - before)
        documents, stored = await self._documents(), self._stored + len(self._stored_before)
        if documents < stored or (self._whole and documents != stored):
            self._differs(f"{documents} documents are stored, and {stored} of them are in archived files")
        more = [f"{self._feed.name}: and {self._more} more differences"] if self._more else []
        return self._differences + more

    def _pieces(self, landing: Landing, audit: Audit) -> Iterator[_Piece]:
        """The parts of all files, those of the same content once."""
        seen = set[str]()
        for path in landing.archive_files(audit.folder):
            file, content = self._file(path)
            audit.add_path(self._feed.name, path, file.version)
            if content not in seen:
                yield from _parts(_Compared(file, content))
            seen.add(content)
            self._read += 1

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

    async def _compare(self, batch: Sequence[_Piece]) -> None:
        """Compare parts of files with the table, and files that end with their receipts."""
        await self._find_receipts({piece.of.content: piece.of for piece in batch if piece.of.receipts is None})
        chunks = [(piece.of, piece.part) for piece in batch if isinstance(piece.part, Chunk)]
        documents = [document for _, chunk in chunks for document in chunk.documents if isinstance(document, Encoded)]
        stored = await self._store.compared(self._feed.table.name, documents)
        await self._compare_follow_ups(chunks)
        for compared, chunk in chunks:
            self._compare_chunk(compared, chunk, stored)
        for compared, end in ((of, part) for of, part in batch if not isinstance(part, Chunk)):
            if end:
                self._differs(f"archived file {compared.name} is not valid any more: {end}")
            else:
                await self._compare_whole(compared)

    async def _find_receipts(self, files: Mapping[str, _Compared]) -> None:
        found = await self._receipts.of_contents(self._feed.name, files) if files else {}
        for content, compared in files.items():
            compared.receipts = found.get(content, [])
            if not compared.receipts:
                self._differs(f"{compared.name} is archived, and has no receipt")

    async def _compare_follow_ups(self, chunks: Sequence[tuple[_Compared, Chunk]]) -> None:
        events = [
            (compared.name, event.key, event.sha256)
            for compared, chunk in chunks
            for event in chunk.documents
            if isinstance(event, EncodedFollowUp)
        ]
        for sentence in await self._histories.compare(self._feed, events):
            self._differs(sentence.removeprefix(f"{self._feed.name}: "))

    async def _compare_whole(self, compared: _Compared) -> None:
        for receipt in compared.receipts or ():
            self._compare_receipt(compared, receipt)
        for derived in self._feed.derived:
            await self._compare_derived(compared.file.deriving(derived))

    async def _compare_derived(self, file: RecordFile) -> None:
        """Find what follows from a file in its table."""
        chunks = file.chunks()
        while chunk := await asyncio.to_thread(next, chunks, None):
            keys = [document.key for document in chunk.documents]
            stored = await self._store.existing(file.feed.table.name, keys)
            for key in [key for key in keys if key not in stored]:
                self._differs(f"{file.identity.name} is archived, but {key}, which follows from it, is not stored")

    def _compare_receipt(self, compared: _Compared, receipt: dict[str, Any]) -> None:
        if (left := receipt["records"] - receipt.get("erased", 0)) != compared.records:
            self._differs(f"{compared.name} has {compared.records} records; its receipt says {left}")
        if receipt["rejected"] != compared.bad + len(compared.unstored):
            for sentence in compared.unstored or [f"{compared.name} has {compared.bad} bad records"]:
                self._differs(f"{sentence}; its receipt says {receipt['rejected']} rejected")

    def _compare_chunk(self, compared: _Compared, chunk: Chunk, stored: Mapping[Any, Exists | Placeholder]) -> None:
        receipts = {receipt["_id"] for receipt in compared.receipts or ()}
        for document in (document for document in chunk.documents if isinstance(document, Encoded)):
            found = stored.get(document.key)
            exists = found if isinstance(found, Exists) else None
            if exists and self._is_changed(document, exists):
                names = ", ".join(exists.differs)
                self._differs(f"{document.key} is not as {compared.name} has it: {names} was changed in MongoDB")
            compared.unstored += self._unstored(compared.name, compared.file.version, document, exists)
            if exists and exists.origin[0] in self._changed:
                self._stored_before |= {document.key} if exists.sha256 == document.sha256 else set()
            elif exists:
                self._stored += exists.origin[0] in receipts and exists.origin[1] == document.origin[1]
        compared.records += len(chunk.documents) + len(chunk.rejected)
        compared.bad += len(chunk.rejected)

    def _is_changed(self, document: Encoded, found: Exists) -> bool:
        """True if a stored document says that it is this record, and is not. Follow-ups change those of a lifecycle."""
        return found.sha256 == document.sha256 and bool(found.differs) and self._feed.table.lifecycle is None

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


def _parts(compared: _Compared) -> Iterator[_Piece]:
    """The parts of a file."""
    try:
        for chunk in compared.file.chunks():
            yield _Piece(compared, chunk)
    except (OSError, Rejected) as error:
        yield _Piece(compared, error)
    else:
        yield _Piece(compared, None)


def _together(pieces: Iterator[_Piece]) -> list[_Piece]:
    """The next parts: those of many small files, one of a large one. Each costs a question to the server otherwise."""
    batch, size = list[_Piece](), 0
    for piece in pieces:
        batch.append(piece)
        size += _bytes(piece.part) if isinstance(piece.part, Chunk) else 0
        if size >= CHUNK_BYTES or len(batch) >= CHUNK_RECORDS:
            break
    return batch


def _bytes(chunk: Chunk) -> int:
    return sum(len(document.bson.raw) for document in chunk.documents if isinstance(document, Encoded))
