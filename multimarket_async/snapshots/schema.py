"""The schema that MongoDB enforces on generations: every column in every row, one type a column for ever."""

from collections.abc import Iterable
from typing import Any, TypeAlias

from multimarket_async.domains import Kpi

Schema: TypeAlias = dict[str, Any]
BSON_TYPES = {"string": "string", "integer": "long", "double": "double", "date": "date"}


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
    return _object({"title": text, "unit": text, "rows": {"bsonType": "array", "items": _object(row)}})


def _object(fields: dict[str, Schema]) -> Schema:
    required = {"required": list(fields)} if fields else {}  # an empty list is refused
    return {"bsonType": "object", **required, "properties": fields, "additionalProperties": False}
