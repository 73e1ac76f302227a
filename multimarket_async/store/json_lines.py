"""Documents as JSON, one a line, as DuckDB reads them: without an object of Python for each value.

Dates are text in UTC, beyond the years 1 to 9999 numbers. NaN, infinities and what JSON has no value for are null.
"""

from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import bson
import pydantic_core
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

_json: ModuleType | None
try:
    _json = import_module(f"{__package__}._json")
except ImportError:  # there was no C compiler where it was installed
    _json = None

MOST_NESTED = 200
ALIKE = frozenset({str, int, float, bool, bson.Int64})  # types that JSON has too
# Documents of others may hold dates beyond the year 9999, and broken text; and `$ref`, which is to stay a name.
LENIENT: CodecOptions[Any] = CodecOptions(
    document_class=RawBSONDocument,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


class Lines(NamedTuple):
    """Documents as JSON, each with its line end; and their number."""

    json: bytes
    documents: int


def lines(batch: bytes) -> Lines:
    """The documents of a batch, which lie one behind the other. Raises InvalidBSON.

    C (_json.c) does it without the interpreter lock, Python where it was not compiled.
    """
    try:
        json = _json.lines(batch) if _json else _lines(batch)
    except ValueError as error:
        raise InvalidBSON(str(error)) from error
    return Lines(json, json.count(b"\n"))


def _lines(batch: bytes) -> bytes:
    documents = (_plain(document, 0) for document in bson.decode_all(batch, LENIENT))
    return b"".join(pydantic_core.to_json(document, inf_nan_mode="null") + b"\n" for document in documents)


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
