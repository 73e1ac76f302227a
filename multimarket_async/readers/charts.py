"""How a KPI is best drawn, from what it declares: who draws (report, page) decides only with what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from multimarket_async.domains import Column, Kpi, Row

MEASURES = ("integer", "double")
MOST_BARS, MOST_SERIES = 15, 8


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart in words.

    kind: "time" (columns over periods, stacked by `series`), "grid" (a cell for each `x` and
        `series`, the darker the more) or "bars" (one for each `x`).
    y: the measure.
    """

    kind: Literal["time", "grid", "bars"]
    x: Column
    y: Column
    series: Column | None = None


def drawing(kpi: Kpi) -> Drawing | None:
    """The chart of this KPI; None where it has nothing to measure or to measure by."""
    measure = measured(kpi)
    names = [column for column in kpi.columns if column.name in kpi.key or column.type == "string"]
    if measure is None or not names:
        return None
    if names[0].type != "string" and len(names) > 1:
        return Drawing("grid", x=names[1], y=measure, series=names[0])
    if any(column.type == "date" for column in kpi.columns):
        return Drawing("time", x=names[0], y=measure, series=names[1] if len(names) > 1 else None)
    return Drawing("bars", x=names[0], y=measure)


def measured(kpi: Kpi) -> Column | None:
    """The column that the KPI is about: the first number in the KPI's unit, or of its name."""
    numbers = [column for column in kpi.columns if column.type in MEASURES and column.name not in kpi.key]
    return next((column for column in numbers if kpi.unit in (column.unit, column.name)), None)


def legible(drawn: Drawing, rows: Sequence[Row]) -> tuple[Drawing, Sequence[Row]]:
    """No more than an eye can follow: the first bars; of too many series, the newest period as bars."""
    if drawn.kind == "time" and drawn.series and len({row[drawn.series.name] for row in rows}) > MOST_SERIES:
        newest = max(row[drawn.x.name] for row in rows)
        drawn, rows = Drawing("bars", drawn.series, drawn.y), [row for row in rows if row[drawn.x.name] == newest]
    return drawn, rows[:MOST_BARS] if drawn.kind == "bars" else rows
