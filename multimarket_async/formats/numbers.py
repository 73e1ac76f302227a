"""Columns of numbers, whose digits may be grouped by three. No value alone decides about its decimal mark."""

import re
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import ClassVar, Literal, TypeAlias

from multimarket_async.errors import Rejected
from multimarket_async.formats.columns import Column, Parse
from multimarket_async.strict_json import INT64, shown

DecimalMark: TypeAlias = Literal[".", ","]

INT64_DIGITS = 19
_PLAIN = {".": re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?"), ",": re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?")}
# Groups of three digits, all parted by the same mark or by the same kind of blank.
_GROUPED = {
    mark: re.compile(
        rf"[+-]?[1-9][0-9]{{0,2}}([{other}' \u00a0\u2009\u202f])[0-9]{{3}}(?:\1[0-9]{{3}})*(?:[{mark}][0-9]+)?"
    )
    for mark, other in (".,", ",.")
}


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

    def parser(self, convention: str | None) -> Parse:  # noqa: D102
        parse = super().parser(convention)
        if self.demands:
            return parse
        # Most values are plain digits: for these the rest is skipped.
        return lambda text: (
            int(text) if len(text) < INT64_DIGITS and text.isdecimal() and text.isascii() else parse(text)
        )

    def value(self, convention: str) -> Parse:  # noqa: D102
        return partial(_exact, mark=convention, decimals=0, code="not_an_integer", demand="a whole number")


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
    digits = (whole + fraction.ljust(decimals, "0")).lstrip("+-0") or "0"
    # Python takes its time for thousands of digits, and in the end refuses.
    number = int(digits) if len(digits) <= INT64_DIGITS else INT64.stop + 1
    if text.startswith("-"):
        number = -number
    if number not in INT64:
        raise Rejected("integer_out_of_range", f"{shown(text)} is too large: it needs more than 64 bits")
    return number
