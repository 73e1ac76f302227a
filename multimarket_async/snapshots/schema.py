"""The schema that MongoDB enforces on generations: every column in every row, one type a column for ever."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from multimarket_async.domains import Kpi, Row
from multimarket_async.snapshots.generations import SOURCE
from multimarket_async.store import Int64

Schema: TypeAlias = dict[str, Any]
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1  # whole numbers of BSON
BSON_TYPES = {
    "string": "string", "integer": "long", "double": "double", "date": "date",
    "boolean": "bool", "money": "long", "percent": "double",
}  # fmt: skip
PYTHON_TYPES: dict[str, type] = {
    "string": str, "integer": Int64, "double": float, "date": datetime,
    "boolean": bool, "money": Int64, "percent": float,
}  # fmt: skip


def schema(kpis: Iterable[Kpi], definition: str) -> Schema:
    """A $jsonSchema. Rows are checked where the generation is of this definition: another version has other KPIs."""
    tables = {kpi.name: _table(kpi) for kpi in kpis}
    documents = {"bsonType": "object", "additionalProperties": {"bsonType": "long"}}
    ours = {"kpis": _object(tables), "definition": {"enum": [definition]}, "documents": documents}
    theirs = {"definition": {"not": {"enum": [definition]}}}
    always = {"_id": "long", "as_of": "date", "computed_at": "date", "kpis": "object"}
    return {
        "bsonType": "object",
        "required": list(always),
        "properties": {name: {"bsonType": bson_type} for name, bson_type in always.items()},
        "anyOf": [{"properties": ours}, {"properties": theirs}],
    }


def _table(kpi: Kpi) -> Schema:
    types = {column: BSON_TYPES[column.type] for column in kpi.columns}
    row = {column.name: {"bsonType": [name, "null"] if column.nullable else name} for column, name in types.items()}
    text = {"bsonType": "string"}
    rows = {"bsonType": "array", "items": _object(row)}
    failed = {"error": text, "stale_since": {"bsonType": "date"}}
    elsewhere = {"rows_in": text, "count": {"bsonType": "long"}, "digest": text, SOURCE: text}
    return _object({"title": text, "unit": text, "rows": rows}, optional={**failed, **elsewhere})


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    needed = {"required": list(required)} if required else {}  # an empty list is refused
    return {"bsonType": "object", **needed, "properties": properties, "additionalProperties": False}


def mismatch(kpi: Kpi, rows: Sequence[Row]) -> str | None:
    """The first value that the schema refuses, in a sentence; None if there is none."""
    allowed = [
        (column, {PYTHON_TYPES[column.type], type(None)} if column.nullable else {PYTHON_TYPES[column.type]})
        for column in kpi.columns
    ]
    names = {column.name for column in kpi.columns}
    for number, row in enumerate(rows, start=1):
        if row.keys() != names:
            return f"Row {number} has the columns {', '.join(row) or 'none'} instead of {', '.join(sorted(names))}."
        for column, types in allowed:
            if (found := type(row[column.name])) not in types:
                given = "null" if found is type(None) else found.__name__
                return f"{column.name} of row {number} is {given}, declared as {column.type}."
            if found is Int64 and not LOWEST <= row[column.name] <= HIGHEST:
                return f"{column.name} of row {number} is {row[column.name]}, which takes more than 64 bits."
    return None
