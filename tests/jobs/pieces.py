"""A job that is no model: the pieces of each product, and how far the first half of them says the second."""

from collections.abc import Mapping
from typing import Any

from multimarket_async.results import NotEnough, Result

FAILS_AT, WORSE_AT, LEAST = 13, 14, 2


def run(inputs: Mapping[str, Any], seed: int) -> Result:
    pieces = inputs["pieces"].fetchall()
    if len(pieces) < LEAST:
        raise NotEnough(f"{len(pieces)} product was sold, and {LEAST} are needed")
    if seed == FAILS_AT:
        raise ZeroDivisionError("planted")
    rows = [{"product": product, "share": quantity / 3} for product, quantity in pieces]
    error = 2.0 if seed == WORSE_AT else 1.0
    grades = {"kiosk_grades": [{"measure": "mean error"}]}
    return Result(rows, "mean error", error, "the mean", 1.5, "lower", grades)
