"""KPIs in spreadsheets: numbers are numbers, amounts are whole, dates are dates, and text stays text."""

import csv
import io
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from multimarket_async.domains import Column, Kpi
from multimarket_async.readers import spreadsheets, xlsx
from tests.readers import test_tables

PARIS = ZoneInfo("Europe/Paris")
MAY = datetime(2026, 4, 30, 22, tzinfo=UTC)  # the first of May begins in Paris
COLUMNS = (
    *test_tables.COLUMNS,
    Column("average_minor", "money", "Average", "EUR", nullable=True),
    Column("rate_pct", "percent", "Rate", "%", nullable=True),
)
SALES = Kpi("sales", "Sales", "EUR", "What was sold.", (), COLUMNS, "")
GENERATION = {"_id": 7, "as_of": MAY, "computed_at": MAY, "kpis": {"sales": {}}}
NAMES = ["product", "since", "quantity", "revenue", "average", "rate_pct"]


def row(product: str = "Vélo de ville", at: datetime = MAY, minor: int = 4_774_770) -> dict[str, Any]:
    amounts = {"revenue": minor / 100, "revenue_minor": minor, "average_minor": None}
    return {"product": product, "since": at, "quantity": 1234, **amounts, "rate_pct": 12.5}


async def chunks(*rows: dict[str, Any]) -> AsyncIterator[list[dict[str, Any]]]:
    for each in rows:
        yield [each]


async def lines(language: str, *rows: dict[str, Any]) -> list[list[str]]:
    kind = spreadsheets.LANGUAGES[language]
    text = "".join([part async for part in spreadsheets.as_csv(SALES, chunks(*rows), kind, PARIS)])
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=kind.delimiter))


async def test_csv_for_a_french_spreadsheet() -> None:
    """A BOM, semicolons, decimal commas, amounts with cents, days as they are written there."""
    expected = ["Vélo de ville", "01/05/2026", "1234", "47747,70", "", "12,50"]
    assert await lines("excel-fr", row()) == [NAMES, expected]


async def test_csv_for_an_english_spreadsheet() -> None:
    """An instant within the day has its time."""
    later = MAY.replace(minute=5)
    assert (await lines("excel", row(at=later)))[1][1:4] == ["2026-05-01 00:05:00", "1234", "47747.70"]


@pytest.mark.parametrize("minor", [0, 5, -5, 2**53 + 1])
async def test_amounts_are_exact(minor: int) -> None:
    """Whatever their size, from the integer and not from the double."""
    found = (await lines("excel", row(minor=minor)))[1][3]
    assert (found[-3], int(found.replace(".", ""))) == (".", minor)


async def test_text_is_no_formula() -> None:
    assert (await lines("excel-fr", row("=1+1;=x")))[1][0] == "'=1+1;'=x"


MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(book: bytes) -> dict[str, list[list[Any]]]:
    """The cells of each sheet, by its name, as the file has them: (type, value)."""
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        names = [sheet.get("name") for sheet in ET.fromstring(parts.read("xl/workbook.xml")).iter(f"{MAIN}sheet")]
        files = (parts.read(f"xl/worksheets/sheet{number}.xml") for number in range(1, len(names) + 1))
        return {
            str(name): [*map(cells, ET.fromstring(text).iter(f"{MAIN}row"))]
            for name, text in zip(names, files, strict=True)
        }


def cells(line: ET.Element) -> list[Any]:
    return [(cell.get("t", "n"), "".join(cell.itertext())) for cell in line]


async def test_a_workbook_has_numbers_dates_and_text() -> None:
    """A day is its number since 1899-12-30; a title has its unit; nothing stands for null; text is no formula."""
    found = sheets(await xlsx.as_xlsx(SALES, GENERATION, chunks(row(), row("=1+1")), PARIS))
    heading, first, second = found["Rows"]
    titles = ["Product", "Since", "Quantity (pieces)", "Revenue (EUR)", "Average (EUR)", "Rate (%)"]
    assert [text for _, text in heading] == titles
    days = (datetime(2026, 5, 1) - datetime(1899, 12, 30)).days  # noqa: DTZ001 - a spreadsheet knows no zone
    assert first == [("inlineStr", "Vélo de ville"), *[("n", text) for text in (f"{days}", "1234", "47747.70", "12.5")]]
    assert second[0] == ("inlineStr", "=1+1")
    assert [text for _, text in found["About"][1]] == ["Definition", "What was sold."]
    assert found["About"][2][1] == ("inlineStr", "2026-05-01 00:00:00 (Europe/Paris)")


async def test_more_rows_than_a_sheet_holds_go_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its heading."""
    monkeypatch.setattr(xlsx, "MOST_ROWS", 2)
    found = sheets(await xlsx.as_xlsx(SALES, GENERATION, chunks(row("a"), row("b"), row("c")), PARIS))
    assert {name: [line[0][1] for line in lines[1:]] for name, lines in found.items() if name != "About"} == {
        "Rows": ["a", "b"],
        "Rows 2": ["c"],
    }
