"""The chart of a KPI, derived from the roles of its columns; the report and the page draw it with their own means."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from multimarket_async.domains import Column, Kpi, Row
from multimarket_async.readers.regrouping import regrouped, single

MOST_BARS, MOST_SERIES, MOST_CELLS = 15, 8, 500


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart of a KPI.

    kind: "time" (columns over periods, stacked by `series`), "lines" (over periods, one for each `series`), "grid"
        (a cell for each `x` and `series`, the darker the more) or "bars" (one for each `x`). Only sums are stacked.
    y: the measure. added_up: rows have other keys, too, over which the measure is added up.
    """

    kind: Literal["time", "lines", "grid", "bars"]
    x: Column
    y: Column
    series: Column | None = None
    added_up: bool = False

    @property
    def by(self) -> list[str]:
        """The columns whose values name a mark of the chart."""
        return [self.x.name, *([self.series.name] if self.series else [])]


def drawing(kpi: Kpi) -> Drawing | None:
    """The chart of this KPI; None if it has no measure or no key, or a measure that cannot be added up over the rest.

    Time goes across, and the first key makes the series. Without a time one key makes bars, and two make a grid.
    """
    measure = _measure(kpi)
    times = [column for column in kpi.columns if column.role == "time" and column.says_what]
    keys = [column for column in kpi.columns if column.role == "key" and column.says_what]
    if measure is None or not (times or keys):
        return None
    drawn = _drawn(measure, times, keys)
    added_up = len(times) + len(keys) > len(drawn.by)
    return None if added_up and measure.role == "other" else replace(drawn, added_up=added_up)


def _drawn(measure: Column, times: Sequence[Column], keys: Sequence[Column]) -> Drawing:
    if times:
        kind: Literal["time", "lines"] = "time" if measure.role == "sum" else "lines"
        return Drawing(kind, x=times[0], y=measure, series=keys[0] if keys else None)
    if len(keys) == 2:  # noqa: PLR2004 - the two sides of a grid
        return Drawing("grid", x=keys[1], y=measure, series=keys[0])
    return Drawing("bars", x=keys[0], y=measure)


def _measure(kpi: Kpi) -> Column | None:
    """The first number with the unit of the KPI; else the first sum, or the first ratio."""
    numbers = [column for column in kpi.columns if column.is_number and column.is_shown and column.name not in kpi.key]
    of_its_unit = [column for column in numbers if kpi.unit in (column.unit, column.name)]
    sums, ratios = ([column for column in numbers if column.role == role] for role in ("sum", "ratio"))
    return next(iter([*of_its_unit, *sums, *ratios]), None)


def legible(drawn: Drawing, kpi: Kpi, rows: Sequence[Row]) -> tuple[Drawing, Sequence[Row]]:
    """The rows that are drawn: at most MOST_BARS bars; with more than MOST_SERIES series, bars of the newest period.

    A grid of more than MOST_CELLS cells is bars of its first key, where these can be added up.
    """
    rows = single(kpi.columns, rows)
    if drawn.added_up:
        rows = regrouped(kpi.columns, rows, drawn.by)
    series, across = drawn.series, drawn.x.name
    if drawn.kind == "grid" and len(rows) > MOST_CELLS and drawn.y.role != "other" and series:
        drawn, rows = Drawing("bars", series, drawn.y), regrouped(kpi.columns, rows, [series.name])
    elif drawn.kind != "grid" and series and len({row[series.name] for row in rows}) > MOST_SERIES:
        newest = max(row[across] for row in rows)
        drawn, rows = Drawing("bars", series, drawn.y), [row for row in rows if row[across] == newest]
    return drawn, rows[:MOST_BARS] if drawn.kind == "bars" else rows
