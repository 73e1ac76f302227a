"""Grades of a model, as rows of the table that all models share."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from multimarket_async.results import Better, Result, Rows

TABLE = "omni_grades"


class Grade(NamedTuple):
    """A measure of a model, beside that of a baseline. same: no baseline is to be beaten."""

    measure: str
    value: float
    against: str
    baseline_value: float
    better: Better = "higher"


def graded(job: str, rows: Rows, grades: Iterable[Grade], **tables: Rows) -> Result:
    """The result of a job, whose first grade decides."""
    listed = list(grades)
    first = listed[0]
    return Result(
        rows,
        first.measure,
        first.value,
        first.against,
        first.baseline_value,
        first.better,
        {**tables, TABLE: [_row(job, grade) for grade in listed]},
    )


def _row(job: str, grade: Grade) -> dict[str, Any]:
    gain = grade.value - grade.baseline_value
    return {
        "job": job, "measure": grade.measure, "value": float(grade.value), "against": grade.against,
        "baseline_value": float(grade.baseline_value), "wins": gain > 0 if grade.better == "higher" else gain < 0,
    }  # fmt: skip
