"""Columns of KPIs in SQL: money exact, instants with their zone, texts that PostgreSQL can hold."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from multimarket_async.domains import Column, Kpi, Row

TYPES = {
    "string": "text", "integer": "bigint", "double": "double precision", "date": "timestamptz",
    "boolean": "boolean", "money": "bigint", "percent": "double precision",
}  # fmt: skip
EXACT_DIGITS = 20  # enough for every int64 of minor units


class Cell(NamedTuple):
    """A column of a table. value: of it in a row of the KPI."""

    name: str
    type: str
    nullable: bool
    value: Callable[[Row], Any]


def cells(kpi: Kpi) -> list[Cell]:
    """The columns of a KPI. An amount in whole units is an exact `numeric`, of minor units where the row has them."""
    by_name = {column.name: column for column in kpi.columns}
    return [_cell(column, by_name.get(column.exact)) for column in kpi.columns]


def _cell(column: Column, exact: Column | None) -> Cell:
    if exact:
        type_ = f"numeric({EXACT_DIGITS}, {exact.digits})"
        return Cell(column.name, type_, column.nullable, lambda row: _units(row[exact.name], exact.digits))
    if column.is_amount:
        return Cell(column.name, "numeric", column.nullable, lambda row: _decimal(row[column.name]))
    return Cell(column.name, TYPES[column.type], column.nullable, lambda row: _plain(row[column.name]))


def key_of(kpi: Kpi, row: Row) -> str:
    """The subject of a row as a text that is the same in every generation."""
    return json.dumps(kpi.row_key(row), default=str, ensure_ascii=True)


def differences(kpi: Kpi, expected: Iterable[Row], found: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Rows of the one that the other lacks, whatever their order."""
    columns, left = cells(kpi), Counter(found)
    for row in expected:
        values = tuple(cell.value(row) for cell in columns)
        left[values] -= 1
        if left[values] < 0:
            yield f"{kpi.name}: it lacks the row {values!r}"
    yield from (f"{kpi.name}: it has the row {values!r}, which is not of that generation" for values in +left)


def _units(minor: int | None, digits: int) -> Decimal | None:
    return None if minor is None else Decimal(minor).scaleb(-digits)


def _decimal(value: float | None) -> Decimal | None:
    """The decimal number that a double was rounded to."""
    return None if value is None else Decimal(repr(float(value)))


def _plain(value: Any) -> Any:
    """PostgreSQL has no text with U+0000."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
