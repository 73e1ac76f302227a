"""Tables, JSON and CSV: exact numbers, and text that can break none of them."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from multimarket_async import readers
from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import tables
from multimarket_async.readers.language import ENGLISH

AT = datetime(2026, 5, 20, 12, 0, 0, 250_000, tzinfo=UTC)
COLUMNS = (
    Column("product", "string", "Product"),
    Column("since", "date", "Since", hidden=True),
    Column("quantity", "integer", "Quantity", "pieces"),
    Column("revenue", "double", "Revenue", "EUR", exact="revenue_minor"),
    Column("revenue_minor", "money", "Revenue", "EUR"),
)
SALES = Kpi("sales", "Sales", "EUR", "What was sold.", (), COLUMNS, "")


def row(product: str | None = "Lamp", quantity: int = 1, revenue: float | None = 0.0) -> dict[str, Any]:
    minor = None if revenue is None else round(revenue * 100)
    return {"product": product, "since": AT, "quantity": quantity, "revenue": revenue, "revenue_minor": minor}


def drawn(table: Table, width: int = 80) -> str:
    """As a colour terminal of this width gets it."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system="truecolor").print(table)
    return out.getvalue()


def plain_text(drawing: str) -> str:
    """Without the styles rich draws with (SGR sequences)."""
    return re.sub(r"\x1b\[[0-9;]*m", "", drawing)


def as_csv(*rows: dict[str, Any]) -> list[list[str]]:
    """Read back as RFC 4180 says."""
    return list(csv.reader(io.StringIO(tables.as_csv(SALES, rows), newline="")))


# --- JSON -----------------------------------------------------------------------------------


def test_json_is_one_object_with_a_head_and_the_rows() -> None:
    """As the contract of `kpi show` says; times in ISO 8601 with Z."""
    generation = {"_id": 7, "computed_at": AT, "as_of": AT, "seconds": 1}
    assert json.loads(tables.terminal_safe_json(tables.as_object(SALES, generation, [row("Thé", 2, 3.5)]))) == {
        "name": "sales",
        "generation": 7,
        "computed_at": "2026-05-20T12:00:00.250000Z",
        "as_of": "2026-05-20T12:00:00.250000Z",
        "rows": [
            {
                "product": "Thé",
                "since": "2026-05-20T12:00:00.250000Z",
                "quantity": 2,
                "revenue": 3.5,
                "revenue_minor": 350,
            }
        ],
    }


def test_json_of_nothing_measured() -> None:
    """An empty list, and null for a mean over nothing."""
    generation = {"_id": 1, "computed_at": AT, "as_of": AT}
    assert tables.as_object(SALES, generation, [])["rows"] == []


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [
        ("JPY", 1234567, "1,234,567"),
        ("TND", 1234567, "1,234.567"),
        ("EUR", -5, "-0.05"),
        ("EUR", 2**53 + 1, "90,071,992,547,409.93"),
    ],
)
def test_money_has_the_decimals_of_its_currency(currency: str, minor: int, text: str) -> None:
    """ISO 4217: none of JPY, three of TND; exactly, whatever its size."""
    column = Column("price", "money", "Price", currency)
    kpi = replace(SALES, columns=(column,))
    assert text in plain_text(drawn(tables.as_table(kpi, [{"price": minor}])))
    assert ENGLISH.shown(column, {"price": minor}) == text


# --- CSV ------------------------------------------------------------------------------------


def test_csv_is_a_header_and_a_line_a_row() -> None:
    """Every column, amounts with their cents, other numbers as they are, nothing for null."""
    assert tables.as_csv(SALES, [row("Lamp", 1234567, 0.1), row("Tea", 0, None)]).splitlines() == [
        "product,since,quantity,revenue,revenue_minor",
        "Lamp,2026-05-20T12:00:00.250000Z,1234567,0.10,10",
        "Tea,2026-05-20T12:00:00.250000Z,0,,",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_text_that_a_spreadsheet_would_run_is_quoted(start: str) -> None:
    """OWASP, CSV injection: a leading apostrophe makes it text."""
    formula = f"{start}cmd|' /C calc'!A0"
    assert as_csv(row(formula))[1][0] == f"'{formula}"


# Texts, and how they stand in CSV: also opened with another separator, no cell begins with a formula.
FORMULAS = {
    "x;=1+1": "x;'=1+1",
    "x,=1+1": "x,'=1+1",
    "x|@SUM(1)": "x|'@SUM(1)",
    "x\t-1+1": "x\t'-1+1",
    "x\r\n+1": "x\r\n'+1",
    ';"=1+1"': ';\'"=1+1"',
    ' ; \u00a0"" =1': ' ;\' \u00a0"" =1',
    " =1;=2": "' =1;'=2",
    "\uff1d1;\uff0b1;\uff0d1;\uff201": "'\uff1d1;'\uff0b1;'\uff0d1;'\uff201",
    "\n1": "'\n1",
    "\x1b;=1\x9b": "\\x1b;'=1\\x9b",
    "T-shirt; a-b, c=d | 5% + 1": "T-shirt; a-b, c=d | 5% + 1",
}


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_inside_a_text_is_none_with_any_separator(text: str) -> None:
    """A French spreadsheet begins a cell after a semicolon; in the page's CSV it stands likewise (see test_page.py)."""
    assert tables.inert(text) == FORMULAS[text]


def test_the_page_has_the_same_rule() -> None:
    """To the letter."""
    script = (Path(readers.__file__).parent / "page/static/card.js").read_text("utf-8")
    rules = dict(re.findall(r"^const ([A-Z]+) = /(.+)/g;$", script, re.MULTILINE))
    assert (tables.CONTROL.pattern, tables.FORMULA.pattern) == (rules["CONTROL"], rules["FORMULA"])


def test_a_negative_number_is_not_a_formula() -> None:
    """Only text is quoted: -5 stays a number."""
    assert as_csv(row("Lamp", -5))[1][2] == "-5"


@pytest.mark.parametrize("text", ["a,b", 'a"b', "a\nb", "a\r\nb", "é,;\u2028", "'"])
def test_no_text_breaks_a_line(text: str) -> None:
    """One row in, one row out, the text as it was."""
    assert [line[0] for line in as_csv(row(text))] == ["product", text]


@pytest.mark.parametrize("text", ["a\rb", "\r=1+1"])
def test_a_carriage_return_does_not_end_a_line(text: str) -> None:
    """Readers take it for the end of a row; the rest becomes a row of its own, even a formula."""
    assert len(as_csv(row(text))) == 2


# --- the table on a terminal ----------------------------------------------------------------


def test_the_table_is_for_people() -> None:
    """Thousands separated, two decimals, a dash for null; no dates of periods, no minor units."""
    text = plain_text(drawn(tables.as_table(SALES, [row("Lamp", 1234567, 1234567.5), row(None, 0, None)])))
    heading, _, body = text.partition("─\n" if "─\n" in text else "─ \n")
    assert heading.split()[0] == "Sales"
    assert {"Product", "Quantity", "(pieces)", "Revenue", "(EUR)"} <= set(heading.split())
    assert "Since" not in heading
    assert body.split() == ["Lamp", "1,234,567", "1,234,567.50", "-", "0", "-"]


@pytest.mark.parametrize(
    "name", ["[red]Lamp[/red]", "[/]", "[link=file:///etc/passwd]x[/link]", ":smile:", "[bold", "\\["]
)
def test_markup_is_inert(name: str) -> None:
    """Text from an order is shown as it is."""
    assert name in plain_text(drawn(tables.as_table(SALES, [row(name)])))


@pytest.mark.parametrize(
    "name", ["a\x1b[2Jb", "a\x1b]0;t\x07b", "a\nb", "a\rb", "a\x9b31mb", "a\u202eb", "a\x00b", "a\tb"]
)
def test_control_characters_are_made_visible(name: str) -> None:
    """They move no cursor, clear no screen, break no line."""
    text = plain_text(drawn(tables.as_table(SALES, [row(name)])))
    assert text.replace("\n", "").isprintable()
    assert len(text.splitlines()) == len(plain_text(drawn(tables.as_table(SALES, [row("ab")]))).splitlines())


def test_harmless_shows_what_it_replaced() -> None:
    """As Python would write it; letters of any script stay."""
    assert escape_control_chars("Thé 🪑\x1b[0m\n\x85") == "Thé 🪑\\x1b[0m\\n\\x85"


def test_digits_are_never_cut() -> None:
    """However long the names beside them, on 80 columns: a cut number is a wrong number."""
    rows = [row("A very long product name " * 6, 9_007_199_254_740_991, 90_071_992_547_409.91)]
    text = plain_text(drawn(tables.as_table(SALES, rows)))
    assert "9,007,199,254,740,991" in text
    assert "90,071,992,547,409.91" in text
    assert max(map(len, text.splitlines())) <= 80


def test_digits_are_never_cut_on_a_narrow_terminal() -> None:
    """The name gives way, not the number."""
    text = plain_text(drawn(tables.as_table(SALES, [row("Lampadaire " * 3, 12_345_678, 12_345_678.5)]), 44))
    assert "12,345,678 " in text
    assert "12,345,678.50" in text


def of_a_large_shop(kpi: Kpi) -> dict[str, Any]:
    """Hundreds of millions in every amount, hundreds of thousands in every count."""
    values = {
        "string": "boutique", "date": AT, "integer": 987_654, "double": 987_654_321.99, "money": 98_765_432_199,
        "percent": 987_654_321.99,
    }  # fmt: skip
    return {column.name: values[column.type] for column in kpi.columns}


@pytest.mark.parametrize("width", [80, 72])
def test_no_amount_of_a_large_shop_is_cut(width: int) -> None:
    """Revenue by month: two amounts, two counts, and headings that are longer than both."""
    revenue = ORDERS.declare(OrderSettings()).kpis[0]
    out = io.StringIO()
    tables.show(Console(file=out, width=width), revenue, [of_a_large_shop(revenue)])
    assert out.getvalue().count("987,654,321.99") == sum(bool(column.exact) for column in revenue.columns)


@pytest.mark.parametrize("kpi", ORDERS.declare(OrderSettings()).kpis[1:], ids=lambda kpi: kpi.name)
def test_the_other_kpis_of_a_large_shop_fit_80_columns(kpi: Kpi) -> None:
    """Every amount and every count."""
    text = plain_text(drawn(tables.as_table(kpi, [of_a_large_shop(kpi)])))
    shown = [column for column in kpi.columns if column.is_shown]
    amounts = [column for column in shown if column.type in ("double", "money", "percent")]
    assert text.count("987,654,321.99") == len(amounts)
    counts = [column for column in shown if column.type == "integer" and column.is_number]
    assert text.count("987,654") == len(amounts) + len(counts)


def test_long_names_are_folded_not_cut() -> None:
    """Every letter is there, over several lines."""
    name = "".join(chr(0x4E00 + n) for n in range(100))
    text = plain_text(drawn(tables.as_table(SALES, [row(name)])))
    assert [letter for letter in name if letter not in text] == []
    assert "…" not in text


def test_long_words_of_any_table_are_folded() -> None:
    """`status`, `config show` and the others too."""
    table = tables.plain("File", "Why")
    table.add_row(Text("f" * 100), Text("w" * 100))
    text = plain_text(drawn(table))
    assert (text.count("f"), text.count("w")) == (100, 100)


def test_a_table_without_rows_is_a_header() -> None:
    """Nothing measured is no error."""
    assert "Product" in plain_text(drawn(tables.as_table(SALES, [])))


def test_where_there_is_no_terminal_a_table_is_wide_and_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets whole lines and no escape codes."""
    tables.console().print(tables.as_table(SALES, [row("x" * 100)]))
    out = capsys.readouterr().out
    assert "x" * 100 in out
    assert "\x1b" not in out


# --- bars -----------------------------------------------------------------------------------

SHARES = [row("Lamp", 1, 100.0), row("Tea", 2, 50.0), row("Rug", 3, None)]


def shown(width: int, *rows: dict[str, Any], terminal: bool = True, no_color: bool = False) -> str:
    """The drawing of `kpi show` on a terminal of this width."""
    out = io.StringIO()
    tables.show(Console(file=out, width=width, force_terminal=terminal, no_color=no_color), SALES, rows)
    return out.getvalue()


def bar_lengths(drawing: str) -> list[int]:
    """Full blocks in each line that has a number."""
    return [line.count("█") for line in plain_text(drawing).splitlines() if re.search(r"\d\.\d\d|-", line)]


def test_a_bar_is_as_long_as_its_number() -> None:
    """The largest fills the column, half of it half; a mean over nothing has none."""
    assert bar_lengths(shown(100, *SHARES)) == [30, 15, 0]


def test_bars_take_no_room_from_digits() -> None:
    """On a narrow terminal there are none; nor for one row, nor in a pipe."""
    assert sum(bar_lengths(shown(38, *SHARES))) == 0
    assert sum(bar_lengths(shown(100, SHARES[0]))) == 0
    assert sum(bar_lengths(shown(200, *SHARES, terminal=False))) == 0


@pytest.mark.parametrize("width", range(48, 80))
def test_bars_take_no_room_from_text(width: int) -> None:
    """However much is left for them, no text is broken over two lines."""
    drawing = plain_text(shown(width, row("Lamp-with-a-long-name", 1, 100.0), row("Tea", 2, 50.0)))
    assert "Lamp-with-a-long-name" in drawing


@pytest.mark.parametrize("width", [30, 44, 60, 200])
def test_numbers_beside_each_other_leave_room_for_their_subject(width: int) -> None:
    """Several tables, each with the names, if they do not all fit."""
    columns = (SALES.columns[0], *(Column(f"n{n}", "integer", f"Title{n}") for n in range(25)))
    lines = [
        {"product": "Lampadaire", **{f"n{n}": 1_000_000 + n for n in range(25)}},
        {"product": "Tea"} | dict.fromkeys((f"n{n}" for n in range(25)), 1),
    ]
    out = io.StringIO()
    tables.show(Console(file=out, width=width), replace(SALES, columns=columns), lines)
    drawing = out.getvalue()
    assert all(f"1,000,0{n:02}" in drawing and f"Title{n}" in drawing for n in range(25))
    assert drawing.count("Lampadaire") == drawing.count("Product") == drawing.count("Tea")


def test_bars_of_nothing_are_empty() -> None:
    """All values 0 or unknown: no bar, no fault."""
    assert bar_lengths(shown(100, row(revenue=0.0), row(revenue=None))) == [0, 0]


def test_bars_without_colour() -> None:
    """NO_COLOR leaves their length."""
    drawing = shown(100, *SHARES, no_color=True)
    assert bar_lengths(drawing) == [30, 15, 0]
    assert not re.search(r"\x1b\[3\dm", drawing)


def test_bars_fit_the_terminal() -> None:
    """At any width."""
    for width in range(30, 120):
        assert max(map(len, plain_text(shown(width, *SHARES)).splitlines())) <= max(width, 44)
