"""Parts of a query that change which columns an answer has: `?by=month,store`, `?amounts=units`, `?for=excel-fr`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from multimarket_async.domains import Column, Kpi, Row
from multimarket_async.readers.exports import FOR, For
from multimarket_async.readers.regrouping import Regrouping

REGROUPING = (
    "`by` adds the rows up by these columns: sums are added, a ratio is that of the sums, and what cannot be regrouped "
    "(a rank, a maximum, a share of all) is left out. Filters come first."
)
BY = "Columns, one or several separated by commas, by which the rows are added up; empty: one row of all."
AMOUNTS = "Money in `minor` units of its currency, exactly, or in whole `units`."


def choices(columns: Sequence[Column]) -> dict[str, Any]:
    """The fields of a query for these columns."""
    groups = tuple(column.name for column in columns if column.role in ("key", "time"))
    fields: dict[str, Any] = {"amounts": (Literal["minor", "units"], Field("minor", description=AMOUNTS))}
    if groups and all(column.name != "by" for column in columns):
        fields["by"] = (_by(groups), Field(None, description=BY))
    return fields


def _by(groups: tuple[str, ...]) -> Any:
    """A list of names of these columns; with commas, too."""

    def split(given: list[str]) -> list[str]:
        names = [name for text in given for name in text.split(",") if name]
        unknown = [name for name in names if name not in groups]
        if unknown:
            raise ValueError(f"Rows can be added up by {', '.join(groups)}, not by {unknown[0][:100]}")
        return list(dict.fromkeys(names))

    return Annotated[list[str], BeforeValidator(split), Field(json_schema_extra={"items": {"enum": [*groups, ""]}})]


def spreadsheet(columns: Sequence[Column]) -> dict[str, Any]:
    """The field of a query for CSV that says which spreadsheet it is for; none where a column has its name."""
    return {} if any(column.name == "for" for column in columns) else {"for": (For, Field(None, description=FOR))}


def language(query: BaseModel) -> For | None:
    """The spreadsheet that the answer is for."""
    named: For | None = query.model_dump(include={"for"}, exclude_unset=True).get("for")
    return named


def asked_for(
    kpi: Kpi, query: BaseModel, chunks: AsyncIterator[list[Row]], name: str
) -> tuple[Kpi, AsyncIterator[list[Row]]]:
    """The KPI with the columns of the answer, in this format, and its rows."""
    given = query.model_dump(exclude_unset=True)
    if given.get("by") is not None:
        regrouping = Regrouping(kpi.columns, given["by"])
        kpi, chunks = replace(kpi, columns=regrouping.columns), _added_up(regrouping, chunks)
    if given.get("amounts") == "units":
        digits = {column.name: column.digits for column in kpi.columns if column.type == "money"}
        kpi, chunks = replace(kpi, columns=_in_units(kpi.columns)), _units(digits, chunks, name)
    return kpi, chunks


async def _added_up(regrouping: Regrouping, chunks: AsyncIterator[list[Row]]) -> AsyncIterator[list[Row]]:
    async for chunk in chunks:
        await asyncio.to_thread(regrouping.add, chunk)
    yield regrouping.rows()


def _in_units(columns: Sequence[Column]) -> tuple[Column, ...]:
    return tuple(replace(column, type="double") if column.type == "money" else column for column in columns)


async def _units(digits: dict[str, int], chunks: AsyncIterator[list[Row]], name: str) -> AsyncIterator[list[Row]]:
    """Amounts as decimals; as doubles in JSON."""
    number = float if name == "json" else Decimal

    def units(row: Row) -> Row:
        amounts = {key: Decimal(row[key]).scaleb(-places) for key, places in digits.items() if row.get(key) is not None}
        return row | {key: number(amount) for key, amount in amounts.items()}

    async for chunk in chunks:
        yield [units(row) for row in chunk]
