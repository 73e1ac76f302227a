"""Charts as SVG: a Vega-Lite specification (https://vega.github.io/vega-lite/docs/), rendered without a browser."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import vl_convert

from multimarket_async.domains import Row
from multimarket_async.readers.charts import Drawing
from multimarket_async.readers.report.language import Language

Spec: TypeAlias = dict[str, Any]

WIDTH_PX, TIME_PX, NAME_PX, BAR_PX, CELL_PX = 720, 220, 200, 19, 20
# Told apart by most colour-blind people, and by their lightness in a print without colours (Okabe and Ito, 2008).
COLOURS = ["#0b4f8a", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#7f7f7f", "#222222"]
BAR = {"type": "bar", "color": COLOURS[0]}
MEASURE: Spec = {
    "field": "y",
    "type": "quantitative",
    "title": None,  # the caption says it
    "axis": {"domain": False, "ticks": False, "tickCount": 5},
}
SUM = {"aggregate": "sum"}
CONFIG = {
    "aria": False,  # the rows are in a table beside the chart, which every screen reader reads better
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "gridColor": "#e3e6ea"},
    "legend": {"labelFontSize": 11, "title": None, "orient": "top"},
    "range": {"category": COLOURS, "heatmap": {"scheme": "blues"}},
}


def svg(drawing: Drawing, rows: Sequence[Row], language: Language) -> str:
    """The chart of these rows, which are not none; one text, no script, nothing to fetch."""
    data = [_datum(drawing, row, language) for row in rows]
    spec = {"config": CONFIG, "data": {"values": data}, **_form(drawing, language)}
    return vl_convert.vegalite_to_svg(spec, format_locale=language.locale)


def _datum(drawing: Drawing, row: Row, language: Language) -> Row:
    names = {"x": drawing.x, "series": drawing.series}
    texts = {name: language.shown(column, row) for name, column in names.items() if column}
    return {**texts, "y": row[drawing.y.name], "label": language.shown(drawing.y, row)}


def _form(drawing: Drawing, language: Language) -> Spec:
    if drawing.kind == "grid":
        return _grid(language.heading(drawing.x))
    return _over_time(stacked=drawing.series is not None) if drawing.kind == "time" else _bars()


def _over_time(*, stacked: bool) -> Spec:
    colour = {"color": {"field": "series", "type": "nominal"}} if stacked else {}
    encoding = {"x": _names("x", labelAngle=-45, labelOverlap="greedy"), "y": MEASURE, **colour}
    return {"mark": BAR, "width": WIDTH_PX, "height": TIME_PX, "encoding": encoding}


def _bars() -> Spec:
    """Lying, so that long names can be read; the number at the end of each, so that no axis is needed."""
    number = {"mark": {"type": "text", "align": "left", "dx": 4}, "encoding": {"text": {"field": "label"}}}
    encoding = {"x": {**MEASURE, "axis": None}, "y": _names("x", labelLimit=NAME_PX)}
    return {
        "width": WIDTH_PX - NAME_PX,
        "height": {"step": BAR_PX},
        "encoding": encoding,
        "layer": [{"mark": BAR}, number],
    }


def _grid(title: str) -> Spec:
    """Above, what each column of the grid comes to: the day in the shop."""
    x = _names("x", title, labelAngle=0)
    colour = {"field": "y", "type": "quantitative", "title": None, "scale": {"zero": True}}
    sums = {"mark": BAR, "height": TIME_PX // 2, "encoding": {"x": {**x, "title": None}, "y": {**MEASURE, **SUM}}}
    cells = {"mark": "rect", "height": {"step": CELL_PX}, "encoding": {"x": x, "y": _names("series"), "color": colour}}
    return {"vconcat": [{"width": WIDTH_PX, **sums}, {"width": WIDTH_PX, **cells}], "spacing": 8}


def _names(field: str, title: str | None = None, **axis: Any) -> Spec:
    """In the order of the rows."""
    return {"field": field, "type": "ordinal", "sort": None, "title": title, "axis": {**axis, "ticks": False}}
