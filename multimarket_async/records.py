"""Files of any number of records, read chunk by chunk in bounded memory, each record encoded with its source."""

import copy
import json
import sys
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any, BinaryIO, NamedTuple, Self

from multimarket_async.errors import Rejected
from multimarket_async.feeds import Derived, Document, Feed, FollowUp, IncomingFile, Located, Record, RejectedRecord
from multimarket_async.landing import unreadable
from multimarket_async.store import Encoded, Filling, Receipt, RecordCounts, RecordEncoder, Taken, digest_of, receipt_id

CHUNK_RECORDS, CHUNK_BYTES = 2_000, 2 << 20
SLICE_RECORDS = 10_000
NEVER, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class EncodedFollowUp(NamedTuple):
    """A follow-up, ready to be applied to the document `key`. sha256: it is compared by with the same event.

    partition: to which the document moves.
    """

    key: str
    sha256: str
    event: Document
    partition: str = ""


class Identity(NamedTuple):
    """Facts of a file that say which delivery it is, wherever it is by now."""

    name: str
    bytes: int
    inode: int
    written_ns: int
    sha256: str


class Chunk(NamedTuple):
    """Successive records of a file: those to store, with their places, and the rejected ones; all in one partition."""

    documents: list[Encoded | EncodedFollowUp]
    places: list[Located]
    rejected: list[RejectedRecord]
    partition: str = ""


class RecordFile:
    """A file of a feed with receipts. open: gives its bytes as a stream, from the first one on, more than once.

    now: when its records are stored; NEVER, where they are not. latest: no record may be dated later. receipt, sha256:
    identify this delivery and its content. version: sorts by the time of the content; of two files of the same time any
    order will do, as long as it is always the same one.
    erased: numbers of records that were removed from it since it was received; the others keep theirs.
    """

    def __init__(
        self,
        feed: Feed,
        identity: Identity,
        opener: Callable[[], BinaryIO],
        now: datetime = NEVER,
        latest: datetime = FOREVER,
        *,
        erased: Collection[int] = (),
    ) -> None:
        self.feed = feed
        self.identity = identity
        self.receipt = receipt_id(feed.name, identity.sha256, identity.inode, identity.written_ns)
        self.version = file_version(identity.written_ns, identity.sha256)
        self._open = opener
        self._now = now
        self._latest = latest
        self._erased = erased
        self._again = False
        self._encoder = RecordEncoder(feed.name, self.receipt, now)

    def receipted(self, outcome: str, counts: RecordCounts, archive: str) -> Receipt:
        """The receipt of this file, which goes to that archive."""
        name, size, sha256 = self.identity.name, self.identity.bytes, self.identity.sha256
        facts = (self.receipt, self.feed.name, name, sha256, size, outcome, counts, self._now, archive)
        return Receipt(*facts, self.identity.written_ns)

    def deriving(self, derived: Derived) -> Self:
        """The same file, whose records are the documents that follow from it."""
        other = copy.copy(self)
        other.__dict__.update(feed=replace(self.feed, table=derived.table, read=derived.read), _erased=(), _again=True)
        return other

    def records(self, *, skimmed: bool = False) -> Iterator[Record]:
        """Every record. Raises Rejected and Unavailable."""
        received_at = datetime.fromtimestamp(self.identity.written_ns / 1e9, UTC)
        identity, again, version = self.identity, self._again, self.version
        file = IncomingFile(self.feed.name, identity.name, received_at, self._open, skimmed, again, version)
        try:
            yield from self.feed.read(file)
        except Rejected:
            raise
        except OSError as error:
            raise unreadable(error) from error
        except Exception as error:  # a mistake in one domain must not stop the other feeds
            raise Rejected("parser_failed", f"the feed's reader failed on it: {error!r}") from error

    def numbered(self) -> Iterator[tuple[int, Record]]:
        """Every record with its number in the file as it was received. Raises Rejected and Unavailable."""
        if not self._erased:
            return enumerate(self.records(), start=1)
        return zip((number for number in count(1) if number not in self._erased), self.records(), strict=False)

    def chunks(self, filling: Filling | None = None) -> Generator[Chunk]:
        """Every record, encoded. filling: the partitions to store them in; None: they are not. Raises Rejected."""
        numbered, more = self.numbered(), True
        while more:
            chunk = self._begun(filling)
            more = self._fill(chunk, numbered, CHUNK_RECORDS, CHUNK_BYTES)
            yield self._ended(chunk, filling)

    def whole(self, filling: Filling) -> Chunk:
        """Every record in one chunk, of a small file; its partition may become a little larger. Raises Rejected."""
        chunk, table = Chunk([], [], [], filling.reserve(self.feed.table.name)), self.feed.table.name
        self._fill(chunk, self.numbered(), sys.maxsize, sys.maxsize)
        if len(chunk.documents) > 1:
            filling.reserve(table, len(chunk.documents) - 1)
        return chunk

    def _begun(self, filling: Filling | None) -> Chunk:
        return Chunk([], [], [], filling.reserve(self.feed.table.name, CHUNK_RECORDS) if filling else "")

    def _ended(self, chunk: Chunk, filling: Filling | None) -> Chunk:
        if filling:
            filling.give_back(self.feed.table.name, chunk.partition, CHUNK_RECORDS - len(chunk.documents))
        return chunk

    def slices(self) -> Generator[Chunk]:
        """An empty chunk after every so many records: all of it can be read. Raises Rejected."""
        records = self.records(skimmed=True)
        while deque(islice(records, SLICE_RECORDS), maxlen=1):
            yield Chunk([], [], [])

    def _fill(self, chunk: Chunk, numbered: Iterator[tuple[int, Record]], most: int, most_bytes: int) -> bool:
        """Take records into a chunk until it is full; False if there are no more."""
        table, version = self.feed.table, None if self.feed.table.mode == "insert" else self.version
        into = Taken(chunk.documents, chunk.places, chunk.partition, version, Located, table.time_field, self._latest)
        while (room := most - len(chunk.places) - len(chunk.rejected)) > 0 and most_bytes > 0:
            if self._names_versions:
                size, left = 0, next(numbered, None)
            else:
                size, left = self._encoder.take(numbered, into, room, most_bytes)
            if left is None:
                return False
            most_bytes -= size + (self._take(chunk, *left) if left else 0)
        return True

    def _take(self, chunk: Chunk, number: int, record: Record) -> int:
        """Add a record to a chunk; its bytes."""
        if isinstance(record, RejectedRecord):
            chunk.rejected.append(record)
            return len(record.raw)
        return self._add(chunk, number, record if isinstance(record, Located) else Located(record, number, ""))

    def _add(self, chunk: Chunk, number: int, place: Located) -> int:
        """Encode a record into a chunk; its bytes."""
        try:
            encoded = self._encoded(number, place.record, chunk.partition)
        except Rejected as rejected:
            chunk.rejected.append(rejected_record(place, rejected))
            return len(place.raw)
        chunk.documents.append(encoded)
        chunk.places.append(place)
        return len(encoded.bson.raw) if isinstance(encoded, Encoded) else 0

    def _encoded(self, number: int, record: Document | FollowUp, partition: str) -> Encoded | EncodedFollowUp:
        table = self.feed.table
        table.check_date(record, self._latest)
        if isinstance(record, FollowUp):
            return self._followed_up(number, record, partition)
        try:
            version = None if table.mode == "insert" else self._version(number, record)
            return self._encoder.encoded(record, number, partition, version)
        except Rejected:
            raise
        except Exception as error:
            raise Rejected("parser_failed", f"the domain failed on it: {error!r}") from error

    def _followed_up(self, number: int, record: FollowUp, partition: str) -> EncodedFollowUp:
        digest = digest_of(record.event)
        source = {"feed": self.feed.name, "receipt": self.receipt, "record": number, "ingested_at": self._now}
        return EncodedFollowUp(
            record.key, digest, {**record.event, "ingestion": {**source, "digest": digest}}, partition
        )

    @property
    def _names_versions(self) -> bool:
        """True if a record itself says its version."""
        return self.feed.table.mode == "upsert" and self.feed.table.version is not None

    def _version(self, number: int, record: Document) -> Any:
        if self._names_versions and self.feed.table.version:
            return _as_stored(self.feed.table.version(record))
        return f"{self.version}-{number:08x}"


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


def file_version(written_ns: int, sha256: str) -> str:
    """A text that sorts files by the time of their content."""
    return f"{written_ns:016x}-{sha256[:8]}"
