"""A KPI's rows as a workbook (xlsx), by XlsxWriter: numbers are numbers, dates are dates, text is never a formula."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from multimarket_async import generations
from multimarket_async.domains import Column, Kpi, Row
from multimarket_async.readers.spreadsheets import Field, fields, is_day

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_575  # of a sheet, below its heading
DAY = "yyyy-mm-dd"


async def as_xlsx(kpi: Kpi, generation: dict[str, Any], chunks: AsyncIterator[list[Row]], zone: ZoneInfo) -> bytes:
    """A workbook: the rows, on as many sheets as they need, and a sheet that says what they are."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - loaded for the first such file

    out = io.BytesIO()
    with Workbook(out, {"constant_memory": True, "nan_inf_to_errors": True}) as book:
        book.set_properties({"created": generation["computed_at"]})  # the same bytes for each part of the file
        table = _Table(book, fields(kpi.columns, zone))
        async for chunk in chunks:
            await asyncio.to_thread(table.add, chunk)
        _describe(book.add_worksheet("About"), kpi, generation, zone)
    return out.getvalue()


class _Table:
    """Rows on sheets; a sheet is written row by row, and not kept."""

    def __init__(self, book: "Workbook", own: Sequence[Field]) -> None:
        self._book = book
        self._own = own
        self._bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._formats = [book.add_format({"num_format": _number_format(field.column)}) for field in own]
        self._day, self._moment = [book.add_format({"num_format": shown}) for shown in (DAY, f"{DAY} hh:mm:ss")]
        self._begin()

    def add(self, rows: Iterable[Row]) -> None:
        """Write these rows below those before."""
        for row in rows:
            if self._filled == MOST_ROWS:
                self._begin()
            self._filled += 1
            for place, (field, style) in enumerate(zip(self._own, self._formats, strict=True)):
                self._write(place, field.value(row), style)

    def _write(self, place: int, value: Any, style: "Format") -> None:
        match value:
            case None:
                return
            case str():
                self._sheet.write_string(self._filled, place, value)
            case bool():
                self._sheet.write_boolean(self._filled, place, value)
            case datetime():
                self._sheet.write_datetime(self._filled, place, value, self._day if is_day(value) else self._moment)
            case _:
                self._sheet.write_number(self._filled, place, value, style)

    def _begin(self) -> None:
        sheets = len(self._book.worksheets())
        self._sheet, self._filled = self._book.add_worksheet(f"Rows {sheets + 1}" if sheets else "Rows"), 0
        self._sheet.freeze_panes(1, 0)
        for place, field in enumerate(self._own):
            self._sheet.set_column(place, place, _width(field))
            self._sheet.write_string(0, place, field.title, self._bold)


def _number_format(column: Column) -> str:
    if not column.is_number:
        return "General"
    return "#,##0" + ("." + "0" * column.digits if column.digits else "")


def _width(field: Field) -> int:
    least = 30 if field.column.type == "string" and field.column.role != "time" else 14
    return max(least, *map(len, field.title.split()))


def _describe(sheet: "Worksheet", kpi: Kpi, generation: dict[str, Any], zone: ZoneInfo) -> None:
    for row, (word, text) in enumerate(_facts(kpi, generation, zone)):
        sheet.write_string(row, 0, word)
        sheet.write_string(row, 1, text)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 100)


def _facts(kpi: Kpi, generation: dict[str, Any], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    yield "KPI", kpi.title
    yield "Definition", kpi.definition
    yield "As of", f"{generation['as_of'].astimezone(zone):%Y-%m-%d %H:%M:%S} ({zone.key})"
    yield "Generation", str(generation["_id"])
    if why := generations.error(kpi, generation):
        yield "Stale", why
