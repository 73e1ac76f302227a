"""Query parameters from columns: `?channel=web&channel=mobile&month_from=2026-01&month_to=2026-03`.

A column given several times: any of these values. `<column>_from` and `<column>_to`: at least, at most. Several
columns: all of them. An empty value is null, where a column can be null. `from` and `to` are those of the first time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema, create_model

from multimarket_async.domains import Column, Row

INT64 = 2**63
RANGE = {"_from": "at least", "_to": "at most"}
PERIOD = {"from": "_from", "to": "_to"}


def _moment(text: Any) -> datetime:
    """An instant in ISO 8601; UTC where it has no zone."""
    try:
        given = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a + in a URL is a space
        return given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Expected a time such as 2026-05-01T12:00:00Z") from None


def _digits(text: Any) -> Any:
    """A number as JSON writes it: Python would take 1_000 and digits of other scripts too."""
    if isinstance(text, str) and ("_" in text or not text.isascii()):
        raise ValueError("Expected a number")
    return text


def _nullable(value: Any) -> Any:
    """The type, or null for an empty text; its schema is that of the type: a query has no null."""
    schema = WithJsonSchema(TypeAdapter(value).json_schema())
    return Annotated[value | None, BeforeValidator(lambda text: None if text == "" else text), schema]


Int64 = Annotated[int, BeforeValidator(_digits), Field(ge=-INT64, lt=INT64, json_schema_extra={"format": "int64"})]
Instant = Annotated[datetime, BeforeValidator(_moment)]
Double = Annotated[float, BeforeValidator(_digits), Field(allow_inf_nan=False)]
TYPES: Mapping[str, Any] = {
    "string": str, "integer": Int64, "double": Double, "date": Instant,
    "boolean": bool, "money": Int64, "percent": Double,
}  # fmt: skip


def query_model(name: str, columns: Sequence[Column], others: Mapping[str, Any], *, ranges: bool = True) -> Any:
    """The model of a query: any values of the columns, their ranges, and other fields; nothing else is accepted."""
    fields = dict(others)
    for column in columns:
        value = TYPES[column.type]
        item: Any = _nullable(value) if column.nullable else value
        fields[column.name] = (list[item], Field(None, description=f"{column.title}; any of these."))
        for ending in _ranges(column, columns) if ranges else ():
            fields[column.name + ending] = (value, Field(None, description=f"{column.title}: {RANGE[ending]}."))
    if ranges and (time := _time(columns)):
        for key, ending in PERIOD.items():
            fields[key] = (TYPES[time.type], Field(None, description=f"{time.title}: {RANGE[ending]}."))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _ranges(column: Column, columns: Iterable[Column]) -> list[str]:
    """The endings that make no name of another column."""
    names = {other.name for other in columns}
    return [ending for ending in RANGE if column.name + ending not in names]


def _time(columns: Sequence[Column]) -> Column | None:
    """The time that `from` and `to` are of."""
    if any(column.name in PERIOD for column in columns):
        return None
    return next((column for column in columns if column.role == "time"), None)


def selected(query: BaseModel, columns: Sequence[Column], rows: Iterable[Row]) -> list[Row]:
    """The rows that a query of these columns asks for, in their order."""
    given = query.model_dump(exclude_unset=True)
    bounds = [(column.name, ending, column.name + ending) for column in columns for ending in _ranges(column, columns)]
    time = _time(columns)
    bounds += [(time.name, ending, key) for key, ending in PERIOD.items()] if time else []
    bounds = [(name, ending, given[key]) for name, ending, key in bounds if key in given]
    among = {column.name: given[column.name] for column in columns if column.name in given}
    return [
        row
        for row in rows
        if all(row.get(name) in values for name, values in among.items())
        and all(_within(row.get(name), ending, bound) for name, ending, bound in bounds)
    ]


def _within(value: Any, ending: str, bound: Any) -> bool:
    """On this side of the bound; a period as text such as 2026-03 ends with the last day in it."""
    if value is None:
        return False
    if ending == "_from":
        return bool(value >= bound)
    return bool(value <= bound) or (isinstance(value, str) and value.startswith((f"{bound}-", f"{bound}T")))


def rows_model(
    name: str, columns: Iterable[Column], head: Mapping[str, Any], *, regrouped: bool = False
) -> type[BaseModel]:
    """For OpenAPI: an object with rows of these columns. regrouped: or with rows of some of them."""
    fields: dict[str, Any] = {}
    for column in columns:
        kind = TYPES[column.type] | None if column.nullable else TYPES[column.type]
        unit = f", {column.unit}" if column.unit else ""
        fields[column.name] = (kind, Field(description=f"{column.title}{unit}"))
    row: Any = create_model(f"{name}_row", **fields)
    if regrouped:
        parts: dict[str, Any] = {key: (kind, None) for key, (kind, _) in fields.items()}
        row |= create_model(f"{name}_regrouped", **parts)
    return create_model(name, **{**head, "rows": (list[row], ...)})
