"""Columns of a CSV file: each declares the type of its values, and makes the function that reads one.

Blanks around a value are not part of it, and a value without any other character is missing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache, partial
from math import isfinite
from typing import Any, ClassVar, Literal, TypeAlias

from multimarket_async.errors import Rejected
from multimarket_async.strict_json import INT64, shown

Parse: TypeAlias = Callable[[str], Any]
DecimalMark: TypeAlias = Literal[".", ","]
DateOrder: TypeAlias = Literal["ymd", "dmy", "mdy"]

REMEMBERED_DATES = 4096
INT64_DIGITS = 19
_PLACES = {"ymd": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}
_SEPARATOR = re.compile(r"[-/.]")
_PLAIN = {".": re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?"), ",": re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?")}
# Groups of three digits, all parted by the same mark or by the same kind of blank.
_GROUPED = {
    mark: re.compile(
        rf"[+-]?[1-9][0-9]{{0,2}}([{other}' \u00a0\u2009\u202f])[0-9]{{3}}(?:\1[0-9]{{3}})*(?:[{mark}][0-9]+)?"
    )
    for mark, other in (".,", ",.")
}


@dataclass(frozen=True)
class Column:
    """A column whose values become the field `field` of a row. nullable: a missing value is None.

    Number, Integer, Money, Date and Instant have a convention of their own (`decimal`, `dates`) where it differs
    from the one of the file.
    """

    field: str
    nullable: bool = False
    conventions: ClassVar[tuple[str, ...]] = ()

    def declared(self, decimal: str | None, dates: str | None) -> str | None:  # noqa: ARG002
        """The convention that was declared for its values; None: it is to be found."""
        return ""

    def parser(self, convention: str) -> Parse:
        """The function that reads a value. It raises Rejected."""
        value, nullable = self.value(convention), self.nullable

        def parse(text: str) -> Any:
            if text := text.strip():
                return value(text)
            if nullable:
                return None
            raise Rejected("missing_value", "a value is missing")

        return parse

    def value(self, convention: str) -> Parse:
        """The function that reads a text which is neither empty nor has blanks around it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Column):
    """A text."""

    def value(self, convention: str) -> Parse:  # noqa: ARG002, D102
        return _text


def _text(text: str) -> str:
    if "\0" in text:
        raise Rejected("nul_character", f"{shown(text)} holds a NUL character")
    return text


@dataclass(frozen=True)
class Boolean(Column):
    """True or false, by these words, whatever their case."""

    true: tuple[str, ...] = ("true", "yes", "1")
    false: tuple[str, ...] = ("false", "no", "0")

    def value(self, convention: str) -> Parse:  # noqa: ARG002, D102
        words = {**dict.fromkeys(self.true, True), **dict.fromkeys(self.false, False)}

        def read(text: str) -> bool:
            if (known := words.get(text.casefold())) is None:
                raise Rejected("not_a_boolean", f"{shown(text)} is none of {', '.join(words)}")
            return known

        return read


@dataclass(frozen=True)
class _Numeric(Column):
    """Numbers, whose digits may be grouped by three. decimal: their decimal mark; None: the one of the file."""

    decimal: DecimalMark | None = field(default=None, kw_only=True)
    conventions: ClassVar[tuple[str, ...]] = (".", ",")

    def declared(self, decimal: str | None, dates: str | None) -> str | None:  # noqa: ARG002
        return self.decimal or decimal


def _spelled(text: str, mark: str, code: str, demand: str) -> str:
    """A number as Python spells it, without an exponent. Raises Rejected."""
    if _PLAIN[mark].fullmatch(text):
        return text.replace(",", ".")
    if grouped := _GROUPED[mark].fullmatch(text):
        return text.replace(grouped[1], "").replace(",", ".")
    raise Rejected(code, f"{shown(text)} is not {demand}")


class Number(_Numeric):
    """A number, as a float. It may have an exponent."""

    def value(self, convention: str) -> Parse:  # noqa: D102
        other = "," if convention == "." else "."

        def read(text: str) -> float:
            # float takes also 1_000, digits of other scripts, and words such as nan.
            if text.isascii() and "_" not in text and other not in text:
                try:
                    number = float(text.replace(",", "."))
                except ValueError:
                    pass
                else:
                    if isfinite(number):
                        return number
            return _finite(float(_spelled(text, convention, "not_a_number", "a number")), text)

        return read


def _finite(number: float, text: str) -> float:
    if not isfinite(number):
        raise Rejected("not_a_number", f"{shown(text)} is too large")
    return number


class Integer(_Numeric):
    """A whole number of 64 bits. A fraction of zeros, as in 12.0, may follow; an exponent may not."""

    def value(self, convention: str) -> Parse:  # noqa: D102
        def read(text: str) -> int:
            if len(text) < INT64_DIGITS and text.isdecimal() and text.isascii():
                return int(text)
            return _exact(text, convention, 0, "not_an_integer", "a whole number")

        return read


@dataclass(frozen=True)
class Money(_Numeric):
    """An amount, as a whole number of minor units, of which 10 to the power of `exponent` make one unit."""

    exponent: int = field(default=2, kw_only=True)

    def value(self, convention: str) -> Parse:  # noqa: D102
        exponent = self.exponent

        def read(text: str) -> int:
            whole, mark, fraction = text.partition(convention)
            digits = whole + fraction if mark else whole + "0" * exponent
            usual = not mark or len(fraction) == exponent > 0
            if usual and len(digits) < INT64_DIGITS and digits.isdecimal() and digits.isascii():
                return int(digits)
            return _exact(text, convention, exponent, "not_an_amount", f"an amount with at most {exponent} decimals")

        return read


def _exact(text: str, mark: str, decimals: int, code: str, demand: str) -> int:
    """The number times 10 to the power of `decimals`, which is whole. Raises Rejected."""
    whole, _, fraction = _spelled(text, mark, code, demand).partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise Rejected(code, f"{shown(text)} is not {demand}")
    digits = whole + fraction.ljust(decimals, "0")
    # Python takes its time for thousands of digits, and in the end refuses.
    if len(digits.lstrip("+-0")) > INT64_DIGITS or int(digits) not in INT64:
        raise Rejected("integer_out_of_range", f"{shown(text)} is too large: it needs more than 64 bits")
    return int(digits)


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
    return time.fromisoformat(clock if clock[1] != ":" else f"0{clock}")
