"""Documents as BSON, the digests by which deliveries are compared, and the outcomes of writing them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from multimarket_async.errors import Rejected
from multimarket_async.store.driver import Document

Stage: TypeAlias = dict[str, Any]

# `ingestion.partition` of a placeholder: follow-ups that are stored under the key of a document still to come.
PLACEHOLDER_PARTITION = "(awaited)"
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024  # MongoDB's limit; one larger document would fail its whole batch
MAX_DEPTH = 180  # a message nested over 200 levels is refused whole; the message itself adds some
MIN_BYTES_PER_LEVEL = 8  # type, a name of one character, two zero bytes, the length


class Encoded(NamedTuple):
    """A document as BSON, encoded outside the event loop, so known to be storable.

    sha256: digest that is compared with that of a stored document of the same key.
    """

    key: Any
    sha256: str
    bson: RawBSONDocument
    partition: str = ""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The document was stored by this call, durably."""


@dataclass(frozen=True, slots=True)
class Exists:
    """A document with this key is stored already, durably; `sha256` is the digest to compare with."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not take this document, now or later."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Follow-ups of this document came first and hold its key: the document has to be joined with them."""


Outcome: TypeAlias = Inserted | Exists | Refused | Placeholder


@dataclass(frozen=True, slots=True)
class Change:
    """An update pipeline for the document with this key; where there is none it starts from `{_id: key}`."""

    key: str
    stages: Sequence[Stage]


def encode(document: Document) -> Encoded:
    """Encode a document with its key in `_id`. Raises Rejected where BSON cannot hold it."""
    ingestion = document.get("ingestion")
    partition = ingestion.get("partition", "") if isinstance(ingestion, dict) else ""
    return Encoded(document["_id"], compared_by(ingestion), RawBSONDocument(_bson(document)), partition)


def digests_of(documents: Sequence[Document], file_sha256: str) -> list[str]:
    """Digests to compare the documents of one file by: that of the file, or of each document where there are several.

    Otherwise two contents for one key in the same file would look alike, and a file that was quarantined and
    corrected would differ from what had been stored of it.
    """
    return [file_sha256] if len(documents) == 1 else [digest_of(document) for document in documents]


def digest_of(document: Document) -> str:
    """SHA-256 of the document's BSON, in hexadecimal. Raises Rejected where BSON cannot hold it."""
    return hashlib.sha256(_bson(document)).hexdigest()


def compared_by(ingestion: Any) -> str:
    """Digest to compare a stored document by, from its `ingestion`; "" where MultiMarket did not write it."""
    if not isinstance(ingestion, dict):
        return ""
    return str(ingestion.get("document_sha256") or ingestion.get("sha256", ""))


def _bson(document: Document) -> bytes:
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
