"""Mistakes in the columns and dashboards of a domain: refused at start, each in a sentence."""

import re
from collections.abc import Iterable, Iterator, Sequence

from multimarket_async.columns import CURRENCY, Column
from multimarket_async.dashboards import Chart, Dashboard, Finer
from multimarket_async.domains import Kpi, LoadedDomain

PLACES = re.compile(r"\{(\w+)\}")


def mistakes(domain: LoadedDomain) -> Iterator[str]:
    """A sentence for each mistake."""
    for kpi in domain.kpis:
        for sentence in _columns(kpi):
            yield f"The column {sentence} of the KPI {kpi.name} of {domain.name}."
    kpis = {kpi.name: kpi for kpi in domain.kpis}
    for dashboard in domain.dashboards:
        for sentence in _dashboard(dashboard, kpis):
            yield f"The dashboard {dashboard.title!r} of {domain.name} {sentence}."


def _columns(kpi: Kpi) -> Iterator[str]:
    columns = {column.name: column for column in kpi.columns}
    for column in kpi.columns:
        if column.type == "money" and not CURRENCY.fullmatch(column.unit):
            yield f"{column.name} is money in {column.unit!r}, which is no currency such as EUR: correct that"
        if column.role == "ratio" and column.of is None:
            yield f"{column.name} is a ratio of nothing: say of which sums"
        for name in column.of or ():
            if name not in columns or columns[name].role != "sum":
                yield f"{column.name} is a ratio of {name}, which is no sum"
        if column.exact and (column.exact not in columns or columns[column.exact].type != "money"):
            yield f"{column.name} is exact in {column.exact}, which is no money"


def _dashboard(dashboard: Dashboard, kpis: dict[str, Kpi]) -> Iterator[str]:
    named = [dashboard.kpi, dashboard.finer, dashboard.earlier, *dashboard.covers, *_names(dashboard.hourly)]
    named += [name for chart in dashboard.charts for name in (chart.kpi, *_names(chart.by_day))]
    unknown = [name for name in dict.fromkeys(named) if name and name not in kpis]
    for name in unknown:
        yield f"names the KPI {name}, which is none of its domain: there are {', '.join(kpis)}"
    if unknown:
        return
    columns = _by_name(kpis[dashboard.kpi])
    yield from _of_role(columns, [dashboard.time], ("time",), dashboard.kpi)
    yield from _of_role(columns, dashboard.filters, ("key",), dashboard.kpi)
    yield from _of_role(columns, filter(None, [dashboard.count]), ("sum",), dashboard.kpi)
    for tile in dashboard.tiles:
        yield from _of_role(columns, [tile.column, *PLACES.findall(tile.note)], ("sum", "ratio"), dashboard.kpi)
    yield from _finer(dashboard, kpis)
    for chart in dashboard.charts:
        for name in (chart.kpi or dashboard.kpi, *_names(chart.by_day)):
            yield from _chart(chart, kpis[name])


def _names(finer: Finer | None) -> tuple[str, ...]:
    return finer.kpis if finer else ()


def _finer(dashboard: Dashboard, kpis: dict[str, Kpi]) -> Iterator[str]:
    """Its sums and filters, by a time of its own."""
    for name in filter(None, [dashboard.finer, *_names(dashboard.hourly)]):
        yield from _sums_by_time(dashboard, kpis[dashboard.kpi], kpis[name])
    if dashboard.earlier and _by_name(kpis[dashboard.earlier]) != _by_name(kpis[dashboard.finer]):
        yield f"has in {dashboard.earlier} other columns than in {dashboard.finer}"


def _sums_by_time(dashboard: Dashboard, kpi: Kpi, by_time: Kpi) -> Iterator[str]:
    finer, own = _by_name(by_time), _by_name(kpi)
    measured = [tile.column for tile in dashboard.tiles]
    measured += [name for chart in dashboard.charts if not chart.kpi for name in chart.columns]
    sums = [part for name in measured if name in own for part in own[name].of or (name,)]
    yield from _of_role(finer, dict.fromkeys(sums), ("sum",), by_time.name)
    yield from _of_role(finer, dashboard.filters, ("key",), by_time.name)
    if not any(column.role == "time" for column in finer.values()):
        yield f"has in {by_time.name} no column that is a time"


def _chart(chart: Chart, kpi: Kpi) -> Iterator[str]:
    columns = _by_name(kpi)
    yield from _of_role(columns, chart.columns, ("sum", "ratio"), kpi.name)
    yield from _of_role(columns, filter(None, [chart.x, chart.series]), ("key", "time"), kpi.name)
    yield from _of_role(columns, (*(chart.band or ()), *(chart.place or ())), ("other",), kpi.name)
    if chart.together and (chart.series or chart.kpi):
        yield f"has a chart of {kpi.name} with several columns together and a series, or of another KPI"
    if not chart.columns:
        yield f"has a chart of {kpi.name} without a column"


def _of_role(columns: dict[str, Column], names: Iterable[str], roles: Sequence[str], kpi: str) -> Iterator[str]:
    for name in names:
        if name not in columns:
            yield f"names the column {name}, which {kpi} does not have: it has {', '.join(columns)}"
        elif columns[name].role not in roles:
            yield f"names {name} of {kpi} as a {' or '.join(roles)}, but its role is {columns[name].role}"


def _by_name(kpi: Kpi) -> dict[str, Column]:
    return {column.name: column for column in kpi.columns}
