"""A batch between reading and moving: the documents its files became, and what becomes of the files."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from multimarket_async.collector.backlog import Taken
from multimarket_async.domains import Document, Feed, FollowUp
from multimarket_async.errors import Rejected
from multimarket_async.landing import is_content, read
from multimarket_async.store import Encoded, Exists, Inserted, Outcome, Refused, digest_of, encode


class EncodedFollowUp(NamedTuple):
    """A follow-up, ready to be applied to the document `key`. sha256: what it is compared by with the same event."""

    key: str
    sha256: str
    event: Document


class Parsed(NamedTuple):
    """A file that became documents, or follow-ups of such, ready to be stored."""

    taken: Taken
    content: bytes
    sha256: str
    documents: Sequence[Encoded | EncodedFollowUp]


class Faulty(NamedTuple):
    """A file that cannot be accepted. sha256: None where it could not be read."""

    taken: Taken
    rejected: Rejected
    sha256: str | None


def parse(taken: Taken, content: bytes | None, max_file_bytes: int, now: datetime) -> Parsed | Faulty | None:
    """What a file turns out to be; None if somebody else took it. content: None where it was not read together."""
    sha256 = None
    try:
        content = read(taken.file, max_file_bytes) if content is None else content
        sha256 = hashlib.sha256(content).hexdigest()
        return Parsed(taken, content, sha256, _documents(taken, content, sha256, now))
    except FileNotFoundError:
        return None
    except Rejected as rejected:
        return Faulty(taken, rejected, sha256)


def contents(files: Iterable[Taken], max_file_bytes: int) -> Iterator[tuple[Taken, bytes | None]]:
    """Neighbours of one folder are read together."""
    for landing, of_one in groupby(files, key=lambda taken: taken.landing):
        together = list(of_one)
        yield from zip(together, landing.read_all([taken.file for taken in together], max_file_bytes), strict=True)


def _documents(taken: Taken, content: bytes, sha256: str, now: datetime) -> list[Encoded | EncodedFollowUp]:
    """What the file says, each with where it came from. Raises Rejected."""
    said, partitions = _parsed(taken.feed, content)
    source = {"feed": taken.feed.name, "file": taken.file.name, "sha256": sha256, "ingested_at": now}
    if len(said) == 1 and not isinstance(said[0], FollowUp):
        source["partition"] = partitions[0]
        return [encode({**said[0], "ingestion": source})]
    return [_one_of_many(one, partition, source) for one, partition in zip(said, partitions, strict=True)]


def _one_of_many(said: Document | FollowUp, partition: str, source: dict[str, Any]) -> Encoded | EncodedFollowUp:
    """It is compared by its own digest: see `store.digests_of`. A follow-up is one of many for its document."""
    if isinstance(said, FollowUp):
        digest = digest_of(said.event)
        return EncodedFollowUp(said.key, digest, {**said.event, "ingestion": {**source, "document_sha256": digest}})
    return encode({**said, "ingestion": {**source, "partition": partition, "document_sha256": digest_of(said)}})


def _parsed(feed: Feed, content: bytes) -> tuple[list[Document | FollowUp], list[str]]:
    """What the file says, and the partition of each document."""
    try:
        said = list(feed.parse(content))
        return said, [_partition(feed, one) for one in said]
    except Rejected:
        raise
    except Exception as error:  # a mistake in one domain must not stop the other feeds
        raise Rejected("parser_failed", f"the feed's parser failed on it: {error!r}") from error


def _partition(feed: Feed, said: Document | FollowUp) -> str:
    """Raises KeyError where there is no key, and LookupError where a feed has follow-ups and no life cycle."""
    if isinstance(said, FollowUp):
        if feed.life is None:
            raise LookupError(f"{feed.name} declares no life cycle")
        return ""
    said["_id"]  # without a key it is the fault of the parser too
    return feed.partition(said)


def runs(parsed: list[Parsed]) -> Iterator[tuple[str, list[Parsed]]]:
    """Neighbours that go into the same collection, together."""
    for collection, files in groupby(parsed, key=lambda file: file.taken.feed.collection):
        yield collection, list(files)


def verdict(file: Parsed, outcomes: Sequence[Outcome]) -> str | Rejected:
    """What becomes of a file, given what became of its documents: the one place that decides it."""
    if all(isinstance(outcome, Inserted) for outcome in outcomes):
        return "stored"
    for document, outcome in zip(file.documents, outcomes, strict=True):
        if isinstance(outcome, Refused):
            return Rejected("refused_by_mongodb", f"MongoDB refuses {document.key}: {outcome.sentence}")
        if isinstance(outcome, Exists) and not _same(file, document, outcome):
            sentence = (
                f"{_named(document)} is stored already with other content; neither is received: a person must decide"
            )
            digests = {"key": document.key, "sha256_stored": outcome.sha256, "sha256_delivered": document.sha256}
            return Rejected("conflict", sentence, facts=digests)
    return "stored" if Inserted() in outcomes else "duplicate"


def _named(document: Encoded | EncodedFollowUp) -> str:
    return f"this follow-up of {document.key}" if isinstance(document, EncodedFollowUp) else str(document.key)


def _same(file: Parsed, document: Encoded | EncodedFollowUp, stored: Exists) -> bool:
    return document.sha256 == stored.sha256 or (len(file.documents) == 1 and is_content(file.content, stored.sha256))
