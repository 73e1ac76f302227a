"""Charts as SVG, rendered without a browser from the Vega-Lite specifications in charts.json.

https://vega.github.io/vega-lite/docs/. Their fields: x, y, series, and label, which is y as text. Most colour-blind
people can distinguish the colours, and so can readers of a print in grey (Okabe and Ito, 2008).
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, TypeAlias

from multimarket_async.domains import Column, Row
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers.charts import Drawing
from multimarket_async.readers.language import Language

SPECIFICATIONS = files(__package__).joinpath("charts.json").read_text("utf-8")
SERIES = {"field": "series", "type": "nominal"}


MOST_CHARS = 100
RENDERER = [sys.executable, "-m", "multimarket_async.readers.report.renderer"]

Chart: TypeAlias = tuple[dict[str, Any], Any]  # a specification, and the locale of its numbers


def svgs(charts: Sequence[Chart]) -> list[str | None]:
    """Each chart: one text, no script, nothing to fetch. None of a chart that cannot be drawn."""
    if not charts:
        return []
    done = subprocess.run(RENDERER, input=json.dumps(charts), capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode == 0:
        return list(json.loads(done.stdout))
    return [None] if len(charts) == 1 else [svg for chart in charts for svg in svgs([chart])]


def chart(drawing: Drawing, rows: Sequence[Row], language: Language) -> Chart:
    """The chart of these rows, at least one."""
    title = json.dumps(language.heading(drawing.x))[1:-1]
    specs = json.loads(SPECIFICATIONS.replace("$x", title))
    spec = specs[drawing.kind]
    if drawing.kind in ("time", "lines") and drawing.series:
        spec["encoding"]["color"] = SERIES
    if drawing.kind == "grid" and drawing.series:
        for part in spec["vconcat"]:
            part["encoding"]["x"]["sort"] = _ordered(drawing.x, rows, language)
        spec["vconcat"][1]["encoding"]["y"]["sort"] = _ordered(drawing.series, rows, language)
    if drawing.kind == "grid" and drawing.y.role != "sum":
        spec = spec["vconcat"][1]  # without the bars above it, which add up
    data = {"values": [_datum(drawing, row, language) for row in rows]}
    return {"config": specs["config"], "data": data, **spec}, language.locale


def _ordered(column: Column, rows: Sequence[Row], language: Language) -> list[str]:
    """The values as they are shown, in the order of the values: an hour may first be seen after a later one."""
    values = {row[column.name] for row in rows} - {None}
    return [language.shown(column, {column.name: value}) for value in sorted(values)]


def _datum(drawing: Drawing, row: Row, language: Language) -> Row:
    columns = {"x": drawing.x, "series": drawing.series}
    names = {name: _drawable(language.shown(column, row)) for name, column in columns.items() if column}
    return {**names, "y": _number(drawing.y, row[drawing.y.name]), "label": language.shown(drawing.y, row)}


def _drawable(text: str) -> str:
    """Its beginning: a name of a megabyte would be measured letter by letter."""
    shown = escape_control_chars(text[:MOST_CHARS])
    return shown if len(text) <= MOST_CHARS else f"{shown}…"


def _number(column: Column, value: Any) -> Any:
    """Amounts in whole units."""
    return value / 10**column.digits if column.type == "money" and value is not None else value
