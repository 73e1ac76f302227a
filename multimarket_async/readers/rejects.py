"""Rejected records of accepted files, for the terminal and as data."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from multimarket_async.landing import RejectsFile
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars

MAX_SHOWN, MAX_LINES, WIDTH_CHARS = 50, 20, 400


def by_code(codes: Mapping[str, int]) -> str:
    """The number of records by code, most frequent first."""
    return ", ".join(f"{records:,} {code}" for code, records in Counter(codes).most_common())


def title(rejects: RejectsFile) -> str:
    """The number of records, and the file they are of."""
    return f"{rejects.records:,} records of {printable(rejects.file)}"


def summary_data(feed: str, rejects: RejectsFile) -> dict[str, Any]:
    """A list as data, with the fields that a quarantined file has too."""
    return {
        "feed": feed,
        "path": printable(str(rejects.path)),
        "code": rejects.codes.most_common(1)[0][0] if rejects.codes else "unknown",
        "sentence": title(rejects),
        "file": printable(rejects.file),
        "records": rejects.records,
        "codes": dict(rejects.codes.most_common()),
        "quarantined_at": rejects.written_at.isoformat(),
        "changed": False,
    }


def rejects_data(feed: str, rejects: RejectsFile) -> dict[str, Any]:
    """A list with all its records."""
    return {**summary_data(feed, rejects), "rejected": list(rejects.each())}


def rejects_lines(feed: str, rejects: RejectsFile, flags: str = "") -> Iterator[str]:
    """The records for people: place, all reasons, text; and how to send them back, with these flags."""
    name = escape_control_chars(printable(rejects.path.name))
    yield escape_control_chars(f"{feed}/{name}: {title(rejects)}; the rest of it was accepted")
    for record in islice(rejects.each(), MAX_SHOWN):
        yield ""
        yield from map(escape_control_chars, record_lines(record))
    yield ""
    if rejects.records > MAX_SHOWN:
        yield f"... and {rejects.records - MAX_SHOWN:,} more; --format json shows all."
    yield escape_control_chars(f"list: {printable(str(rejects.path))}")
    yield f"Correct `raw` there, line by line, then send them back: quarantine replay {shlex.quote(name)}{flags}"


def record_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """A record for people. A list may have been edited, so any field may be missing or of another type."""
    reasons = record.get("reasons")
    yield f"line {record.get('line', '?')}:"
    for reason in reasons if isinstance(reasons, list) else []:
        yield f"  {sentence_of(reason)}" if isinstance(reason, Mapping) else f"  {reason}"
    for text in islice(str(record.get("raw", "")).splitlines(), MAX_LINES):
        yield f"  | {text[:WIDTH_CHARS]}{'…' if len(text) > WIDTH_CHARS else ''}"


def sentence_of(reason: Mapping[str, Any]) -> str:
    """The code of a reason, its place and its sentence."""
    pointer = f" at {reason['pointer']}" if reason.get("pointer") else ""
    return f"{reason.get('code')}{pointer}: {reason.get('sentence')}"
