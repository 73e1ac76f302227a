"""Workbooks (.xlsx): the first sheet as the CSV text that a spreadsheet would save.

A cell is written as its value, not as it is shown: dates as 2026-05-12, numbers with a decimal point.
"""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any, BinaryIO

from multimarket_async.errors import Rejected

ZIP = b"PK\x03\x04"
ROWS = 1000
INSTALL = "pip install 'multimarket-async[xlsx]'"


def first_sheet(stream: BinaryIO, max_bytes: int, delimiter: str) -> Iterator[bytes]:
    """The rows, in UTF-8 behind a byte order mark. max_bytes: of what is in the workbook. Raises Rejected."""
    _check_size(stream, max_bytes)
    yield codecs.BOM_UTF8
    rows = _rows(stream)
    for start in range(0, len(rows), ROWS):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        writer.writerows(map(_text, row) for row in rows[start : start + ROWS])
        yield text.getvalue().encode("utf-8", "replace")


def _check_size(stream: BinaryIO, max_bytes: int) -> None:
    """Raises Rejected: a small archive can hold very much."""
    try:
        with zipfile.ZipFile(stream) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Rejected("damaged_workbook", f"The workbook is damaged: {error}.", unfinished=True) from None
    stream.seek(0)
    if size > max_bytes:
        raise Rejected("file_too_large", "The workbook holds more bytes than its feed allows.")


def _rows(stream: BinaryIO) -> list[list[Any]]:
    try:
        from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - an extra
    except ImportError:
        raise Rejected("no_workbook_reader", f"Workbooks are read with an extra: {INSTALL}.") from None
    try:
        return CalamineWorkbook.from_filelike(stream).get_sheet_by_index(0).to_python()
    except (CalamineError, IndexError, OSError, ValueError) as error:
        raise Rejected("damaged_workbook", f"The workbook is damaged: {error}.") from None


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() > time() else value.date().isoformat()
    return str(value)
