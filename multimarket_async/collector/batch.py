"""A batch between reading and moving: the documents its files became, and what becomes of the files."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from multimarket_async.collector.backlog import Taken
from multimarket_async.domains import Document, Feed
from multimarket_async.errors import Rejected
from multimarket_async.landing import is_content, read
from multimarket_async.store import Encoded, Exists, Inserted, Outcome, Refused, digests_of, encode


class Parsed(NamedTuple):
    """A file that became documents, ready to be stored."""

    taken: Taken
    content: bytes
    sha256: str
    documents: Sequence[Encoded]


class Faulty(NamedTuple):
    """A file that cannot be accepted. sha256: None where it could not be read."""

    taken: Taken
    rejected: Rejected
    sha256: str | None


def read_and_parse(taken: Taken, max_file_bytes: int, now: datetime) -> Parsed | Faulty | None:
    """What a file turns out to be; None if somebody else took it."""
    sha256 = None
    try:
        content = read(taken.file, max_file_bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        return Parsed(taken, content, sha256, _documents(taken, content, sha256, now))
    except FileNotFoundError:
        return None
    except Rejected as rejected:
        return Faulty(taken, rejected, sha256)


def _documents(taken: Taken, content: bytes, sha256: str, now: datetime) -> list[Encoded]:
    """The file's documents, each with where it came from. Raises Rejected."""
    documents, partitions = _parsed(taken.feed, content)
    source = {"feed": taken.feed.name, "file": taken.file.name, "sha256": sha256, "ingested_at": now}
    if len(documents) == 1:
        return [encode({**documents[0], "ingestion": {**source, "partition": partitions[0]}})]
    own = zip(documents, partitions, digests_of(documents, sha256), strict=True)
    return [
        encode({**one, "ingestion": {**source, "partition": partition, "document_sha256": digest}})
        for one, partition, digest in own
    ]


def _parsed(feed: Feed, content: bytes) -> tuple[list[Document], list[str]]:
    """The documents, and the partition of each."""
    try:
        documents = list(feed.parse(content))
        for document in documents:
            document["_id"]  # without a key it is the fault of the parser too
        return documents, [feed.partition(document) for document in documents]
    except Rejected:
        raise
    except Exception as error:  # a mistake in one domain must not stop the other feeds
        raise Rejected("parser_failed", f"the feed's parser failed on it: {error!r}") from error


def runs(parsed: list[Parsed]) -> Iterator[tuple[str, list[Parsed]]]:
    """Neighbours that go into the same collection, together."""
    for collection, files in groupby(parsed, key=lambda file: file.taken.feed.collection):
        yield collection, list(files)


def verdict(file: Parsed, outcomes: Sequence[Outcome]) -> str | Rejected:
    """What becomes of a file, given what became of its documents: the one place that decides it."""
    for document, outcome in zip(file.documents, outcomes, strict=True):
        if isinstance(outcome, Refused):
            return Rejected("refused_by_mongodb", f"MongoDB refuses {document.key}: {outcome.sentence}")
        if isinstance(outcome, Exists) and not _same(file, document, outcome):
            sentence = f"{document.key} is stored already with other content; neither is dropped: a person must decide"
            digests = {"key": document.key, "sha256_stored": outcome.sha256, "sha256_delivered": document.sha256}
            return Rejected("conflict", sentence, facts=digests)
    return "stored" if Inserted() in outcomes or not outcomes else "duplicate"


def _same(file: Parsed, document: Encoded, stored: Exists) -> bool:
    return document.sha256 == stored.sha256 or (len(file.documents) == 1 and is_content(file.content, stored.sha256))
