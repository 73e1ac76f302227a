"""Documents as BSON, the digests by which deliveries are compared, and the outcomes of writing them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from multimarket_async.compiled import compiled_module
from multimarket_async.errors import Rejected
from multimarket_async.store.driver import Document

_record = compiled_module(f"{__package__}._record", "document", "record", "take")

Stage: TypeAlias = dict[str, Any]
Origin: TypeAlias = tuple[Any, Any]
Numbered: TypeAlias = tuple[int, Any]
NO_ORIGIN: Origin = ("", "")

# `ingestion.partition` of a placeholder: follow-ups that are stored under the key of a document still to come.
PLACEHOLDER_PARTITION = "(awaited)"
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024  # MongoDB's limit; one larger document would fail its whole batch
MAX_DEPTH = 180  # a message nested over 200 levels is refused whole; the message itself adds some
DIGEST_CHARS = 32  # of a record's SHA-256: 128 bits, as there may be millions of them
MIN_BYTES_PER_LEVEL = 8  # type, a name of one character, two zero bytes, the length
REMEMBERED_ELEMENTS = 4096
# Starts of BSON elements, each its type and its name: https://bsonspec.org/spec.html
_INGESTION, _INT32_RECORD, INT32 = b"\x03ingestion\0", b"\x10record\0", 1 << 31
_AS_STORED: CodecOptions[Any] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_new = tuple.__new__  # Encoded(...) takes twice the time
_DIGEST = b"\x02digest\0" + (DIGEST_CHARS + 1).to_bytes(4, "little")


class Encoded(NamedTuple):
    """A document as BSON, encoded outside the event loop, so known to be storable.

    sha256: digest that is compared with that of a stored document of the same key. version: in a table that has them.
    origin: the record that it is; see `origin_of`.
    """

    key: Any
    sha256: str
    bson: RawBSONDocument
    partition: str = ""
    version: Any = None
    origin: Origin = NO_ORIGIN


@dataclass(frozen=True, slots=True)
class Inserted:
    """The document was stored by this call, durably."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The document took the place of an older version, by this call, durably."""


@dataclass(frozen=True, slots=True)
class Exists:
    """A document with this key is stored already, durably; `sha256` is the digest to compare with.

    version, partition, origin: its own, as in `Encoded`. differs: the names of fields whose content is another one.
    """

    sha256: str
    version: Any = field(default=None, compare=False)
    partition: str | None = field(default=None, compare=False)
    origin: Origin = field(default=NO_ORIGIN, compare=False)
    differs: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not take this document, now or later."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Follow-ups of this document came first and hold its key: the document has to be joined with them."""


Outcome: TypeAlias = Inserted | Replaced | Exists | Refused | Placeholder


@dataclass(frozen=True, slots=True)
class Change:
    """An update pipeline for the document with this key; where there is none it starts from `{_id: key}`."""

    key: str
    stages: Sequence[Stage]


def encode(document: Document) -> Encoded:
    """Encode a document with its key in `_id`. Raises Rejected where BSON cannot hold it."""
    ingestion = document.get("ingestion")
    source = ingestion if isinstance(ingestion, dict) else {}
    origin = origin_of(source) if "delivery" in source else NO_ORIGIN
    content, partition = RawBSONDocument(_bson(document)), source.get("partition", "")
    return _new(Encoded, (document["_id"], compared_by(ingestion), content, partition, None, origin))


class Taken(NamedTuple):
    """Lists of records that were taken, and of their places; what they have in common.

    version: of the file; that of a record is this and its number; None: records have none.
    place: a tuple type, of a record and then what says where it is, the second of which is its bytes, or is empty; then
    the place keeps the record.
    dated: a field that is not to be later than `latest`; "": none.
    """

    documents: list[Any]
    places: list[Any]
    partition: str
    version: str | None
    place: type
    dated: str
    latest: datetime


class RecordEncoder:
    """Encodes the records of one file, whose `ingestion` is alike but for number, partition, version and digest.

    C (_record.c) does it for plain documents, in a third of the time; Python does every other one, and all of them
    where it was not compiled. `take` is for many of them.
    """

    def __init__(self, feed: str, receipt: str, ingested_at: datetime) -> None:
        self._receipt = receipt
        self._start = (
            _remembered("feed", feed) + _elements({"receipt": receipt}) + _remembered("ingested_at", ingested_at)
        )

    def encoded(self, document: Document, number: int, partition: str, version: Any = None) -> Encoded:
        """A document with its source. number: of the record in its file. Raises Rejected where BSON cannot hold it."""
        behind = _remembered("partition", partition)
        if version is not None:
            behind += _elements({"version": version})
        in_c = _record.record(document, self._start, number, behind) if _record and number < INT32 else None
        digest, content = in_c or self._in_python(document, number, behind)
        key, origin = document["_id"], (self._receipt, number)
        return _new(Encoded, (key, digest, RawBSONDocument(content), partition, version, origin))

    def take(self, numbered: Iterator[Numbered], into: Taken, most: int, most_bytes: int) -> tuple[int, Any]:
        """Take plain records until they are so many, or so many bytes, or there is one that is not plain.

        It gives their bytes, and the record that was left, with its number; () if enough were taken, None at the end.
        """
        if _record is None:
            return 0, next(numbered, None)
        alike = (self._start, _remembered("partition", into.partition), self._receipt)
        return cast(
            "tuple[int, Any]", _record.take(*alike, *into, RawBSONDocument, Encoded, numbered, most, most_bytes)
        )

    def _in_python(self, document: Document, number: int, behind: bytes) -> tuple[str, bytes]:
        """Digest and BSON, put together from elements: to encode `ingestion` anew takes longer than the record."""
        content = _bson(document)
        digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]
        record = _INT32_RECORD + number.to_bytes(4, "little") if number < INT32 else _elements({"record": number})
        ingestion = b"".join((self._start, record, behind, _DIGEST, digest.encode(), b"\0"))
        length = len(content) + len(_INGESTION) + len(ingestion) + 5
        whole = (length.to_bytes(4, "little"), content[4:-1], _INGESTION, (len(ingestion) + 5).to_bytes(4, "little"))
        return digest, b"".join((*whole, ingestion, b"\0\0"))


def _elements(document: Document) -> bytes:
    """The elements of a BSON document, which is its length (4 bytes), its elements, and a zero byte."""
    return _bson(document)[4:-1]


@lru_cache(REMEMBERED_ELEMENTS)
def _remembered(name: str, value: Any) -> bytes:
    """An element that many records have alike."""
    return _elements({name: value})


def is_newer(document: Encoded, stored: Exists) -> bool:
    """True if a document has to replace the stored one: by version, and where that is the same, by digest.

    So every order of arrival has the same end. The same content of a newer version makes the stored one newer.
    """
    if document.version is None:
        return False
    try:
        return bool((document.version, document.sha256) > (stored.version, stored.sha256))
    except TypeError:  # a document of before its table had versions
        return document.origin != stored.origin


def existing(ingestion: Any) -> Exists | Placeholder:
    """The outcome of inserting over a stored document, by its `ingestion`."""
    if not isinstance(ingestion, Mapping):
        return Exists("")
    if ingestion.get("partition") == PLACEHOLDER_PARTITION:
        return Placeholder()
    return Exists(compared_by(ingestion), ingestion.get("version"), ingestion.get("partition"), origin_of(ingestion))


def compared(stored: RawBSONDocument, expected: Mapping[tuple[Any, str], RawBSONDocument]) -> Exists | Placeholder:
    """The outcome of inserting over a stored document, with the fields in which it is not what its digest says."""
    outcome = existing(stored.get("ingestion"))
    if isinstance(outcome, Placeholder):
        return outcome
    right = expected.get((stored["_id"], outcome.sha256))
    if right is None or _content(stored) == _content(right):
        return outcome
    one, other = (bson.decode(document.raw, _AS_STORED) for document in (stored, right))
    names = sorted({*one, *other} - {"ingestion"})
    return replace(outcome, differs=tuple(name for name in names if one.get(name) != other.get(name)))


def _content(document: RawBSONDocument) -> tuple[bytes, bytes]:
    """The elements before `ingestion`, and those behind it."""
    raw = bytes(document.raw)
    start = raw.rfind(_INGESTION)
    length = start + len(_INGESTION)
    return raw[4:start], raw[length + int.from_bytes(raw[length : length + 4], "little") :]


def origin_of(ingestion: Mapping[str, Any]) -> Origin:
    """The record that a stored document or event came from: receipt and number, its delivery, or file and digest."""
    if "receipt" in ingestion:
        return ingestion["receipt"], ingestion["record"]
    if "delivery" in ingestion:
        return ingestion["delivery"], ""
    return ingestion.get("file"), ingestion.get("sha256")


def digest_of(document: Document) -> str:
    """SHA-256 of the document's BSON, in hexadecimal. Raises Rejected where BSON cannot hold it."""
    return hashlib.sha256(_bson(document)).hexdigest()


def compared_by(ingestion: Any) -> str:
    """Digest to compare a stored document by, from its `ingestion`; "" where MultiMarket did not write it."""
    if not isinstance(ingestion, (dict, Mapping)):  # the first one is the usual one, and found sooner
        return ""
    return str(ingestion.get("digest") or ingestion.get("document_sha256") or ingestion.get("sha256", ""))


def _bson(document: Document) -> bytes:
    if _record and (plain := _record.document(document)):
        return cast("bytes", plain)
    try:
        content = bson.encode(document)
    except (BSONError, OverflowError, UnicodeError, RecursionError) as error:
        raise Rejected("not_storable", f"MongoDB cannot hold this document: {error}") from error
    if len(content) > MAX_DOCUMENT_BYTES:
        raise Rejected("document_too_large", f"the document takes {len(content)} bytes in MongoDB; the limit is 16 MiB")
    if len(content) > MAX_DEPTH * MIN_BYTES_PER_LEVEL and _depth(document) > MAX_DEPTH:
        raise Rejected("too_deep", f"more than {MAX_DEPTH} objects and lists are nested in each other")
    return content


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return 0
    return 1 + max(map(_depth, value), default=0)
