"""A KPI's rows as JSON, CSV, or a table for the terminal."""

import csv
import io
import json
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from multimarket_async import generations
from multimarket_async.domains import Column, Kpi, Row
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import cells
from multimarket_async.readers.charts import drawing
from multimarket_async.readers.language import ENGLISH, Language

WIDE, MOST_COLUMNS = 200, 10_000
NARROWEST_BAR, WIDEST_BAR, BESIDE_BAR = 10, 30, 2
# Control characters of a terminal; line ends and tabs are quoted by the format.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Where a spreadsheet would begin a cell, whichever separator it is opened with, and run it (OWASP: CSV injection). The
# page has the same (card.js).
FORMULA = re.compile(r'(^|[,;|\t\r\n])(?=[ \u00a0"]*[=+\-@\uff0b\uff0d\uff1d\uff20])|^(?=[\t\r\n])')


def as_object(kpi: Kpi, generation: dict[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """The contract of a KPI in JSON: name, generation, computed_at, as_of, rows.

    If it failed, also `error`, and `stale_since` if the rows are those of an earlier generation.
    """
    head = {"name": kpi.name, "generation": generation["_id"]}
    times = {name: iso(generation[name]) for name in ("computed_at", "as_of")}
    why, since = generations.error(kpi, generation), generations.stale(generation).get(kpi.name)
    failed = {**({"error": why} if why else {}), **({"stale_since": iso(since)} if since else {})}
    return {**head, **times, **failed, "rows": rows}


def as_csv(kpi: Kpi, rows: Sequence[Row], *, heading: bool = True) -> str:
    """A header, a line per row; text that a spreadsheet would run as a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180; a bare CR inside a text is quoted then
    if heading:
        writer.writerow(column.name for column in kpi.columns)
    writer.writerows([_cell(column, row[column.name]) for column in kpi.columns] for row in rows)
    return out.getvalue()


def show(to: Console, kpi: Kpi, rows: Sequence[Row], language: Language = ENGLISH) -> None:
    """Print the table; on a terminal that is wide enough, with bars to compare its rows.

    Where its numbers do not fit beside each other, in several tables, each with what its rows are about.
    """
    shown = [column for column in kpi.columns if column.is_shown]

    def drawn(numbers: Sequence[Column]) -> Table:
        columns = [column for column in shown if not column.is_number or column in numbers]
        return as_table(kpi, rows, language, columns=columns)

    parts = list(_parts(to.width, [column for column in shown if column.is_number], drawn))
    room = to.width - to.measure(parts[0]).maximum - BESIDE_BAR
    if len(parts) == 1 and to.is_terminal and room >= NARROWEST_BAR and len(rows) > 1:
        parts = [as_table(kpi, rows, language, min(room, WIDEST_BAR))]
    for part in parts:
        to.print(part)


def _parts(width: int, numbers: Sequence[Column], drawn: Callable[[Sequence[Column]], Table]) -> Iterator[Table]:
    """Tables that have all these columns between them, as many each as fit."""
    start = 0
    while not start or start < len(numbers):
        ends = range(len(numbers), start, -1)
        end = next((end for end in ends if _narrowest(drawn(numbers[start:end])) <= width), start + 1)
        yield drawn(numbers[start:end])
        start = end


def _narrowest(table: Table) -> int:
    """The width below which it loses text: no console measures more than it has."""
    return Console(width=MOST_COLUMNS).measure(table).minimum


def as_table(
    kpi: Kpi,
    rows: Sequence[Row],
    language: Language = ENGLISH,
    bar_width: int = 0,
    columns: Sequence[Column] | None = None,
) -> Table:
    """A table without the columns for machines, in a language. Digits are never cut.

    bar_width: characters of the bar in each row that shows the measure; 0: no bars. columns: only these.
    """
    if columns is None:
        columns = [column for column in kpi.columns if column.is_shown]
    table = plain(title=language.say(kpi.title))
    texts = [[_said(language, column, row) for column in columns] for row in rows]
    _add_columns(table, columns, texts, language)
    lines: list[list[RenderableType]] = [[*map(Text, line)] for line in texts]
    if bar_width and (drawn := drawing(kpi)):
        table.add_column(Text(language.say(drawn.y.title)), width=bar_width)
        for line, bar in zip(lines, _bars(rows, drawn.y, bar_width), strict=True):
            line.append(bar)
    for line in lines:
        table.add_row(*line)
    return table


def _said(language: Language, column: Column, row: Row) -> str:
    """A cell in a language, safe for a terminal; the space between digits is."""
    text = language.shown(column, row)
    return text if column.is_number else escape_control_chars(text)


def _add_columns(table: Table, columns: Sequence[Column], texts: Sequence[Sequence[str]], language: Language) -> None:
    for place, column in enumerate(columns):
        title = language.heading(column)
        widest = max((len(line[place]) for line in texts), default=0)
        if column.type in ("string", "boolean") or column.labels:
            table.add_column(Text(title), overflow="fold")
        else:
            # rich narrows columns that may wrap: the heading is wrapped here, to the width of the digits.
            width = max(widest, *map(len, title.split()))
            table.add_column(Text(textwrap.fill(title, width)), justify="right", no_wrap=True)


def heading(column: Column) -> str:
    """Title and unit."""
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _bars(rows: Sequence[Row], measure: Column, width: int) -> list[Bar]:
    """One bar per row, the longest for the largest value."""
    values = [max(0.0, float(row[measure.name] or 0)) for row in rows]
    most = max(values, default=0.0) or 1.0
    return [Bar(most, 0.0, value, width=width, color="blue") for value in values]


def plain(*headings: str, title: str | None = None) -> Table:
    """An empty table in the common style; long words are folded, never cut."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for any table where there is none."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDE)


def terminal_safe_json(data: Any) -> str:
    """JSON for a terminal: letters as they are, control characters escaped."""
    text = json.dumps(data, default=iso, ensure_ascii=False, indent=2)
    if text.replace("\n", "").isprintable():  # 20 times faster than the look at each character
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def shown(column: Column, value: Any) -> str:
    """A value for people, safe for a terminal."""
    if value is None:
        return "-"
    if column.is_number:
        return cells.digits(column, value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return escape_control_chars(cells.label(column, value) or str(value))


def _cell(column: Column, value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if column.is_amount and value is not None:
        return cells.decimals(value, column.digits)
    return inert(value) if isinstance(value, str) else value


def inert(text: str) -> str:
    """Text of CSV that no spreadsheet runs as a formula, in any part of it, without a terminal's control characters."""
    return FORMULA.sub(r"\1'", CONTROL.sub(lambda match: escape_control_chars(match[0]), text))


def iso(moment: datetime) -> str:
    """ISO 8601 with Z for UTC."""
    return moment.isoformat().replace("+00:00", "Z")
