"""A Power BI project over the warehouse, in its text formats: a model in TMDL, a report in PBIR.

https://learn.microsoft.com/power-bi/developer/projects/projects-overview; schemas: https://github.com/microsoft/json-schemas.
Power BI Desktop opens the .pbip file, asks for the password of PostgreSQL, and reads.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from multimarket_async.domains import Column, Kpi, LoadedDomain, StarTable
from multimarket_async.readers.charts import Drawing, drawing

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
REPORT = f"{SCHEMAS}/item/report/definition"
TYPES = {
    "string": "string", "integer": "int64", "double": "double", "date": "dateTime",
    "boolean": "boolean", "money": "int64", "percent": "double",
}  # fmt: skip
SQL_TYPES = {
    "text": "string", "int": "int64", "bigint": "int64", "smallint": "int64", "double": "double", "date": "dateTime",
    "timestamptz": "dateTime", "numeric": "decimal", "boolean": "boolean",
}  # fmt: skip
VISUALS = {"time": "columnChart", "lines": "lineChart", "bars": "clusteredBarChart", "grid": "pivotTable"}
WIDTH, HEIGHT, GAP = 1280, 720, 16  # of a page, and around each visual
IN_A_ROW = 2


class Warehouse(NamedTuple):
    """The place of the tables in PostgreSQL: server is host and port."""

    server: str = "127.0.0.1:5432"
    database: str = "multimarket"
    schema: str = "multimarket"


def project(domain: LoadedDomain, warehouse: Warehouse) -> dict[str, str]:
    """The text of each file, by its path: of a domain with headline KPIs, else none."""
    drawn = [(kpi, drawing(kpi)) for kpi in domain.kpis]
    charts = [(kpi, chart) for kpi, chart in drawn if chart and kpi.headline]
    if not charts:
        return {}
    name = f"MultiMarket-{domain.name}"
    shortcut = {"version": "1.0", "artifacts": [{"report": {"path": f"{name}.Report"}}], "settings": {}}
    tables = {kpi.name: _kpi_table(kpi, chart) for kpi, chart in drawn}
    tables |= {table.name: _star_table(table) for table in domain.star}
    model = _model(tables, domain.star, warehouse)
    return {
        f"{name}.pbip": _json(f"{SCHEMAS}/pbip/pbipProperties/1.0.0", shortcut),
        **{f"{name}.SemanticModel/{path}": text for path, text in model.items()},
        **{f"{name}.Report/{path}": text for path, text in _report(name, domain.name, charts).items()},
    }


# --- the model --------------------------------------------------------------------------------


def _model(tables: dict[str, str], star: Sequence[StarTable], warehouse: Warehouse) -> dict[str, str]:
    settings = "\tculture: en-US\n\tdefaultPowerBIDataSourceVersion: powerBI_V3\n\tsourceQueryCulture: en-US\n"
    meta = 'meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]'
    return {
        "definition.pbism": _json(
            f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0", {"version": "4.2", "settings": {}}
        ),
        "definition/database.tmdl": "database\n\tcompatibilityLevel: 1600\n",
        "definition/model.tmdl": f"model Model\n{settings}\n" + "".join(f"ref table {name}\n" for name in tables),
        "definition/expressions.tmdl": "\n".join(
            f"expression {name.title()} = {_text(value)} {meta}\n" for name, value in warehouse._asdict().items()
        ),
        "definition/relationships.tmdl": "\n".join(_relationships(star)),
        **{f"definition/tables/{name}.tmdl": text for name, text in tables.items()},
    }


def _relationships(star: Sequence[StarTable]) -> Iterator[str]:
    """Of facts to dimensions only: two ways to the same dimension would be ambiguous."""
    dimensions = {table.name for table in star if not table.references}
    for table in star:
        for column, other in table.references.items():
            if other in dimensions:
                [key] = next(found.key for found in star if found.name == other)
                ends = f"\tfromColumn: {table.name}.{_name(column)}\n\ttoColumn: {other}.{_name(key)}\n"
                yield f"relationship {table.name}_{column}\n{ends}"


def _kpi_table(kpi: Kpi, chart: Drawing | None) -> str:
    columns = [_column(column.name, _type(column), hidden=not column.is_shown) for column in kpi.columns]
    measures = [_measure(kpi, chart)] if chart else []
    return _table(kpi.name, f"kpi_{kpi.name}", kpi.definition, [*measures, *columns])


def _star_table(table: StarTable) -> str:
    columns = [_column(name, SQL_TYPES[type_.partition("(")[0].split()[0]]) for name, type_ in table.columns.items()]
    return _table(table.name, table.name, table.title, columns)


def _table(name: str, item: str, description: str, members: Sequence[str]) -> str:
    source = f"PostgreSQL.Database(Server, Database){{[Schema = Schema, Item = {_text(item)}]}}[Data]"
    partition = f"\tpartition {name} = m\n\t\tmode: import\n\t\tsource = {source}\n"
    return f"/// {' '.join(description.split())}\ntable {name}\n\n" + "\n".join([*members, partition])


def _column(name: str, type_: str, *, hidden: bool = False) -> str:
    lines = [f"\tcolumn {_name(name)}", f"\t\tdataType: {type_}", *(["\t\tisHidden"] if hidden else [])]
    return "\n".join([*lines, "\t\tsummarizeBy: none", f"\t\tsourceColumn: {name}", ""])


def _measure(kpi: Kpi, chart: Drawing) -> str:
    """The number of the chart, for any selection of rows: a ratio is that of the sums."""
    pattern = f"#,0.{'0' * chart.y.digits}" if chart.y.digits else "#,0"
    whole = [column for column in kpi.columns if column.role == "key" and column.total]
    rows = "".join(f", KEEPFILTERS({_place(kpi, column.name)} <> {_text(column.total)})" for column in whole)
    counted = f"CALCULATE({_counted(kpi, chart.y)}{rows})" if whole else _counted(kpi, chart.y)
    return f"\tmeasure {_name(kpi.title)} = {counted}\n\t\tformatString: {pattern}\n"


def _counted(kpi: Kpi, column: Column) -> str:
    if column.of:
        above, below = (_sum(kpi, name) for name in column.of)
        return f"{'100 * ' if column.type == 'percent' else ''}DIVIDE({above}, {below})"
    return _sum(kpi, column.name) if column.role == "sum" else f"MAX({_place(kpi, column.name)})"


def _sum(kpi: Kpi, name: str) -> str:
    """Amounts in whole units."""
    column = next(column for column in kpi.columns if column.name == name)
    total = f"SUM({_place(kpi, name)})"
    return f"DIVIDE({total}, {10**column.digits})" if column.type == "money" else total


def _place(kpi: Kpi, column: str) -> str:
    return f"'{kpi.name}'[{column}]"


def _type(column: Column) -> str:
    """As the warehouse has it: an amount in whole units is exact there, and a fixed decimal here."""
    return "decimal" if column.exact or column.is_amount else TYPES[column.type]


def _name(text: str) -> str:
    """A name in TMDL: in quotes where it is more than a word."""
    return text if text.isascii() and text.isidentifier() else "'" + text.replace("'", "''") + "'"


def _text(text: str) -> str:
    """A text of M and DAX."""
    return '"' + text.replace('"', '""') + '"'


# --- the report -------------------------------------------------------------------------------


def _report(name: str, title: str, charts: Sequence[tuple[Kpi, Drawing]]) -> dict[str, str]:
    """One page with a visual for each headline KPI."""
    page = {"name": "headlines", "displayName": title, "displayOption": "FitToPage", "width": WIDTH, "height": HEIGHT}
    visuals = {
        f"definition/pages/headlines/visuals/{kpi.name}/visual.json": _visual(number, len(charts), kpi, chart)
        for number, (kpi, chart) in enumerate(charts)
    }
    model = {"version": "4.0", "datasetReference": {"byPath": {"path": f"../{name}.SemanticModel"}}}
    pages = {"pageOrder": ["headlines"], "activePageName": "headlines"}
    return {
        "definition.pbir": _json(f"{SCHEMAS}/item/report/definitionProperties/2.0.0", model),
        "definition/version.json": _json(f"{REPORT}/versionMetadata/1.0.0", {"version": "2.0.0"}),
        "definition/report.json": _json(f"{REPORT}/report/3.0.0", {"themeCollection": {}}),
        "definition/pages/pages.json": _json(f"{REPORT}/pagesMetadata/1.0.0", pages),
        "definition/pages/headlines/page.json": _json(f"{REPORT}/page/2.0.0", page),
        **visuals,
    }


def _visual(number: int, count: int, kpi: Kpi, chart: Drawing) -> str:
    rows = -(-count // IN_A_ROW)
    wide, high = (WIDTH - GAP) // IN_A_ROW, (HEIGHT - GAP) // rows
    place = {
        "x": GAP + number % IN_A_ROW * wide, "y": GAP + number // IN_A_ROW * high, "z": number,
        "width": wide - GAP, "height": high - GAP, "tabOrder": number,
    }  # fmt: skip
    query = {"queryState": _roles(kpi, chart), "sortDefinition": {"sort": [_sorted(kpi, chart)]}}
    shown = {"text": {"expr": {"Literal": {"Value": "'" + kpi.title.replace("'", "''") + "'"}}}}
    visual = {
        "visualType": VISUALS[chart.kind],
        "query": query,
        "visualContainerObjects": {"title": [{"properties": shown}]},
        "drillFilterOtherVisuals": True,
    }
    return _json(f"{REPORT}/visualContainer/2.0.0", {"name": kpi.name[:50], "position": place, "visual": visual})


def _roles(kpi: Kpi, chart: Drawing) -> dict[str, Any]:
    """Fields by their role: across, series, measure."""
    across, series, value = ("Rows", "Columns", "Values") if chart.kind == "grid" else ("Category", "Series", "Y")
    roles = {across: chart.x, **({series: chart.series} if chart.series else {})}
    fields = {role: _projection(kpi, "Column", column.name, column.title) for role, column in roles.items()}
    return {**fields, value: _projection(kpi, "Measure", kpi.title, chart.y.title)}


def _projection(kpi: Kpi, kind: str, name: str, title: str) -> dict[str, Any]:
    shown = {"queryRef": f"{kpi.name}.{name}", "nativeQueryRef": name, "displayName": title}
    return {"projections": [{"field": _field(kpi, kind, name), **shown}]}


def _sorted(kpi: Kpi, chart: Drawing) -> dict[str, Any]:
    """Bars by their length, all else along its axis."""
    if chart.kind == "bars":
        return {"field": _field(kpi, "Measure", kpi.title), "direction": "Descending"}
    return {"field": _field(kpi, "Column", chart.x.name), "direction": "Ascending"}


def _field(kpi: Kpi, kind: str, name: str) -> dict[str, Any]:
    return {kind: {"Expression": {"SourceRef": {"Entity": kpi.name}}, "Property": name}}


def _json(schema: str, content: dict[str, Any]) -> str:
    return json.dumps({"$schema": f"{schema}/schema.json", **content}, ensure_ascii=False, indent=2) + "\n"
