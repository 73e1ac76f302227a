"""Numbers of KPIs as rules choose them: rows of some keys and days, added up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.alerts.rules import Change, Figure, Measured
from multimarket_async.domains import Column, Kpi, LoadedDomain, Row
from multimarket_async.errors import OperationFailed
from multimarket_async.readers.cells import digits
from multimarket_async.readers.regrouping import regrouped, regrouped_columns

DAY_CHARS = len("2026-05-12")
SHOWN = 3
WEEK = 7


@dataclass(frozen=True)
class Days:
    """Whole days, both included."""

    first: date
    last: date

    def before(self, days: int) -> "Days":
        """So many days earlier."""
        return Days(self.first - timedelta(days), self.last - timedelta(days))

    def has(self, day: date) -> bool:
        """It is one of them."""
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Table:
    """The rows of a KPI in a generation. today: the day that is not over, in the business time zone."""

    domain: LoadedDomain
    kpi: Kpi
    rows: list[Row]
    today: date

    def last(self, days: int) -> Days:
        """The last days that are over."""
        return Days(self.today - timedelta(days), self.today - timedelta(1))

    def column(self, name: str) -> Column:
        """One of its columns."""
        return next(column for column in self.kpi.columns if column.name == name)

    def chosen(self, rule: Measured, days: Days | None) -> list[Row]:
        """The rows with the values that a rule names, of these days. Raises OperationFailed."""
        where = {name: value if isinstance(value, list) else [value] for name, value in rule.where.items()}
        rows = [row for row in self.rows if all(row.get(name) in values for name, values in where.items())]
        return [row for row in rows if days.has(self._day(row))] if days else rows

    def _day(self, row: Row) -> date:
        time = next(column for column in self.kpi.columns if column.role == "time")
        value = row[time.name]
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(self.domain.timezone)).date()
        try:
            return date.fromisoformat(str(value)[:DAY_CHARS])
        except ValueError:
            raise OperationFailed(f"{self.kpi.name} is not by day, but as {value}: choose a KPI by day") from None

    def number(self, rule: Measured, days: Days) -> Any:
        """The number of the chosen rows of these days, added up; 0 for a sum of none, None where there is no number."""
        rows = regrouped(self.kpi.columns, self.chosen(rule, days), ())
        column = self.column(rule.column)
        return rows[0].get(rule.column) if rows else 0 if column.role == "sum" or column.exact else None


def found(rule: Figure | Change, table: Table) -> str:
    """A sentence about what is beyond the bound of a rule; empty if nothing is. Raises OperationFailed."""
    return _beyond(rule, table) if isinstance(rule, Figure) else _changed(rule, table)


def _beyond(rule: Figure, table: Table) -> str:
    days = {None: None, "yesterday": table.last(1), "7 days": table.last(WEEK)}[rule.days]
    column, bound, side = table.column(rule.column), rule.bound, "below" if rule.above is None else "above"
    sign = 1 if side == "below" else -1
    ranked = sorted(
        (sign * _units(column, value), of, value) for of, value in _numbers(rule, table, table.chosen(rule, days))
    )
    wrong = [f"{of} {digits(column, value)}".strip() for rank, of, value in ranked if rank < sign * bound]
    if not wrong:
        return ""
    more = f", and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
    listed = "; ".join(wrong[:SHOWN]) + more
    return f"{table.kpi.title}: {column.title} {listed}, {side} {bound:,.10g}{_unit(column)}{_which(rule, rule.days)}"


def _numbers(rule: Figure, table: Table, rows: list[Row]) -> Iterator[tuple[str, Any]]:
    """The groups of a rule, as text, and their numbers; rows that cannot be added up are groups of their own."""
    columns, by = table.kpi.columns, list(rule.by)
    if any(column.name == rule.column for column in regrouped_columns(columns, by)):
        groups = regrouped(columns, rows, by)
        if not groups and not by and table.column(rule.column).role == "sum":
            yield "", 0
    else:
        groups, by = rows, [column.name for column in columns if column.says_what and column.name not in rule.where]
    for row in groups:
        if row.get(rule.column) is not None:
            yield ", ".join(str(row[name]) for name in by), row[rule.column]


def _changed(rule: Change, table: Table) -> str:
    """A sentence about a change beyond the bound of a rule; empty if it is within, or there is nothing to compare."""
    now = table.last(1 if rule.against == "same weekday" else WEEK)
    after, before = table.number(rule, now), table.number(rule, now.before(WEEK))
    if after is None or not before:
        return ""
    pct = (after - before) * 100 / abs(before)
    fell = rule.fell_pct is not None
    if (-pct if fell else pct) <= (rule.fell_pct if fell else rule.rose_pct or 0):
        return ""
    column = table.column(rule.column)
    moved, numbers = "fell" if fell else "rose", f"{digits(column, after)} after {digits(column, before)}"
    against = f"{moved} by {abs(pct):,.1f} % against the {rule.against}"
    return f"{table.kpi.title}: {column.title} {against}: {numbers}{_unit(column)}{_which(rule, None)}"


def _units(column: Column, value: Any) -> float:
    """In whole units."""
    return float(value) / 10**column.digits if column.type == "money" else float(value)


def _unit(column: Column) -> str:
    return f" {column.unit}" if column.unit else ""


def _which(rule: Measured, days: str | None) -> str:
    """The choice of a rule, in brackets."""
    named = [f"{name} {_listed(value)}" for name, value in rule.where.items()]
    chosen = [*named, *([days] if days else [])]
    return f" ({', '.join(chosen)})" if chosen else ""


def _listed(value: Any) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)


def tables_of(rules: Iterable[Any]) -> set[str]:
    """The KPIs that rules name."""
    return {rule.kpi for rule in rules if isinstance(rule, Measured)}
