"""Numbers of columns as text for people, by the type of the column; languages change their separators."""

from decimal import Decimal
from typing import Any

from multimarket_async.domains import Column


def digits(column: Column, value: Any) -> str:
    """A number as Python formats it with commas: amounts in whole units, exactly; names and periods as they are."""
    if not column.is_number:
        return str(value)
    if column.type == "money":
        return _units(value, column.digits)
    return f"{value:,.{column.digits}f}" if column.digits else f"{value:,}"


def decimals(number: float | Decimal, least: int) -> str:
    """A number with all its decimals, and at least so many: 25217.40."""
    exact = Decimal(str(number))
    return f"{exact:f}" if -int(exact.as_tuple().exponent) >= least else f"{exact:.{least}f}"


def label(column: Column, value: Any) -> str | None:
    """The word that the column declares for a value."""
    return next((word for labelled, word in column.labels if labelled == value), None)


def _units(minor: int, decimals: int) -> str:
    whole, rest = divmod(abs(minor), 10**decimals)
    fraction = f".{rest:0{decimals}}" if decimals else ""
    return f"{'-' if minor < 0 else ''}{whole:,}{fraction}"
