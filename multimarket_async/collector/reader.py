"""From the landing directories to batches: one batch holds files of one feed, and feeds take turns."""

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import UNTIL_RELEASED, Backlog, Scan
from multimarket_async.domains import Document, Feed, FollowUp, IncomingFile, Record, RejectedRecord
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing import WaitingFile
from multimarket_async.settings import Settings
from multimarket_async.store import Encoded, digest_of, encode

log = structlog.get_logger()


class EncodedFollowUp(NamedTuple):
    """A follow-up, ready to be applied to the document `key`. sha256: it is compared by with the same event."""

    key: str
    sha256: str
    event: Document


class AcceptedFile(NamedTuple):
    """A file that became documents or follow-ups, ready to be stored."""

    file: WaitingFile
    content: bytes
    sha256: str
    documents: Sequence[Encoded | EncodedFollowUp]


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
        return [document for accepted in self.accepted for document in accepted.documents]


class Reader:
    """Reads and parses the waiting files of all feeds. One thread at a time may use it."""

    def __init__(self, backlogs: Iterable[Backlog], settings: Settings, clock: Clock) -> None:
        self._turns = deque(backlogs)
        self._settings = settings
        self._clock = clock
        self._unreadable: set[str] = set()

    def next_batch(self) -> Batch | None:
        """The next batch of the feed that was served least recently; None if no file of any feed is due."""
        began = self._clock.monotonic()
        for _ in range(len(self._turns)):
            backlog = self._turns[0]
            self._turns.rotate(-1)
            if files := self._take(backlog):
                return self._read(backlog, files, began)
        return None

    def _take(self, backlog: Backlog) -> list[WaitingFile]:
        """A folder that cannot be listed holds up no other feed."""
        backlog.landing.restore()
        name = backlog.feed.name
        try:
            files = backlog.take(self._settings.batch_files, self._settings.batch_bytes)
        except Unavailable as why:
            if name not in self._unreadable:
                log.warning("feed.unreadable", feed=name, why=str(why))
            self._unreadable.add(name)
            return []
        self._unreadable.discard(name)
        return files

    def _read(self, backlog: Backlog, files: list[WaitingFile], began: float) -> Batch:
        batch, now = Batch(backlog, backlog.scanned, began, [], []), self._clock.now()
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
                        documents = documents_of(backlog.feed, _incoming(backlog, file, content), sha256, now)
                        batch.accepted.append(AcceptedFile(file, content, sha256, documents))
                    except Rejected as rejected:
                        batch.rejected.append(RejectedFile(file, rejected, sha256))
        return batch

    def waiting(self) -> list[WaitingFile]:
        """Every waiting file of every feed."""
        return [file for backlog in list(self._turns) for file in backlog.landing.waiting()]

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


def documents_of(feed: Feed, file: IncomingFile, sha256: str, now: datetime) -> list[Encoded | EncodedFollowUp]:
    """The documents and follow-ups in a file, each with its source. Raises Rejected."""
    parsed, partitions = _parsed(feed, file)
    source = {"feed": feed.name, "file": file.name, "sha256": sha256, "ingested_at": now}
    if len(parsed) == 1 and not isinstance(parsed[0], FollowUp):
        source["partition"] = partitions[0]
        return [encode({**parsed[0], "ingestion": source})]
    return [_with_digest(document, partition, source) for document, partition in zip(parsed, partitions, strict=True)]


def _with_digest(document: Document | FollowUp, partition: str, source: dict[str, Any]) -> Encoded | EncodedFollowUp:
    """A document or follow-up that is compared by a digest of its own, not by its file's: see `store.digests_of`."""
    if isinstance(document, FollowUp):
        digest = digest_of(document.event)
        ingestion = {**source, "document_sha256": digest}
        return EncodedFollowUp(document.key, digest, {**document.event, "ingestion": ingestion})
    ingestion = {**source, "partition": partition, "document_sha256": digest_of(document)}
    return encode({**document, "ingestion": ingestion})


def _parsed(feed: Feed, file: IncomingFile) -> tuple[list[Document | FollowUp], list[str]]:
    """The records of a file, and the partition of each document."""
    try:
        records = list(feed.read(file))
        parsed = [_accepted(record) for record in records]
        return parsed, [_partition(feed, document) for document in parsed]
    except Rejected:
        raise
    except Exception as error:  # a mistake in one domain must not stop the other feeds
        raise Rejected("parser_failed", f"the feed's parser failed on it: {error!r}") from error


def _accepted(record: Record) -> Document | FollowUp:
    if isinstance(record, RejectedRecord):
        first, *others = record.reasons
        raise replace(first, also=tuple(others))
    return record


def _partition(feed: Feed, document: Document | FollowUp) -> str:
    """Raises KeyError where there is no key, and LookupError where a feed has follow-ups and no lifecycle."""
    if isinstance(document, FollowUp):
        if feed.table.lifecycle is None:
            raise LookupError(f"{feed.name} declares no lifecycle")
        return ""
    document["_id"]  # without a key it is the fault of the parser too
    return feed.table.partition(document)
