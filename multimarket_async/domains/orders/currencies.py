"""Exact numbers of exported orders: decimals as they were written, amounts in minor units of their currency."""

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from multimarket_async.columns import EXPONENTS

# No number of an order has more digits before its point, or behind it.
MOST_DIGITS = 20
REMEMBERED_NUMBERS = 4096  # quantities and prices come again and again
NUMERALS = (str, int, float)  # exactly: True is no number
EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
MICRO = 6  # decimals of a measured quantity, such as a weight


def exponent(currency: str) -> int:
    """The decimals of a currency, by ISO 4217."""
    return EXPONENTS.get(currency, 2)


def number(value: Any) -> Decimal | None:
    """The decimal that was written, as a number or as text; None if it is none.

    A float means the shortest decimal that reads back as it.
    """
    if type(value) not in NUMERALS:
        return None
    text = str(value)
    return _remembered(text) if len(text) <= MOST_DIGITS else _read(text)


def _read(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and _is_short(found) else None


_remembered = lru_cache(REMEMBERED_NUMBERS)(_read)


def _is_short(value: Decimal) -> bool:
    """True if all its digits can be written out: 1e999999 cannot."""
    if value.is_zero():
        return True
    exponent = value.as_tuple().exponent
    return value.adjusted() < MOST_DIGITS and isinstance(exponent, int) and exponent >= -2 * MOST_DIGITS


def minor_units(amount: Decimal, decimals: int) -> int:
    """An amount in units of its last decimal, rounded half-up."""
    return int(amount.scaleb(decimals, EXACT).to_integral_value(ROUND_HALF_UP))


def share(amount: int, part: Decimal, whole: Decimal) -> int:
    """A part of an amount in minor units, rounded half-up."""
    return int(EXACT.divide(amount * part, whole).to_integral_value(ROUND_HALF_UP))
