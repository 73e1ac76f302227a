"""A file of any number of records, read chunk by chunk in bounded memory."""

import hashlib
import json
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from multimarket_async.collector.reader import EncodedFollowUp
from multimarket_async.domains import Document, Feed, FollowUp, IncomingFile, Located, Record, RejectedRecord
from multimarket_async.errors import Rejected
from multimarket_async.landing import WaitingFile, opened
from multimarket_async.store import Encoded, Receipt, RecordCounts, digest_of, encode_record, receipt_id

CHUNK_RECORDS, CHUNK_BYTES = 2_000, 2 << 20
READ_BYTES = 1 << 20
GZIP = b"\x1f\x8b"


class Chunk(NamedTuple):
    """Successive records of a file: those to store, with their places, and the rejected ones."""

    documents: list[Encoded | EncodedFollowUp]
    places: list[Located]
    rejected: list[RejectedRecord]


class OpenedFile:
    """A file held open: neither a rename nor another file of its name changes what is read.

    Raises Rejected if it is no readable regular file of at most `max_bytes`, FileNotFoundError, Unavailable.
    """

    def __init__(self, feed: Feed, file: WaitingFile, max_bytes: int, now: datetime) -> None:
        self.feed = feed
        self.file = file
        self._now = now
        self._descriptor = opened(file, max_bytes)
        try:
            self.sha256 = self._digest()
        except BaseException:
            self.close()
            raise
        self.receipt = receipt_id(feed.name, self.sha256, file.inode, file.written_ns)
        # Sorts by time; of two files of the same time any order will do, as long as it is always the same one.
        self.version = f"{file.written_ns:016x}-{self.sha256[:8]}"

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def is_changed(self) -> bool:
        """True if it was written to since it was looked at."""
        status = os.fstat(self._descriptor)
        return (status.st_size, status.st_mtime_ns) != (self.file.bytes, self.file.written_ns)

    def receipted(self, outcome: str, counts: RecordCounts) -> Receipt:
        """The receipt of this file."""
        identity = self.receipt, self.feed.name, self.file.name, self.sha256
        return Receipt(*identity, self.file.bytes, outcome, counts, self._now)

    def needs_check(self) -> bool:
        """True if nothing of it may be stored before all of it was read."""
        with self._open() as stream:
            compressed = stream.read(len(GZIP)) == GZIP
        return self.feed.on_bad_record == "reject_file" or self.feed.self_delimiting or compressed

    def records(self) -> Iterator[Record]:
        """Every record. Raises Rejected."""
        received_at = datetime.fromtimestamp(self.file.written_ns / 1e9, UTC)
        try:
            yield from self.feed.read(IncomingFile(self.feed.name, self.file.name, received_at, self._open))
        except Rejected:
            raise
        except Exception as error:  # a mistake in one domain must not stop the other feeds
            raise Rejected("parser_failed", f"the feed's reader failed on it: {error!r}") from error

    def chunks(self) -> Generator[Chunk]:
        """Every record, encoded. Raises Rejected."""
        chunk, size = Chunk([], [], []), 0
        for number, record in enumerate(self.records(), start=1):
            size += self._add(chunk, number, record)
            if len(chunk.documents) + len(chunk.rejected) >= CHUNK_RECORDS or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = Chunk([], [], []), 0
        yield chunk

    def _add(self, chunk: Chunk, number: int, record: Record) -> int:
        """Encode a record into a chunk; its bytes."""
        if isinstance(record, RejectedRecord):
            chunk.rejected.append(record)
            return len(record.raw)
        place = record if isinstance(record, Located) else Located(record, number, "")
        try:
            encoded = self._encoded(number, place.record)
        except Rejected as rejected:
            chunk.rejected.append(rejected_record(place, rejected))
            return len(place.raw)
        chunk.documents.append(encoded)
        chunk.places.append(place)
        return len(encoded.bson.raw) if isinstance(encoded, Encoded) else 0

    def _encoded(self, number: int, record: Document | FollowUp) -> Encoded | EncodedFollowUp:
        source = {"feed": self.feed.name, "receipt": self.receipt, "record": number, "ingested_at": self._now}
        if isinstance(record, FollowUp):
            digest = digest_of(record.event)
            return EncodedFollowUp(record.key, digest, {**record.event, "ingestion": {**source, "digest": digest}})
        try:
            source["partition"] = self.feed.table.partition(record)
            if self.feed.table.mode != "insert":
                source["version"] = self._version(number, record)
            return encode_record(record, source)
        except Rejected:
            raise
        except Exception as error:
            raise Rejected("parser_failed", f"the domain failed on it: {error!r}") from error

    def _version(self, number: int, record: Document) -> Any:
        version = self.feed.table.version
        if version is None or self.feed.table.mode == "replace":
            return f"{self.version}-{number:08x}"
        return _as_stored(version(record))

    def _open(self) -> BinaryIO:
        os.lseek(self._descriptor, 0, os.SEEK_SET)  # copies of a descriptor share their place
        return os.fdopen(os.dup(self._descriptor), "rb")

    def _digest(self) -> str:
        digest = hashlib.sha256()
        with self._open() as stream:
            while content := stream.read(READ_BYTES):
                digest.update(content)
        if self.is_changed():
            raise still_changing()
        return digest.hexdigest()


def still_changing() -> Rejected:
    """The rejection of a file that was written to meanwhile."""
    return Rejected("still_changing", "it was written to while it was being read", unfinished=True)


def _as_stored(version: Any) -> Any:
    """A version as MongoDB gives it back: an instant is in UTC and to the millisecond."""
    if not isinstance(version, datetime):
        return version
    aware = version if version.tzinfo else version.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=aware.microsecond // 1000 * 1000)


def rejected_record(place: Located, *reasons: Rejected) -> RejectedRecord:
    """A good record that cannot be stored, and why."""
    raw = place.raw or json.dumps(place.record, default=str, ensure_ascii=False)
    text = raw if isinstance(raw, bytes) else raw.encode("utf-8", "backslashreplace")
    return RejectedRecord(reasons, place.line, text.removesuffix(b"\n").removesuffix(b"\r"), place.head)


def whole_file(rejected: Iterable[RejectedRecord], most: int = 20) -> Rejected:
    """The rejection of a file for its bad records: the reasons of the first ones."""
    reasons = [reason for record in rejected for reason in record.reasons][:most]
    return replace(reasons[0], also=tuple(reasons[1:]))
