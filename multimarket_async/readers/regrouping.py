"""Rows of a KPI added up by some of its keys and times: sums are added, ratios are those of the sums."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from multimarket_async.domains import Column, Row

HUNDREDTHS = 100


def regrouped_columns(columns: Sequence[Column], by: Iterable[str]) -> tuple[Column, ...]:
    """The columns of regrouped rows: these keys and times, sums, ratios, and doubles of exact sums.

    A rank, a maximum, a share of all, or a count of distinct things says nothing about several rows: it is left out.
    """
    names = set(by)
    sums = {column.name for column in columns if column.role == "sum"}
    return tuple(
        column
        for column in columns
        if (column.name in names if column.role in ("key", "time") else _is_computed(column, sums))
    )


def _is_computed(column: Column, sums: set[str]) -> bool:
    return column.name in sums or column.role == "ratio" or column.exact in sums


def single(columns: Iterable[Column], rows: Iterable[Row], by: Iterable[str] = ()) -> list[Row]:
    """The rows that are no totals of others, but for keys by which they are grouped."""
    totals = [(column.name, column.total) for column in columns if column.total and column.name not in by]
    return [row for row in rows if all(row.get(name) != total for name, total in totals)]


def regrouped(columns: Sequence[Column], rows: Iterable[Row], by: Sequence[str]) -> list[Row]:
    """One row for each combination of values of these columns, in their order."""
    regrouping = Regrouping(columns, by)
    regrouping.add(rows)
    return regrouping.rows()


class Regrouping:
    """Rows that are added up as they come; nothing is rounded but at the end."""

    def __init__(self, columns: Sequence[Column], by: Sequence[str]) -> None:
        self.columns = regrouped_columns(columns, by)
        self._by = by
        self._by_name = {column.name: column for column in columns}
        self._sums = [column.name for column in self.columns if column.role == "sum"]
        self._groups: dict[tuple[Any, ...], dict[str, int]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Add these rows to their groups."""
        for row in single(self._by_name.values(), rows, self._by):
            sums = self._groups.setdefault(tuple(row.get(name) for name in self._by), dict.fromkeys(self._sums, 0))
            for name in self._sums:
                sums[name] += row.get(name) or 0

    def rows(self) -> list[Row]:
        """The groups, sorted by their keys."""
        ordered = sorted(self._groups.items(), key=lambda group: [_sortable(value) for value in group[0]])
        return [dict(self._row(dict(zip(self._by, key, strict=True)), sums)) for key, sums in ordered]

    def _row(self, key: Row, sums: Row) -> Iterator[tuple[str, Any]]:
        for column in self.columns:
            yield column.name, key[column.name] if column.name in key else self._computed(column, sums)

    def _computed(self, column: Column, sums: Row) -> Any:
        if column.of:
            return ratio(column, *(_units(self._by_name[name], sums[name]) for name in column.of))
        return float(_units(self._by_name[column.exact], sums[column.exact])) if column.exact else sums[column.name]


def _sortable(value: Any) -> tuple[bool, Any]:
    """Nulls first."""
    return (value is not None, value)


def _units(column: Column, value: Any) -> Fraction:
    """The exact number that is meant, amounts in whole units."""
    return Fraction(value, 10**column.digits) if column.type == "money" else Fraction(value)


def ratio(column: Column, numerator: Fraction, denominator: Fraction) -> float | int | None:
    """The quotient as this column holds it, rounded half-up; null over nothing."""
    if not denominator:
        return None
    quotient = numerator / denominator * (100 if column.type == "percent" else 1)
    if column.type == "money":
        return _half_up(quotient * 10**column.digits)
    return _half_up(quotient * HUNDREDTHS) / HUNDREDTHS


def _half_up(number: Fraction) -> int:
    """The nearest integer; of two, the upper one."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)
