"""Files of made-up bytes, read by a format."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.feeds import IncomingFile, Located, Record, RejectedRecord
from multimarket_async.formats import Csv, Json

Row = dict[str, Any]


def incoming(content: bytes) -> IncomingFile:
    return IncomingFile("lines", "lines.csv", datetime(2026, 1, 1, tzinfo=UTC), content)


def records(form: Csv | Json, content: str | bytes, make: Callable[[Row], Row] = dict) -> list[Record]:
    """Every record of a file, without its place if it is good; text is UTF-8."""
    found = form.reader(make)(incoming(content.encode() if isinstance(content, str) else content))
    return [record.record if isinstance(record, Located) else record for record in found]


def skims(form: Csv | Json, content: bytes) -> int | str:
    """Number of the records that are found without looking at them, or why the file is bad as a whole."""
    try:
        return sum(1 for _ in form.reader(_never)(replace(incoming(content), skimmed=True)))
    except Rejected as rejected:
        return rejected.sentence


def _never(row: Row) -> Row:
    raise AssertionError(row)


def refusal(form: Csv | Json, content: str | bytes) -> Rejected:
    """The reason why the file is bad as a whole."""
    with pytest.raises(Rejected) as caught:
        records(form, content)
    return caught.value


def rejects(found: Iterable[Record]) -> list[tuple[int, bytes, list[str]]]:
    """Line, bytes and codes of each rejected record."""
    return [
        (record.line, record.raw, [reason.code for reason in record.reasons])
        for record in found
        if isinstance(record, RejectedRecord)
    ]
