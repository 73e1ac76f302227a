"""Small files with receipts, many at a time: one write stores the records of all, another one their receipts."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import Backlog
from multimarket_async.collector.filing import Filing, record_disposition
from multimarket_async.collector.reader import Batch, RejectedFile
from multimarket_async.collector.stats import by_outcome, files_of
from multimarket_async.collector.writer import Writer
from multimarket_async.domains import Feed
from multimarket_async.errors import Rejected
from multimarket_async.landing import WaitingFile
from multimarket_async.records import Chunk, Identity, RecordFile, whole_file
from multimarket_async.settings import Settings
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED
from multimarket_async.store import Filling, Outcome, Receipt, Receipts, RecordCounts, Replaced

log = structlog.get_logger()


class ReadFile(NamedTuple):
    """A file and all of its records."""

    file: WaitingFile
    records: RecordFile
    chunk: Chunk


class Files(NamedTuple):
    """Files that were read together: good ones, bad ones (in `batch`), and those to be collected each by itself."""

    batch: Batch
    read: list[ReadFile]
    alone: list[WaitingFile]

    @property
    def waiting(self) -> list[WaitingFile]:
        """The files that are not bad."""
        return [*(each.file for each in self.read), *self.alone]


def is_stored_together(feed: Feed) -> bool:
    """True if a file of this feed has nothing to be checked against what is stored, and nothing follows from it."""
    return feed.on_bad_record == "keep_rest" and not feed.derived and feed.table.mode != "replace"


class Together:
    """Reads, stores and files away small files of a feed, in three steps; those of successive files may overlap."""

    def __init__(
        self, receipts: Receipts, writer: Writer, *, filling: Filling, filing: Filing, settings: Settings, clock: Clock
    ) -> None:
        self._receipts = receipts
        self._writer = writer
        self._filling = filling
        self._filing = filing
        self._settings = settings
        self._clock = clock

    def read(self, backlog: Backlog) -> Files | None:
        """The next files; None if there are none. A file with a bad record is collected by itself: it has a list."""
        waiting = backlog.take_readable(self._settings.batch_files, self._settings.batch_bytes)
        if not waiting:
            return None
        found = Files(Batch(backlog, backlog.scanned, self._clock.monotonic(), [], []), [], [])
        if len(waiting) == 1:
            found.alone.extend(waiting)
            return found
        limit, now = backlog.feed.max_file_bytes or self._settings.max_file_bytes, self._clock.now()
        for file, content in zip(waiting, backlog.landing.read(waiting, limit), strict=True):
            match content:
                case FileNotFoundError():  # somebody else took it
                    backlog.release(file)
                case Rejected():
                    found.batch.rejected.append(RejectedFile(file, content, None))
                case bytes():
                    self._add(found, file, content, now)
        return found

    def _add(self, found: Files, file: WaitingFile, content: bytes, now: datetime) -> None:
        feed, sha256 = found.batch.backlog.feed, hashlib.sha256(content).hexdigest()
        identity = Identity(file.name, file.bytes, file.inode, file.written_ns, sha256)
        records = RecordFile(feed, identity, lambda: BytesIO(content), now, self._settings.latest_date(now))
        try:
            chunk = records.whole(self._filling)
            if chunk.rejected and not chunk.documents:
                raise whole_file(chunk.rejected)
        except Rejected as rejected:
            found.batch.rejected.append(RejectedFile(file, rejected, sha256))
            return
        if chunk.rejected:
            found.alone.append(file)
        else:
            found.read.append(ReadFile(file, records, chunk))

    async def store(self, found: Files) -> list[tuple[ReadFile, Receipt]]:
        """Store all records, then the receipts of the files. One whose records contradict stored ones is left alone."""
        feed, archive = found.batch.backlog.feed, found.batch.backlog.landing.identity.id
        documents = [document for each in found.read for document in each.chunk.documents]
        outcomes = iter(await self._writer.write(feed, documents))
        receipts = []
        for each in found.read:
            counts = _counts(feed, each.chunk, [next(outcomes) for _ in each.chunk.documents])
            if counts is None:
                found.alone.append(each.file)
            else:
                receipts.append((each, each.records.receipted(file_outcome(counts), counts, archive)))
        await self._receipts.write_all([receipt for _, receipt in receipts])
        return receipts

    def file_away(self, found: Files, receipts: Sequence[tuple[ReadFile, Receipt]]) -> None:
        """Archive the files, which are stored, and log them."""
        now, filed = self._clock.monotonic(), dict[str, list[WaitingFile]]()
        for each, receipt in receipts:
            filed.setdefault(receipt.outcome, []).append(each.file)
        for outcome, files in filed.items():
            self._filing.archive(found.batch, outcome, files, now)
        self._filing.report()
        gained = Counter({(found.batch.backlog.feed.name, outcome): len(files) for outcome, files in filed.items()})
        seconds = round(now - found.batch.began, 3)
        log.info("batch.collected", seconds=seconds, **by_outcome(gained), files=files_of(gained))


def _counts(feed: Feed, chunk: Chunk, outcomes: Sequence[Outcome]) -> RecordCounts | None:
    """The records of a file by outcome; None if one of them cannot be stored."""
    counts, replaced = Counter[str](), 0
    for document, outcome in zip(chunk.documents, outcomes, strict=True):
        disposed = record_disposition(feed.table, document, outcome)
        if isinstance(disposed, Rejected):
            return None
        counts[disposed] += 1
        replaced += isinstance(outcome, Replaced)
    return RecordCounts(**counts, replaced=replaced)


def file_outcome(counts: RecordCounts) -> str:
    """The outcome of a file of these records: the best one of theirs; a file without any is stored."""
    present = (name for name in (STORED, SUPERSEDED, DUPLICATE) if getattr(counts, name))
    return next(present, STORED)
