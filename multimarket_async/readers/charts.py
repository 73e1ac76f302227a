"""The chart of a KPI, derived from its declaration; the report and the page draw it with their own means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from multimarket_async.domains import Column, Kpi, Row

MEASURES = ("integer", "double")
MOST_BARS, MOST_SERIES = 15, 8


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart of a KPI.

    kind: "time" (columns over periods, stacked by `series`), "grid" (a cell for each `x` and
        `series`, the darker the more) or "bars" (one for each `x`).
    y: the measure.
    """

    kind: Literal["time", "grid", "bars"]
    x: Column
    y: Column
    series: Column | None = None


def drawing(kpi: Kpi) -> Drawing | None:
    """The chart of this KPI; None if it has no measure or no key. The measure is the first number with its unit."""
    numbers = (column for column in kpi.columns if column.type in MEASURES and column.name not in kpi.key)
    measure = next((column for column in numbers if kpi.unit in (column.unit, column.name)), None)
    names = [column for column in kpi.columns if column.name in kpi.key or column.type == "string"]
    if measure is None or not names:
        return None
    if names[0].type != "string" and len(names) > 1:
        return Drawing("grid", x=names[1], y=measure, series=names[0])
    if any(column.type == "date" for column in kpi.columns):
        return Drawing("time", x=names[0], y=measure, series=names[1] if len(names) > 1 else None)
    return Drawing("bars", x=names[0], y=measure)


def legible(drawn: Drawing, rows: Sequence[Row]) -> tuple[Drawing, Sequence[Row]]:
    """At most MOST_BARS bars; with more than MOST_SERIES series, bars of the newest period instead."""
    if drawn.kind == "time" and drawn.series and len({row[drawn.series.name] for row in rows}) > MOST_SERIES:
        newest = max(row[drawn.x.name] for row in rows)
        drawn, rows = Drawing("bars", drawn.series, drawn.y), [row for row in rows if row[drawn.x.name] == newest]
    return drawn, rows[:MOST_BARS] if drawn.kind == "bars" else rows
