"""Rows of KPIs, by the columns that a test is about."""

from collections.abc import Sequence

from multimarket_async.domains import Row


def like(expected: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """The rows with the columns of those expected, and with all columns where there are more rows."""
    named = [{name: row[name] for name in right} for right, row in zip(expected, rows, strict=False)]
    return [*named, *rows[len(expected) :]]
