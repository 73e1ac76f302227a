"""Lines of a list of rejected records: written, read, and made into a file again."""

import codecs
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from multimarket_async.errors import CannotContinue, Rejected
from multimarket_async.files_io import open_itself

UTF8 = "utf-8"
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}  # of a head in another encoding
_NOT_UTF8 = re.compile(rb"\\x([89a-f][0-9a-f])")  # a byte, as it is shown in the text


class RejectedRecord(Protocol):
    """A record that is not stored, as a feed gives it: see `feeds.RejectedRecord`."""

    @property
    def reasons(self) -> Sequence[Rejected]:
        """All of them."""

    @property
    def line(self) -> int:
        """Its line in the file, from 1."""

    @property
    def raw(self) -> bytes:
        """Its bytes."""

    @property
    def head(self) -> bytes:
        """The bytes that stand before it in a file, such as the header of a CSV file."""


def fields(record: RejectedRecord) -> dict[str, Any]:
    """A record as it is written."""
    encoding = next((name for mark, name in _MARKS.items() if record.head.startswith(mark)), UTF8)
    texts = {**_text_fields("raw", record.raw, encoding), **_text_fields("head", record.head, encoding)}
    texts |= {} if encoding == UTF8 else {"encoding": encoding}
    return {"line": record.line, **texts, "reasons": [described(reason) for reason in record.reasons]}


def encoded(line: dict[str, Any]) -> bytes:
    """A line of JSON; half a character of UTF-16 is escaped, as nothing else can hold it."""
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def described(rejected: Rejected) -> dict[str, Any]:
    """A reason as it is written: its code, its sentence and its place."""
    names = ("code", "sentence", "pointer", "line", "column")
    return {name: getattr(rejected, name) for name in names}


def _text_fields(name: str, content: bytes, encoding: str) -> dict[str, str]:
    """Bytes as text; those that are no text are kept as well."""
    text = content.decode(encoding, "backslashreplace")
    if text.encode(encoding) == content:
        return {name: text}
    return {name: text, f"{name}_base64": b64encode(content).decode()}


def _ended(record: dict[str, Any], name: str) -> bytes:
    """The bytes of a field, ended by a newline; none of an empty one."""
    named = record.get("encoding")
    encoding = str(named) if named in _MARKS.values() else UTF8
    content, newline = _bytes(record, name, encoding), "\n".encode(encoding)
    return content if not content or content.endswith(newline) else content + newline


def _bytes(record: dict[str, Any], name: str, encoding: str) -> bytes:
    """The text of a field, which may have been corrected; if it was not, the bytes that it stands for."""
    text, content = record[name], cast("str", record[name]).encode(encoding, "backslashreplace")
    with suppress(KeyError, ValueError, TypeError):
        original = b64decode(record[f"{name}_base64"])
        return original if original.decode(encoding, "backslashreplace") == text else _NOT_UTF8.sub(_byte, content)
    return content


def _byte(shown: re.Match[bytes]) -> bytes:
    return bytes.fromhex(shown[1].decode())


def content_of(path: Path) -> Iterator[bytes]:
    """The records of a list as a file: the head, then each record, each ended by a newline."""
    number = 0
    for number, record in enumerate(records_of(path), start=1):
        if not (isinstance(record.get("raw"), str) and isinstance(record.setdefault("head", ""), str)):
            raise CannotContinue(f"Line {number} of {path} has no text `raw`: correct the line, or delete it.")
        for name in ("head", "raw") if number == 1 else ("raw",):
            yield _ended(record, name)
    if not number:
        raise CannotContinue(f"{path} lists no record.")


def listed(path: Path) -> Iterator[bytes]:
    """The bytes of each record of a list, as they were received or corrected since. Raises OSError."""
    for record in records_of(path):
        has_text = isinstance(record.get("raw"), str)
        yield _bytes(record, "raw", str(record.get("encoding", UTF8))) if has_text else json.dumps(record).encode()


def records_of(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a list, one by one. Raises OSError."""
    with _opened(path) as file:
        yield from (_record(line) for line in file if not line.isspace())


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return _damaged()
    return record if isinstance(record, dict) else _damaged()


def _damaged() -> dict[str, Any]:
    return {"reasons": [{"code": "unknown", "sentence": "this line of the list is damaged"}]}


def code_of(record: dict[str, Any]) -> str:
    """The code of a record's first reason."""
    try:
        return str(record["reasons"][0]["code"])
    except (KeyError, IndexError, TypeError):
        return "unknown"


def _opened(path: Path) -> BinaryIO:
    """Open to read; neither a link nor a pipe can redirect or block us."""
    return open(open_itself(path), "rb")  # noqa: PTH123 - a descriptor has no path
