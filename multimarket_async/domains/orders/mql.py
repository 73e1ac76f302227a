"""Expressions and stages in MongoDB's query language that several KPIs of orders share."""

from collections.abc import Iterable, Mapping

from multimarket_async.domains import Column, Expression, Stage
from multimarket_async.domains.orders.currencies import exponent


def share(part: Expression, whole: Expression) -> Expression:
    """Percent, rounded half-up to 2 decimals; null over nothing."""
    return hundredths({"$multiply": [{"$toDecimal": part}, 100 * 100]}, whole)


def hundredths(numerator: Expression, denominator: Expression) -> Expression:
    """The quotient, rounded half-up to 2 decimals; null over nothing."""
    return as_double(quotient(numerator, denominator))


def average(numerator: Expression, denominator: Expression, currency: str) -> Expression:
    """The quotient of an amount in minor units, rounded half-up to these, in whole units; null over nothing."""
    return as_double(quotient(numerator, denominator), exponent(currency))


def quotient(numerator: Expression, denominator: Expression) -> Expression:
    """The quotient, rounded half-up; null over nothing. Both numbers are >= 0.

    $round is half-even. floor((2n + d) / 2d) is half-up, and exact in Decimal128: its 34
    digits are more than any two int64 can need, where a double would lose units above 2**53.
    """
    doubled = {"$multiply": [{"$toDecimal": 2}, numerator]}
    half_up = {"$divide": [{"$add": [doubled, denominator]}, {"$multiply": [2, denominator]}]}
    return {"$cond": [{"$eq": [denominator, 0]}, None, {"$floor": half_up}]}


def as_double(minor: Expression, decimals: int = 2) -> Expression:
    """Whole units of a number of units of its last decimal."""
    # Divided as decimals: the one rounding is the last, so the double is the nearest there is.
    return {"$toDouble": {"$divide": [{"$toDecimal": minor}, 10**decimals]}}


def table(columns: Iterable[Column], *order: str, **computed: Expression) -> tuple[Stage, Stage]:
    """The last stages: sort by these fields, and make a row of each document.

    A column that is not computed here is a field: integers as int64, doubles of exact amounts from these.
    """
    row = {column.name: computed.get(column.name, _field(column)) for column in columns}
    return {"$sort": dict.fromkeys(order, 1)}, {"$replaceWith": row}


def _field(column: Column) -> Expression:
    if column.type in ("integer", "money"):
        return {"$toLong": f"${column.name}"}
    return as_double(f"${column.exact}", exponent(column.unit)) if column.exact else f"${column.name}"


def sums(by: Mapping[str, Expression], *names: str) -> tuple[Stage, Stage]:
    """One document for each combination of these keys, with each of these fields added up."""
    added = {name: {"$sum": f"${name}"} for name in names}
    return {"$group": {"_id": by, **added}}, {"$replaceWith": {"$mergeObjects": ["$$ROOT", "$_id"]}}


def first(most_of: Expression, name: Expression, most: int) -> list[Stage]:
    """The rows with the highest numbers, equal ones by name; numbered in `rank` from 1."""
    # Numbering wants one field to sort by.
    order = {"$set": {"order": {"less": {"$multiply": [-1, most_of]}, "name": name}}}
    numbered = {"sortBy": {"order": 1}, "output": {"rank": {"$documentNumber": {}}}}
    return [order, {"$setWindowFields": numbered}, {"$match": {"rank": {"$lte": most}}}]


RATIOS = {
    "average_order_value_minor": {"$toLong": quotient("$revenue_minor", "$kept_orders")},
    "cancellation_rate_pct": share("$cancelled_orders", "$orders"),
}
