"""Expressions and stages in MongoDB's query language that several KPIs of orders share."""

from multimarket_async.domains import Expression, Stage


def share(part: Expression, whole: Expression) -> Expression:
    """Percent, rounded half-up to 2 decimals; null over nothing."""
    return hundredths({"$multiply": [{"$toDecimal": part}, 100 * 100]}, whole)


def first_instant(unit: str, date: Expression, timezone: str) -> Expression:
    """The start of the month or day of this date, which is text; where clocks skip midnight, the first instant."""
    inside = {"$dateFromString": {"dateString": date, "timezone": timezone}}
    return {"$dateTrunc": {"date": inside, "unit": unit, "timezone": timezone}}


def money(name: str, minor: Expression = None) -> dict[str, Expression]:
    """The two columns of an amount: a double for people, the exact integer beside it."""
    exact = minor or f"${name}_minor"
    return {name: as_double(exact), f"{name}_minor": {"$toLong": exact}}


def hundredths(numerator: Expression, denominator: Expression) -> Expression:
    """The quotient, rounded half-up to 2 decimals; null over nothing. Both numbers are >= 0.

    $round is half-even. floor((2n + d) / 2d) is half-up, and exact in Decimal128: its 34
    digits are more than any two int64 can need, where a double would lose units above 2**53.
    """
    doubled = {"$multiply": [{"$toDecimal": 2}, numerator]}
    half_up = {"$divide": [{"$add": [doubled, denominator]}, {"$multiply": [2, denominator]}]}
    return {"$cond": [{"$eq": [denominator, 0]}, None, as_double({"$floor": half_up})]}


def as_double(minor: Expression) -> Expression:
    """Major units of an amount in minor units."""
    # Divided as decimals: the one rounding is the last, so the double is the nearest there is.
    return {"$toDouble": {"$divide": [{"$toDecimal": minor}, 100]}}


def integers(*names: str) -> dict[str, Expression]:
    """Each of these fields as int64."""
    return {name: {"$toLong": f"${name}"} for name in names}


def table(row: Expression, *order: str) -> tuple[Stage, Stage]:
    """The last stages: sort by these fields, and make a row of each document."""
    return {"$sort": dict.fromkeys(order, 1)}, {"$replaceWith": row}


def sums(by: Expression, *names: str) -> Stage:
    """One document for each value of `by`, with each of these fields added up."""
    return {"$group": {"_id": by, **{name: {"$sum": f"${name}"} for name in names}}}


def latest(field: str, most: int) -> list[Stage]:
    """The rows whose `field` has one of the `most` highest values."""
    age = {"sortBy": {field: -1}, "output": {"age": {"$denseRank": {}}}}
    return [{"$setWindowFields": age}, {"$match": {"age": {"$lte": most}}}]


def first(most_of: Expression, name: Expression, most: int, within: Expression = None) -> list[Stage]:
    """The rows with the highest numbers, equal ones by name; numbered in `rank` from 1."""
    # Numbering wants one field to sort by.
    order = {"$set": {"order": {"less": {"$multiply": [-1, most_of]}, "name": name}}}
    numbered = {"partitionBy": within, "sortBy": {"order": 1}, "output": {"rank": {"$documentNumber": {}}}}
    return [order, {"$setWindowFields": numbered}, {"$match": {"rank": {"$lte": most}}}]


def with_totals(*names: str) -> Stage:
    """Beside each of these fields its total over all rows, as all_<name>."""
    return {"$setWindowFields": {"output": {f"all_{name}": {"$sum": f"${name}"} for name in names}}}


def month_start(month: Expression, timezone: str) -> Expression:
    """The start of this month."""
    return first_instant("month", {"$concat": [month, "-15"]}, timezone)
