"""The part of a domain in the page, as data: filters, tiles and charts, in terms of KPIs and their columns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the chosen rows. column: a sum, or a ratio of sums. title: where it is not that of the column.

    note: a text below it, in which `{orders}` is the number of that column.
    """

    column: str
    title: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finer:
    """KPIs with rows by shorter times, of which the page asks for those of a chosen period.

    kpis: with equal columns; the first has the newest month, the next one times before it.
    months: before the newest one, of which there are rows.
    """

    kpis: tuple[str, ...]
    months: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A card: rows added up by `x`, and by `series` where it is given, as a chart and as a table.

    columns: sums and ratios, the first of which is drawn: sums over time are stacked by series, ratios are lines, a
        key gives bars, and two keys a heat map.
    x: a time or a key. Where the time is that of the dashboard, short periods are drawn by the times of its `finer`.
    kpi: another one than the dashboard's. Its rows are those chosen, as far as it has these filters.
    by_day: the same columns by day: their sums over the chosen days are drawn, as far as these are kept.
    together: its columns are drawn as lines over the time of the dashboard or a key; two of different units with an
        axis each.
    band: two columns between which the first one probably is: drawn around its line, over time, where they are known.
    drawn: False for a table alone.
    place: the columns with longitude and latitude, in degrees: a map of points, coloured by `series`, without tiles.
    """

    columns: tuple[str, ...]
    x: str
    series: str = ""
    title: str = ""
    kpi: str = ""
    by_day: Finer | None = None
    together: bool = False
    band: tuple[str, str] | None = None
    drawn: bool = True
    wide: bool = False
    place: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A part of the page: the rows of `kpi` in the chosen period and with the chosen values, as tiles and charts.

    time: the column by which periods are chosen. filters: keys of which values are chosen.
    finer: a KPI with the same sums by shorter times, from which parts of a period are computed, as far as it has rows.
    count: the sum that says how much was chosen, in its unit, or the word for the domain's documents.
    earlier: a KPI with the columns of `finer`, and a date as text, for the times before those of it: the page asks for
        these rows where a chosen or compared period needs them.
    hourly: the same sums and filters by hour, as text in ISO 8601 with an offset: they are drawn in a few days.
    covers: KPIs that need no card of their own, as everything in them is shown here; those of `kpi` and of charts are.
    """

    kpi: str
    title: str
    time: str
    filters: tuple[str, ...] = ()
    tiles: tuple[Tile, ...] = ()
    charts: tuple[Chart, ...] = ()
    finer: str = ""
    count: str = ""
    earlier: str = ""
    hourly: Finer | None = None
    covers: tuple[str, ...] = ()
