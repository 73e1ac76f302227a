"""A KPI's rows for spreadsheets: their columns, and CSV as a spreadsheet of some language reads it.

Each amount is there once, in whole units with its decimals; instants are in the business time zone.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.domains import Column, Kpi, Row
from multimarket_async.readers import cells, tables

BOM = "\ufeff"


@dataclass(frozen=True)
class Language:
    """CSV as spreadsheets read it where this language is spoken. day: format of strftime."""

    delimiter: str
    decimal: str
    day: str


LANGUAGES = {"excel": Language(",", ".", "%Y-%m-%d"), "excel-fr": Language(";", ",", "%d/%m/%Y")}


@dataclass(frozen=True)
class Field:
    """A column of a spreadsheet. column: the one that has its values; amounts in it are in minor units."""

    name: str
    column: Column
    zone: ZoneInfo

    @property
    def title(self) -> str:
        """Its heading for people."""
        return f"{self.column.title} ({self.column.unit})" if self.column.unit else self.column.title

    def value(self, row: Row) -> Any:
        """Its value in this row: an amount in whole units, an instant as the clock shows it."""
        value = row.get(self.column.name)
        if value is not None and self.column.type == "money":
            return Decimal(value).scaleb(-self.column.digits)
        return value.astimezone(self.zone).replace(tzinfo=None) if isinstance(value, datetime) else value


def fields(columns: Sequence[Column], zone: ZoneInfo) -> list[Field]:
    """The columns of a spreadsheet."""
    return [Field(name, column, zone) for name, column in named(columns)]


def named(columns: Sequence[Column]) -> list[tuple[str, Column]]:
    """The columns without the doubles of exact amounts, whose names these take; an amount is not called minor."""
    names = {column.name for column in columns}
    doubles = {column.exact: column.name for column in columns if column.exact in names}
    kept = [column for column in columns if column.name not in doubles.values()]
    return [(doubles.get(column.name) or _unit_name(column, names), column) for column in kept]


def _unit_name(column: Column, names: set[str]) -> str:
    short = column.name.removesuffix("_minor")
    return column.name if column.type != "money" or short in names else short


def is_day(moment: datetime) -> bool:
    """An instant at which a day begins."""
    return moment.time() == time.min


async def as_csv(kpi: Kpi, chunks: AsyncIterator[list[Row]], language: Language, zone: ZoneInfo) -> AsyncIterator[str]:
    """A header with the names of the columns, a line per row; UTF-8 with a BOM, by which Excel knows it."""
    own = fields(kpi.columns, zone)
    yield BOM + _lines([[field.name for field in own]], language)
    async for chunk in chunks:
        lines = ([_text(field.column, field.value(row), language) for field in own] for row in chunk)
        yield await asyncio.to_thread(_lines, lines, language)


def _lines(lines: Iterable[Sequence[str]], language: Language) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=language.delimiter, lineterminator="\r\n").writerows(lines)
    return out.getvalue()


def _text(column: Column, value: Any, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:{language.day}}" + ("" if is_day(value) else f" {value:%H:%M:%S}")
    if column.is_number:
        return cells.decimals(value, column.digits).replace(".", language.decimal)
    return tables.inert(value) if isinstance(value, str) else str(value)
