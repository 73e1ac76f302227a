"""From the landing directories to batches: one batch holds files of one feed, and feeds take turns."""

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import UNTIL_RELEASED, Backlog, Scan
from multimarket_async.domains import Document, Feed, FollowUp, IncomingFile, Located, Record, RejectedRecord
from multimarket_async.errors import Rejected
from multimarket_async.landing import WaitingFile
from multimarket_async.records import EncodedFollowUp
from multimarket_async.settings import Settings
from multimarket_async.store import Encoded, Filling, digest_of, encode, receipt_id


class AcceptedFile(NamedTuple):
    """A file that became a document or a follow-up, ready to be stored."""

    file: WaitingFile
    content: bytes
    sha256: str
    document: Encoded | EncodedFollowUp


class RejectedFile(NamedTuple):
    """A file that goes to the quarantine. sha256: None where it could not be read."""

    file: WaitingFile
    rejected: Rejected
    sha256: str | None


class Batch(NamedTuple):
    """Files of one feed that were read together. began: on the monotonic clock, seconds."""

    backlog: Backlog
    scanned: Scan
    began: float
    accepted: list[AcceptedFile]
    rejected: list[RejectedFile]

    @property
    def documents(self) -> list[Encoded | EncodedFollowUp]:
        """The documents of all accepted files, in their order."""
        return [accepted.document for accepted in self.accepted]


class Reader:
    """Reads and parses the waiting files of all feeds. One thread at a time may use it."""

    def __init__(self, backlogs: Iterable[Backlog], filling: Filling, settings: Settings, clock: Clock) -> None:
        self._turns = deque(backlogs)
        self._filling = filling
        self._settings = settings
        self._clock = clock

    def next_batch(self) -> Batch | None:
        """The next batch of the feed that was served least recently; None if no file of any feed is due."""
        began = self._clock.monotonic()
        for _ in range(len(self._turns)):
            backlog = self._turns[0]
            self._turns.rotate(-1)
            if files := backlog.take_readable(self._settings.batch_files, self._settings.batch_bytes):
                return self._read(backlog, files, began)
        return None

    def _read(self, backlog: Backlog, files: list[WaitingFile], began: float) -> Batch:
        batch, now = Batch(backlog, backlog.scanned, began, [], []), self._clock.now()
        latest = self._settings.latest_date(now)
        contents = backlog.landing.read(files, backlog.feed.max_file_bytes or self._settings.max_file_bytes)
        for file, content in zip(files, contents, strict=True):
            match content:
                case FileNotFoundError():  # somebody else took it
                    backlog.release(file)
                case Rejected():
                    batch.rejected.append(RejectedFile(file, content, None))
                case _:
                    sha256 = hashlib.sha256(content).hexdigest()
                    try:
                        partition = self._filling.reserve(backlog.feed.table.name)
                        incoming = _incoming(backlog, file, content)
                        delivery = receipt_id(backlog.feed.name, sha256, file.inode, file.written_ns)
                        facts = {"archive": backlog.landing.identity.id, "delivery": delivery}
                        document = document_of(backlog.feed, incoming, sha256, now, partition, latest=latest, **facts)
                        batch.accepted.append(AcceptedFile(file, content, sha256, document))
                    except Rejected as rejected:
                        batch.rejected.append(RejectedFile(file, rejected, sha256))
        return batch

    def defer(self, batch: Batch) -> None:
        """Its accepted files cannot be stored now: do not take them again until released."""
        for accepted in batch.accepted:
            batch.backlog.defer(accepted.file, UNTIL_RELEASED, "accepted")

    def requeue(self) -> None:
        """Files in flight were not dealt with: scan anew."""
        for backlog in self._turns:
            backlog.requeue()

    def undefer(self) -> None:
        """Take also the files that were deferred until released."""
        for backlog in self._turns:
            backlog.undefer()


def _incoming(backlog: Backlog, file: WaitingFile, content: bytes) -> IncomingFile:
    return IncomingFile(backlog.feed.name, file.name, datetime.fromtimestamp(file.written_ns / 1e9, UTC), content)


def document_of(
    feed: Feed, file: IncomingFile, sha256: str, now: datetime, partition: str, *, latest: datetime, **delivery: str
) -> Encoded | EncodedFollowUp:
    """The document or follow-up in a file of a single record, with its source. Raises Rejected.

    delivery: the archive that the file goes to, and the identity of this delivery.
    """
    record = _parsed(feed, file)
    feed.table.check_date(record, latest)
    source = {"feed": feed.name, "file": file.name, "sha256": sha256, "ingested_at": now, **delivery}
    if isinstance(record, FollowUp):
        digest = digest_of(record.event)
        ingestion = {**source, "document_sha256": digest}
        return EncodedFollowUp(record.key, digest, {**record.event, "ingestion": ingestion}, partition)
    return encode({**record, "ingestion": {**source, "partition": partition}})


def _parsed(feed: Feed, file: IncomingFile) -> Document | FollowUp:
    """The record of a file."""
    try:
        [record] = feed.read(file)
        return _checked(feed, _accepted(record))
    except Rejected:
        raise
    except Exception as error:  # a mistake in one domain must not stop the other feeds
        raise Rejected("parser_failed", f"the feed's reader failed on it: {error!r}") from error


def _accepted(record: Record) -> Document | FollowUp:
    if isinstance(record, RejectedRecord):
        first, *others = record.reasons
        raise replace(first, also=tuple(others))
    return record.record if isinstance(record, Located) else record


def _checked(feed: Feed, record: Document | FollowUp) -> Document | FollowUp:
    """Raises KeyError where there is no key, and LookupError where a table has follow-ups and no lifecycle."""
    if not isinstance(record, FollowUp):
        record["_id"]  # without a key it is the fault of the domain too
    elif feed.table.lifecycle is None:
        raise LookupError(f"{feed.table.name} declares no lifecycle")
    return record
