"""Requirements of MongoDB and of a table on the records of a domain; for `contract`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from multimarket_async.errors import Rejected
from multimarket_async.feeds import Document, FollowUp, Located, Record, RejectedRecord, Table
from multimarket_async.store import digest_of

KEYS = (str, int, bytes, datetime, dict)  # a list, a pattern or nothing is no key for MongoDB


def unstorable(table: Table, record: Record) -> Iterator[str]:
    """A sentence for each reason why this record of a feed cannot be stored, or listed where it is rejected."""
    match record:
        case Located(inner, line):
            yield from _place(line)
            yield from unstorable(table, inner)
        case RejectedRecord(reasons, line, raw):
            yield from _place(line)
            if not reasons or not isinstance(raw, bytes):
                yield f"a rejected record has reasons and its bytes, not {record!r:.100}"
        case FollowUp(key, event):
            yield from _follow_up(table, key, event)
        case dict():
            yield from _document(table, record)
        case _:
            yield f"{record!r:.100} is no record"


def _place(line: int) -> Iterator[str]:
    if line < 1:
        yield f"lines are counted from 1; this is {line}"


def _follow_up(table: Table, key: Any, event: Document) -> Iterator[str]:
    if table.lifecycle is None:
        yield f"{table.name} has no lifecycle, and gets the follow-up of {key!r:.50}"
    elif missing := {table.lifecycle.state, table.lifecycle.at} - event.keys():
        yield f"the follow-up of {key!r:.50} lacks {', '.join(sorted(missing))}"
    if not isinstance(key, str):
        yield f"a follow-up names its document by a text, not by {key!r:.50}"
    yield from _encoding(event)


def _document(table: Table, document: Document) -> Iterator[str]:
    if not isinstance(document.get("_id"), KEYS):
        yield f"{document.get('_id')!r:.50} is no key"
    yield from _encoding(document)
    if table.version is not None and table.version(document) is not None:
        yield from _version(table.version(document))


def _encoding(document: Document) -> Iterator[str]:
    try:
        digest_of(document)
    except Rejected as rejected:
        yield rejected.sentence
    if "ingestion" in document:
        yield "the field `ingestion` is the engine's own"


def _version(version: Any) -> Iterator[str]:
    """Versions of one table are compared with each other; one that equals nothing, such as NaN, is in no order."""
    try:
        ordered = bool(version == version and not version < version)  # noqa: PLR0124 - NaN differs from itself
    except TypeError:
        ordered = False
    if not ordered:
        yield f"{version!r:.50} is no version: it cannot be compared"
