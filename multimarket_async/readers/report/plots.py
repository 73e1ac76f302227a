"""Charts as SVG, rendered without a browser from the Vega-Lite specifications in charts.json.

https://vega.github.io/vega-lite/docs/. Their fields: x, y, series, and label, which is y as text. Most colour-blind
people can distinguish the colours, and so can readers of a print in grey (Okabe and Ito, 2008).
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import vl_convert

from multimarket_async.domains import Column, Row
from multimarket_async.readers.charts import Drawing
from multimarket_async.readers.report.language import Language

SPECIFICATIONS = files(__package__).joinpath("charts.json").read_text("utf-8")
SERIES = {"field": "series", "type": "nominal"}


def svg(drawing: Drawing, rows: Sequence[Row], language: Language) -> str:
    """The chart of these rows, at least one; one text, no script, nothing to fetch."""
    title = json.dumps(language.heading(drawing.x))[1:-1]
    specs = json.loads(SPECIFICATIONS.replace("$x", title))
    spec = specs[drawing.kind]
    if drawing.kind in ("time", "lines") and drawing.series:
        spec["encoding"]["color"] = SERIES
    if drawing.kind == "grid" and drawing.y.role != "sum":
        spec = spec["vconcat"][1]  # without the bars above it, which add up
    data = {"values": [_datum(drawing, row, language) for row in rows]}
    return vl_convert.vegalite_to_svg({"config": specs["config"], "data": data, **spec}, format_locale=language.locale)


def _datum(drawing: Drawing, row: Row, language: Language) -> Row:
    columns = {"x": drawing.x, "series": drawing.series}
    names = {name: language.shown(column, row) for name, column in columns.items() if column}
    return {**names, "y": _number(drawing.y, row[drawing.y.name]), "label": language.shown(drawing.y, row)}


def _number(column: Column, value: Any) -> Any:
    """Amounts in whole units."""
    return value / 10**column.digits if column.type == "money" and value is not None else value
