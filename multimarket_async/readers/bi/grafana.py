"""Grafana dashboards: KPIs through the data source Infinity, a domain over its warehouse; flow.json over Prometheus.

Import both by hand (Dashboards > New > Import); Grafana then asks for the data source.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from multimarket_async.domains import Column, Kpi, LoadedDomain
from multimarket_async.domains import Panel as SqlPanel
from multimarket_async.readers.charts import Drawing, drawing

Panel: TypeAlias = dict[str, Any]

INFINITY, POSTGRES = "yesoreyeram-infinity-datasource", "grafana-postgresql-datasource"
SOURCE = {"type": INFINITY, "uid": "${source}"}
WIDTH, HEIGHT = 12, 9  # of a panel; a dashboard is 24 wide
SELECTORS = {
    "string": "string", "integer": "number", "double": "number", "date": "timestamp",
    "boolean": "boolean", "money": "number", "percent": "number",
}  # fmt: skip
PANEL_TYPES = {"time": "timeseries", "lines": "timeseries", "bars": "barchart", "grid": "table"}
STYLES = {
    "time": {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal"}},
    "lines": {"drawStyle": "line", "stacking": {"mode": "none"}},
}


def kpis(declared: Sequence[Kpi], address: str) -> str:
    """A panel for each KPI, from /api/kpis/<name>.json; the address is a variable of the dashboard."""
    variables = [
        {"name": "source", "label": "Data source", "type": "datasource", "query": INFINITY},
        {"name": "address", "label": "Address", "type": "textbox", "query": address},
    ]
    dashboard = {
        "uid": "multimarket-kpis",
        "title": "MultiMarket: KPIs",
        "tags": ["multimarket"],
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-2y", "to": "now"},
        "templating": {"list": variables},
        "panels": [_panel(number, kpi, drawing(kpi)) for number, kpi in enumerate(declared)],
    }
    return json.dumps(dashboard, ensure_ascii=False, indent=1) + "\n"


def warehouse(domain: LoadedDomain) -> str:
    """The panels of a domain, over PostgreSQL: the data source's search_path has the schema of the warehouse."""
    source = {"name": "warehouse", "label": "Data source", "type": "datasource", "query": POSTGRES}
    dashboard = {
        "uid": f"multimarket-{domain.name}",
        "title": f"MultiMarket: {domain.name}",
        "tags": ["multimarket"],
        "schemaVersion": 39,
        "refresh": "1m",
        "timezone": domain.timezone,
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": [source]},
        "panels": [_of_warehouse(number, panel) for number, panel in enumerate(domain.panels)],
    }
    return json.dumps(dashboard, ensure_ascii=False, indent=1) + "\n"


def _of_warehouse(number: int, panel: SqlPanel) -> Panel:
    source = {"type": POSTGRES, "uid": "${warehouse}"}
    form = "time_series" if panel.form == "timeseries" else "table"
    place = {"h": HEIGHT, "w": WIDTH, "x": WIDTH * (number % 2), "y": HEIGHT * (number // 2)}
    target = {"refId": "A", "datasource": source, "format": form, "rawQuery": True, "rawSql": panel.query}
    head = {"id": number + 1, "gridPos": place, "datasource": source, "title": panel.title, "type": panel.form}
    return {**head, "targets": [target], "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []}}


def _panel(number: int, kpi: Kpi, drawn: Drawing | None) -> Panel:
    """Two in a row."""
    columns = _columns(kpi, drawn)
    target = {
        "refId": "A",
        "datasource": SOURCE,
        "type": "json",
        "source": "url",
        "format": "table",
        "parser": "backend",
        "url": f"${{address}}/api/kpis/{kpi.name}.json{_query(columns, drawn)}",
        "url_options": {"method": "GET"},
        "root_selector": "rows",
        "columns": [{"selector": column.name, "text": column.title, "type": _selector(column)} for column in columns],
    }
    form: Panel = {"type": PANEL_TYPES[drawn.kind]} if drawn else {"type": "table"}
    if drawn and drawn.kind in STYLES:
        form |= {"transformations": [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]}
        form |= {"fieldConfig": {"defaults": {"custom": STYLES[drawn.kind]}}}
    place = {"h": HEIGHT, "w": WIDTH, "x": WIDTH * (number % 2), "y": HEIGHT * (number // 2)}
    head = {"id": number + 1, "gridPos": place, "datasource": SOURCE, "title": kpi.title, "description": kpi.definition}
    return {**head, "targets": [target], **form}


def _query(columns: Sequence[Column], drawn: Drawing | None) -> str:
    """Amounts in whole units; rows added up over the keys that are not drawn."""
    by = [column.name for column in columns if column.role in ("key", "time")]
    grouped = [f"by={','.join(by)}"] if drawn and drawn.added_up else []
    asked = [*grouped, *(["amounts=units"] if any(column.type == "money" for column in columns) else [])]
    return f"?{'&'.join(asked)}" if asked else ""


def _selector(column: Column) -> str:
    return "timestamp" if column.role == "time" else SELECTORS[column.type]


def _columns(kpi: Kpi, drawn: Drawing | None) -> list[Column]:
    """The columns that the chart needs, over time an instant rather than a text; those for people in a table."""
    if drawn is None or drawn.kind == "grid":
        return [column for column in kpi.columns if column.is_shown]
    instants = [column for column in kpi.columns if column.type == "date"]
    x = instants[0] if drawn.kind in STYLES and instants else drawn.x
    return [x, *([drawn.series] if drawn.series else []), drawn.y]
