"""Columns of dates, in digits. No value alone decides about the order of year, month and day."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache, partial
from typing import ClassVar, Literal, TypeAlias

from multimarket_async.errors import Rejected
from multimarket_async.formats.columns import Column, Parse
from multimarket_async.strict_json import shown

DateOrder: TypeAlias = Literal["ymd", "dmy", "mdy"]

REMEMBERED_DATES = 4096
_PLACES = {"ymd": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}
_SEPARATOR = re.compile(r"[-/.]")


@dataclass(frozen=True)
class _Dated(Column):
    """Dates in digits. dates: the order of year, month and day; None: the one of the file."""

    dates: DateOrder | None = field(default=None, kw_only=True)
    conventions: ClassVar[tuple[str, ...]] = ("ymd", "dmy", "mdy")

    def declared(self, decimal: str | None, dates: str | None) -> str | None:  # noqa: ARG002
        return self.dates or dates


@dataclass(frozen=True)
class Date(_Dated):
    """A day: a `date`, or with `starts_in` the instant, UTC, at which it starts in that time zone."""

    starts_in: tzinfo | None = field(default=None, kw_only=True)

    def value(self, convention: str) -> Parse:  # noqa: D102
        return lru_cache(REMEMBERED_DATES)(partial(self._day, order=convention))

    def _day(self, text: str, order: str) -> date:
        try:
            day = _date(text, order)
            return datetime.combine(day, time(), self.starts_in).astimezone(UTC) if self.starts_in else day
        except (ValueError, OverflowError):
            raise Rejected("bad_date", f"{shown(text)} is not a date in the order {order}") from None


@dataclass(frozen=True)
class Instant(_Dated):
    """A date and a time of day, as an instant in UTC, to the millisecond. zone: of one that names no offset."""

    zone: tzinfo = field(default=UTC, kw_only=True)

    def value(self, convention: str) -> Parse:  # noqa: D102
        return lru_cache(REMEMBERED_DATES)(partial(self._instant, order=convention))

    def _instant(self, text: str, order: str) -> datetime:
        try:
            day, _, clock = text.replace("T", " ", 1).partition(" ")
            moment = datetime.combine(_date(day, order), _time(clock))
            utc = (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)
            return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
        except (ValueError, OverflowError):
            raise Rejected("bad_date", f"{shown(text)} is not a date in the order {order} and a time") from None


def _date(text: str, order: str) -> date:
    """Raises ValueError: the year has four digits, and the same mark stands before and after the middle."""
    separator = _SEPARATOR.search(text)
    parts = text.split(separator[0]) if separator else []
    year, month, day = (parts[place] for place in _PLACES[order]) if len(parts) == len(order) else ("", "", "")
    digits = year + month + day
    if (
        len(year) != len("YYYY")
        or max(len(month), len(day)) > len("MM")
        or not (digits.isascii() and digits.isdecimal())
    ):
        raise ValueError(text)
    return date(int(year), int(month), int(day))


def _time(text: str) -> time:
    """Raises ValueError. Hours may have one digit, and blanks may stand before the offset."""
    clock = text.replace(" ", "")
    if ":" not in clock:
        raise ValueError(text)
    return time.fromisoformat(clock if clock[1:2] != ":" else f"0{clock}")
