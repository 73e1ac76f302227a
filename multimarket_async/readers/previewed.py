"""Records of a file under a declared format, for the terminal and as data: each field beside its expression."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from multimarket_async.domains import Preview
from multimarket_async.landing.rejected_lines import described
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers.rejects import sentence_of

MOST_RECORDS = 20


def is_right(preview: Preview) -> bool:
    """True for a record that would be stored, and adds up to the total of its sender."""
    return preview.agrees and not preview.reasons


def data(name: str, form: str, previews: Sequence[Preview]) -> dict[str, Any]:
    """A file, to be printed as JSON."""
    return {
        "file": printable(name),
        "format": form,
        "records": [
            {
                "line": preview.line,
                "key": preview.key,
                "record": preview.record,
                "notes": preview.notes,
                "rejected": [described(reason) for reason in preview.reasons],
                "agrees": preview.agrees,
            }
            for preview in previews
        ],
    }


def lines(name: str, form: str, previews: Sequence[Preview]) -> Iterator[str]:
    """A file, for people."""
    bad = sum(bool(preview.reasons) for preview in previews)
    summary = f"{form}, {len(previews):,} records, {len(previews) - bad:,} accepted, {bad:,} rejected"
    yield escape_control_chars(f"{printable(name)}: {summary}")
    for preview in islice(sorted(previews, key=is_right), MOST_RECORDS):
        yield ""
        yield from map(escape_control_chars, _record(preview))
    if len(previews) > MOST_RECORDS:
        yield f"... and {len(previews) - MOST_RECORDS:,} more; --format json shows all."


def _record(preview: Preview) -> Iterator[str]:
    yield f"line {preview.line}: {preview.key}"
    widths = [max((len(field[place]) for field in preview.fields), default=0) for place in (0, 1)]
    for name, value, expression in preview.fields:
        source = f"  <- {expression}" if expression else ""
        yield f"  {name:{widths[0]}}  {value:{min(widths[1], 40) if source else 0}}{source}"
    for reason in preview.reasons:
        yield f"  {sentence_of(described(reason))}"
    for note in preview.notes:
        yield f"  {note}"
