"""The content of a report, and its HTML by report.html.j2."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from multimarket_async import generations
from multimarket_async.domains import Column, Kpi, LoadedDomain, Row
from multimarket_async.readers.charts import Drawing, drawing, legible
from multimarket_async.readers.language import Language
from multimarket_async.readers.report.plots import chart, svgs

MOST_ROWS = 40  # of an open table; a longer one is folded, and printed if the reader opens it
MOST_WRITTEN = 5_000  # of any table


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text. numeric: whether each column holds numbers. count: of all rows; these may be the first ones."""

    headings: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    count: int

    @property
    def is_long(self) -> bool:
        """Longer than MOST_ROWS."""
        return len(self.rows) > MOST_ROWS


def report(
    domains: Sequence[LoadedDomain],
    generation: dict[str, Any],
    rows: Mapping[str, Sequence[Row]],
    language: Language,
    zone: ZoneInfo,
) -> str:
    """A stored generation as HTML: no script, nothing to fetch, all text escaped.

    rows: of each KPI of the generation, at least the first MOST_WRITTEN.
    """
    stale = generations.stale(generation)
    sections = [
        _section(
            kpi, rows[kpi.name][:MOST_WRITTEN], generations.count(kpi, generation), language.extended(domain.french)
        )
        | {"error": generations.error(kpi, generation), "as_of": language.moment(stale.get(kpi.name), zone)}
        | {"stale": kpi.name in stale}
        for domain in domains
        for kpi in domain.kpis
        if kpi.name in rows
    ]
    drawn = iter(svgs([section["chart"] for section in sections if section["chart"]]))
    for section in sections:
        svg = next(drawn) if section["chart"] else None
        section["chart"] = svg and Markup(svg)  # noqa: S704 # nosec B704 - its renderer escapes text
    facts = list(_facts(domains, generation, language, zone))
    return _TEMPLATES.get_template("report.html.j2").render(
        language=language, say=language.say, generation=generation, facts=facts, sections=sections
    )


def _facts(
    domains: Sequence[LoadedDomain], generation: dict[str, Any], language: Language, zone: ZoneInfo
) -> Iterator[tuple[str, str]]:
    yield language.say("As of"), language.moment(generation["as_of"], zone)
    counts, newest = generation.get("documents", generation), generation.get("newest_events", {})
    for domain in domains:
        title = language.extended(domain.french).say(domain.name).capitalize()
        if (count := counts.get(domain.name)) is not None:
            yield title, language.number(f"{count:,}")
        if at := newest.get(domain.name):
            yield f"{title}: {language.say('Newest event').lower()}", language.moment(at, zone)
    if generation.get("quarantined") is not None:
        yield language.say("Files in quarantine"), language.number(f"{generation['quarantined']:,}")


def _section(kpi: Kpi, rows: Sequence[Row], count: int, language: Language) -> dict[str, Any]:
    """A KPI for the template, in the language of the report: name, title, definition, chart, caption, table.

    Of the first rows of more there is no chart, unless it shows the first ones only.
    """
    plan = drawing(kpi)
    definition = language.words.get(kpi.name, kpi.definition)
    head = {"name": kpi.name, "title": language.say(kpi.title), "definition": definition}
    if plan is None or not rows or (len(rows) < count and (plan.kind != "bars" or plan.added_up)):
        return {**head, "chart": None, "table": _table(kpi, rows, count, language)}
    drawn, shown = legible(plan, kpi, rows)
    down = plan.series if drawn.kind == "grid" else None
    table = _crossed(down, plan, rows, language) if down else _table(kpi, rows, count, language)
    caption = _caption(plan, drawn, rows, shown, language)
    return {**head, "chart": chart(drawn, shown, language), "caption": caption, "table": table}


def _caption(plan: Drawing, drawn: Drawing, rows: Sequence[Row], shown: Sequence[Row], language: Language) -> str:
    """The measure; the period or the number of bars, if the chart does not show all rows."""
    parts = [language.heading(drawn.y)]
    if plan.kind != drawn.kind and plan.x.name in shown[0]:
        parts.append(language.shown(plan.x, shown[0]))
    if len(shown) < len(rows) and drawn.kind == "bars" and not plan.added_up:
        parts.append(language.say("The first {}").format(len(shown)).lower())
    return ", ".join(parts)


def _table(kpi: Kpi, rows: Sequence[Row], count: int, language: Language) -> Table:
    """Columns for people."""
    columns = [column for column in kpi.columns if column.is_shown]
    return Table(
        [language.heading(column) for column in columns],
        [column.is_number for column in columns],
        [[language.shown(column, row) for column in columns] for row in rows],
        count,
    )


def _crossed(down: Column, grid: Drawing, rows: Sequence[Row], language: Language) -> Table:
    """A line for each value of `down` and a column for each `x`, as in the chart; 0 without a row."""
    cells = {(row[down.name], row[grid.x.name]): row for row in rows}
    lines, across = (sorted({key[place] for key in cells}) for place in (0, 1))
    nothing = {grid.y.name: 0}
    return Table(
        [language.heading(down), *(language.shown(grid.x, {grid.x.name: at}) for at in across)],
        [False, *(True for _ in across)],
        [
            [
                language.shown(down, {down.name: line}),
                *(language.shown(grid.y, cells.get((line, at), nothing)) for at in across),
            ]
            for line in lines
        ],
        len(lines),
    )


_TEMPLATES = Environment(
    loader=PackageLoader("multimarket_async.readers.report", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
