"""Grafana dashboard of the KPIs, through the Infinity data source; flow.json, beside it, shows Prometheus metrics.

Import both by hand (Dashboards > New > Import); Grafana then asks for the data source.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from multimarket_async.domains import Column, Kpi
from multimarket_async.readers.charts import Drawing, drawing

Panel: TypeAlias = dict[str, Any]

INFINITY = "yesoreyeram-infinity-datasource"
SOURCE = {"type": INFINITY, "uid": "${source}"}
WIDTH, HEIGHT = 12, 9  # of a panel; a dashboard is 24 wide
SELECTORS = {"string": "string", "integer": "number", "double": "number", "date": "timestamp"}
PANEL_TYPES = {"time": "timeseries", "bars": "barchart", "grid": "table"}
BARS = {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal"}}


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


def _panel(number: int, kpi: Kpi, drawn: Drawing | None) -> Panel:
    """Two in a row."""
    target = {
        "refId": "A",
        "datasource": SOURCE,
        "type": "json",
        "source": "url",
        "format": "table",
        "parser": "backend",
        "url": f"${{address}}/api/kpis/{kpi.name}.json",
        "url_options": {"method": "GET"},
        "root_selector": "rows",
        "columns": [
            {"selector": column.name, "text": column.title, "type": SELECTORS[column.type]}
            for column in _columns(kpi, drawn)
        ],
    }
    form: Panel = {"type": PANEL_TYPES[drawn.kind]} if drawn else {"type": "table"}
    if drawn and drawn.kind == "time":
        form |= {"transformations": [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]}
        form |= {"fieldConfig": {"defaults": {"custom": BARS}}}
    place = {"h": HEIGHT, "w": WIDTH, "x": WIDTH * (number % 2), "y": HEIGHT * (number // 2)}
    head = {"id": number + 1, "gridPos": place, "datasource": SOURCE, "title": kpi.title, "description": kpi.definition}
    return {**head, "targets": [target], **form}


def _columns(kpi: Kpi, drawn: Drawing | None) -> list[Column]:
    """The columns that the chart needs; every column for a table."""
    if drawn is None or drawn.kind == "grid":
        return list(kpi.columns)
    instants = [column for column in kpi.columns if column.type == "date"]
    x = instants[:1] if drawn.kind == "time" else [drawn.x]
    return [*x, *([drawn.series] if drawn.series else []), drawn.y]
