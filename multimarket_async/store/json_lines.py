"""Fields of documents as JSON, a document a line, as DuckDB reads it: without an object of Python for each value.

Dates are text in UTC, beyond the years 1 to 9999 numbers. NaN, infinities and what JSON has no value for are null.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import bson
import pydantic_core
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

from multimarket_async.compiled import compiled_module
from multimarket_async.errors import OperationFailed

_json = compiled_module(f"{__package__}._json", "lines")

MOST_NESTED = 200
MISSING = object()
ALIKE = frozenset({str, int, float, bool, bson.Int64})  # types that JSON has too
# Documents of others may hold dates beyond the year 9999, and broken text; and `$ref`, which is to stay a name.
LENIENT: CodecOptions[Any] = CodecOptions(
    document_class=RawBSONDocument,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


class Field(NamedTuple):
    """A value of a document under a name. is_instant: rather whether it is a date.

    path: as in an aggregation. Through an array it leads to the array of what is in its documents. A document that has
    nothing there has no such field.
    """

    name: str
    path: str
    is_instant: bool = False


class Lines(NamedTuple):
    """Documents as JSON, each with its line end; and their number."""

    json: bytes
    documents: int


def lines(batch: bytes, fields: Sequence[Field]) -> Lines:
    """The documents of a batch, which lie one behind the other. Raises OperationFailed.

    C (_json.c) does it without the interpreter lock, Python where it was not compiled.
    """
    try:
        json = _json.lines(batch, _for_c(fields)) if _json else _lines(batch, fields)
    except (ValueError, InvalidBSON) as error:
        raise OperationFailed(f"a document is not valid BSON: {error}") from error
    return Lines(json, json.count(b"\n"))


def _for_c(fields: Sequence[Field]) -> tuple[tuple[bytes, bytes, bool], ...]:
    """The name as JSON, and the path with a zero byte behind each name."""
    named = [(pydantic_core.to_json(field.name) + b":", field.path.split(".")) for field in fields]
    paths = ["".join(f"{part}\0" for part in path).encode() for _, path in named]
    return tuple((name, path, field.is_instant) for (name, _), path, field in zip(named, paths, fields, strict=True))


def _lines(batch: bytes, fields: Sequence[Field]) -> bytes:
    documents = (_chosen(document, fields) for document in bson.decode_all(batch, LENIENT))
    return b"".join(pydantic_core.to_json(document, inf_nan_mode="null") + b"\n" for document in documents)


def _chosen(document: Any, fields: Sequence[Field]) -> dict[str, Any]:
    found = {field: _at(document, field.path.split("."), is_instant=field.is_instant) for field in fields}
    return {field.name: value for field, value in found.items() if value is not MISSING}


def _at(value: Any, path: list[str], *, is_instant: bool) -> Any:
    if not path:
        return isinstance(value, datetime | bson.DatetimeMS) if is_instant else _plain(value, 1)
    if isinstance(value, RawBSONDocument):
        return _at(value[path[0]], path[1:], is_instant=is_instant) if path[0] in value else MISSING
    if isinstance(value, list):
        found = [_at(item, path, is_instant=is_instant) for item in value if isinstance(item, RawBSONDocument)]
        return [item for item in found if item is not MISSING]
    return MISSING


def _plain(value: Any, depth: int) -> Any:
    """The value as JSON has it."""
    if type(value) in ALIKE:
        return value
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value] if depth <= MOST_NESTED else None
    if isinstance(value, RawBSONDocument):
        return {name: _plain(item, depth + 1) for name, item in value.items()} if depth <= MOST_NESTED else None
    return _text(value)


def _text(value: Any) -> str | int | None:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, bson.DatetimeMS):
        return int(value)
    return str(value) if isinstance(value, bson.ObjectId) else None
