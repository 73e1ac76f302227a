"""A file between reading and moving: the documents it became, and what becomes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from multimarket_async.collector.backlog import Taken
from multimarket_async.domains import Document, Feed
from multimarket_async.errors import Rejected
from multimarket_async.landing import is_content
from multimarket_async.store import Encoded, Exists, Inserted, Outcome, Refused, digests_of, encode


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that became documents, ready to be stored."""

    taken: Taken
    content: bytes
    sha256: str
    documents: Sequence[Encoded]


def documents_of(taken: Taken, content: bytes, sha256: str, now: datetime) -> list[Encoded]:
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


def verdict(file: Parsed, outcomes: list[Outcome]) -> str | Rejected:
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
