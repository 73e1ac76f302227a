"""What a request asks for, by columns: `?channel=web&channel=mobile&month_from=2026-01&month_to=2026-03`.

A column given several times: any of these values. `<column>_from` and `<column>_to`: at least, at most. Several
columns: all of them. An empty value is "none", where a column has rows without one.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from multimarket_async.domains import Column, Row
from multimarket_async.readers.http.problems import Problem

LONGEST_TEXT = 1000
INT64 = 2**63
NUMBER = {"type": "integer", "minimum": 1, "maximum": INT64 - 1}
JSON_TYPES: Mapping[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "format": "int64", "minimum": -INT64, "maximum": INT64 - 1},
    "double": {"type": "number", "format": "double"},
    "date": {"type": "string", "format": "date-time"},
}


@dataclass(frozen=True)
class Asked:
    """Accepted values, lowest and highest value, by name of the column."""

    among: dict[str, set[Any]] = field(default_factory=dict)
    lowest: dict[str, Any] = field(default_factory=dict)
    highest: dict[str, Any] = field(default_factory=dict)

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that are asked for, in their order."""
        return [row for row in rows if self._fits(row)]

    def _fits(self, row: Row) -> bool:
        return (
            all(row.get(name) in values for name, values in self.among.items())
            and all(_known(row, name) and row[name] >= least for name, least in self.lowest.items())
            and all(_known(row, name) and row[name] <= most for name, most in self.highest.items())
        )


def _known(row: Row, name: str) -> bool:
    return row.get(name) is not None


def asked(query: Sequence[tuple[str, str]], columns: Sequence[Column], *others: str) -> Asked:
    """What the query asks of these columns; `others` are names that mean something else. Raises Problem."""
    found, by_name = Asked(), {column.name: column for column in columns}
    for name, text in query:
        if name in others:
            continue
        if column := by_name.get(name):
            found.among.setdefault(name, set()).add(value(column, text))
        elif column := _of_range(name, "_from", by_name):
            found.lowest[column.name] = _bound(column, text, name)
        elif column := _of_range(name, "_to", by_name):
            found.highest[column.name] = _bound(column, text, name)
        else:
            raise wrong(f"There is no column {name[:100]}. There are: {', '.join([*by_name, *others])}.")
    return found


def _of_range(name: str, ending: str, columns: Mapping[str, Column]) -> Column | None:
    return columns.get(name.removesuffix(ending)) if name.endswith(ending) else None


def _bound(column: Column, text: str, name: str) -> Any:
    found = value(column, text)
    if found is None:
        raise wrong(f"{name} is empty. Expected {EXPECTED[column.type]}.")
    return found


def value(column: Column, text: str) -> Any:
    """A value of this column, from its text. Raises Problem."""
    if text == "" and column.nullable:
        return None
    try:
        return READ[column.type](text)
    except (ValueError, OverflowError):
        raise wrong(f"{column.name}: {text[:100]!r} is no value of it. Expected {EXPECTED[column.type]}.") from None


def moment(text: str) -> datetime:
    """An instant in ISO 8601; UTC where it has no zone. Raises ValueError."""
    given = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a + in a URL is a space
    return given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)


def wrong(sentence: str) -> Problem:
    """The request cannot be understood."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError
    return text


def _integer(text: str) -> int:
    number = int(text) if text.isascii() and "_" not in text else INT64
    if not -INT64 <= number < INT64:
        raise ValueError
    return number


def _double(text: str) -> float:
    number = float(text) if text.isascii() and "_" not in text else math.nan
    if not math.isfinite(number):
        raise ValueError
    return number


READ: Mapping[str, Callable[[str], Any]] = {"string": _text, "integer": _integer, "double": _double, "date": moment}
EXPECTED = {
    "string": "a text",
    "integer": "a whole number",
    "double": "a number",
    "date": "a time such as 2026-05-01T12:00:00Z",
}


def parameters(columns: Iterable[Column], *, ranges: bool = True) -> list[dict[str, Any]]:
    """For OpenAPI: how these columns can be asked for."""
    found: list[dict[str, Any]] = []
    columns = list(columns)
    taken = {column.name for column in columns}
    for column in columns:
        schema = JSON_TYPES[column.type]
        found.append(query(column.name, f"{column.title}; any of these.", {"type": "array", "items": schema}))
        for ending, word in (("_from", "at least"), ("_to", "at most")):
            if ranges and column.name + ending not in taken:
                found.append(query(column.name + ending, f"{column.title}: {word}.", schema))
    return found


def query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """For OpenAPI: one parameter."""
    return {"in": "query", "name": name, "description": description, "required": False, "schema": schema}


def row_schema(columns: Iterable[Column]) -> dict[str, Any]:
    """For OpenAPI: a row of these columns."""
    columns = list(columns)
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "properties": {column.name: _column_schema(column) for column in columns},
    }


def _column_schema(column: Column) -> dict[str, Any]:
    schema = JSON_TYPES[column.type]
    unit = f", {column.unit}" if column.unit else ""
    kind = [schema["type"], "null"] if column.nullable else schema["type"]
    return {**schema, "type": kind, "description": f"{column.title}{unit}"}
