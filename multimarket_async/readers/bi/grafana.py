"""Grafana dashboards: the KPIs through the Infinity data source, the flow through Prometheus.

Both are imported by hand (Dashboards > New > Import); Grafana then asks which data source to take.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, TypeAlias

from multimarket_async.domains import Column, Kpi
from multimarket_async.readers.charts import Drawing, drawing

Panel: TypeAlias = dict[str, Any]

INFINITY, PROMETHEUS = "yesoreyeram-infinity-datasource", "prometheus"
WIDTH, HEIGHT = 12, 9  # of a panel; a dashboard is 24 wide
SELECTORS = {"string": "string", "integer": "number", "double": "number", "date": "timestamp"}
KINDS = {"time": "timeseries", "bars": "barchart", "grid": "table"}
BARS = {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal"}}


def kpis(declared: Sequence[Kpi], address: str) -> str:
    """A panel for each KPI, from /api/kpis/<name>.json; the address is a variable of the dashboard."""
    variables = [{"name": "address", "label": "Address", "type": "textbox", "query": address}]
    panels = [_kpi_panel(kpi, drawing(kpi)) for kpi in declared]
    return _dashboard("multimarket-kpis", "MultiMarket: KPIs", INFINITY, variables, panels, refresh="10s")


def _kpi_panel(kpi: Kpi, drawn: Drawing | None) -> Panel:
    shown = _shown(kpi, drawn)
    target = {
        "type": "json",
        "source": "url",
        "format": "table",
        "parser": "backend",
        "url": f"${{address}}/api/kpis/{kpi.name}.json",
        "url_options": {"method": "GET"},
        "root_selector": "rows",
        "columns": [_selected(column) for column in shown],
    }
    form: Panel = {"type": KINDS[drawn.kind]} if drawn else {"type": "table"}
    if drawn and drawn.kind == "time":
        form |= {"transformations": [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]}
        form |= {"fieldConfig": {"defaults": {"custom": BARS}}}
    return {"title": kpi.title, "description": kpi.definition, "targets": [target], **form}


def _shown(kpi: Kpi, drawn: Drawing | None) -> list[Column]:
    """What is drawn, and nothing else; a table has every column."""
    if drawn is None or drawn.kind == "grid":
        return list(kpi.columns)
    instants = [column for column in kpi.columns if column.type == "date"]
    x = instants[:1] if drawn.kind == "time" else [drawn.x]
    return [*x, *([drawn.series] if drawn.series else []), drawn.y]


def _selected(column: Column) -> dict[str, str]:
    return {"selector": column.name, "text": column.title, "type": SELECTORS[column.type]}


def _dashboard(
    uid: str, title: str, source: str, variables: list[dict[str, str]], panels: Sequence[Panel], *, refresh: str
) -> str:
    chosen = {"name": "source", "label": "Data source", "type": "datasource", "query": source}
    whole = {
        "uid": uid,
        "title": title,
        "tags": ["multimarket"],
        "schemaVersion": 39,
        "refresh": refresh,
        "time": {"from": "now-2y" if source == INFINITY else "now-1h", "to": "now"},
        "templating": {"list": [chosen, *variables]},
        "panels": list(_placed(panels, source)),
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _placed(panels: Sequence[Panel], source: str) -> Iterator[Panel]:
    """Two in a row; each with its number and its data source."""
    taken = {"type": source, "uid": "${source}"}
    for number, panel in zip(count(), panels, strict=False):
        place = {"h": HEIGHT, "w": WIDTH, "x": WIDTH * (number % 2), "y": HEIGHT * (number // 2)}
        targets = [{"refId": chr(ord("A") + at), "datasource": taken, **one} for at, one in enumerate(panel["targets"])]
        yield {"id": number + 1, "gridPos": place, "datasource": taken, **panel, "targets": targets}


# Title, unit of Grafana, and what is drawn: query and legend.
OVER_TIME: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Files a minute by channel",
        "short",
        (("sum by (channel) (rate(multimarket_files_total[1m])) * 60", "{{channel}}"),),
    ),
    (
        "Files a minute by outcome",
        "short",
        (("sum by (outcome) (rate(multimarket_files_total[1m])) * 60", "{{outcome}}"),),
    ),
    ("Files that wait", "short", (("multimarket_backlog_files", "{{channel}}"),)),
    (
        "Oldest file waits for",
        "s",
        (("time() - multimarket_oldest_waiting_timestamp_seconds", "{{channel}}"),),
    ),
    (
        "How long files waited",
        "s",
        tuple(
            (f"histogram_quantile({share}, sum by (le) (rate(multimarket_latency_seconds_bucket[5m])))", name)
            for share, name in ((0.5, "p50"), (0.99, "p99"))
        ),
    ),
    ("Files over the budget", "short", (("increase(multimarket_latency_breaches_total[5m])", "in 5 minutes"),)),
    (
        "MongoDB writes a batch in",
        "s",
        (
            ("histogram_quantile(0.99, sum by (le) (rate(multimarket_mongodb_write_seconds_bucket[5m])))", "p99"),
            ("multimarket_mongodb_up", "MongoDB answers"),
        ),
    ),
    (
        "Files in a batch",
        "short",
        (("rate(multimarket_batch_files_sum[5m]) / rate(multimarket_batch_files_count[5m])", "mean"),),
    ),
    (
        "Age of the KPIs",
        "s",
        (("multimarket_kpi_age_seconds", "age"), ("multimarket_kpi_behind_seconds", "behind")),
    ),
    (
        "Event loop late by, and KPIs that drifted",
        "short",
        (("multimarket_loop_lag_seconds", "seconds"), ("multimarket_kpi_drift", "drift")),
    ),
)


def flow() -> str:
    """How files move, from /metrics."""
    panels = [_over_time(*panel) for panel in OVER_TIME]
    return _dashboard("multimarket-flow", "MultiMarket: flow", PROMETHEUS, [], panels, refresh="5s")


def _over_time(title: str, unit: str, queries: Sequence[tuple[str, str]]) -> Panel:
    targets = [{"expr": expression, "legendFormat": legend} for expression, legend in queries]
    return {
        "title": title,
        "type": "timeseries",
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}},
    }
