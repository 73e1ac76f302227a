"""The text of a file: decompressed, decoded and cut into lines as it is read, and bounded."""

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import BinaryIO, NamedTuple

from multimarket_async.errors import Rejected
from multimarket_async.feeds import IncomingFile
from multimarket_async.formats.workbooks import ZIP, first_sheet

GZIP = b"\x1f\x8b"
BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
CHUNK_BYTES = 1 << 17
LINE_CHARS = 1 << 20
# Decompressed. One byte of gzip can hold a thousand, so the size of the file bounds nothing.
MAX_BYTES = 1 << 30


class Encoding(NamedTuple):
    """The encoding of a text, and the byte order mark before it."""

    name: str
    bom: bytes = b""


def chunks(file: IncomingFile, max_bytes: int, delimiter: str | None = None) -> Iterator[bytes]:
    """The bytes of a file, decompressed if it is gzip; of a workbook, its first sheet as CSV. Raises Rejected."""
    with file.open() as stream:
        start = stream.read(len(ZIP))
        stream.seek(0)
        if start == ZIP:
            yield from first_sheet(stream, max_bytes, delimiter or ",")
        else:
            yield from _bounded(gzip.GzipFile(fileobj=stream) if start.startswith(GZIP) else stream, max_bytes)


def _bounded(stream: BinaryIO | gzip.GzipFile, max_bytes: int) -> Iterator[bytes]:
    while chunk := _chunk(stream):
        max_bytes -= len(chunk)
        if max_bytes < 0:
            raise Rejected("file_too_large", "The file holds more bytes than its feed allows.")
        yield chunk


def _chunk(stream: BinaryIO | gzip.GzipFile) -> bytes:
    try:
        return stream.read(CHUNK_BYTES)
    except EOFError:
        raise Rejected("truncated", "The compressed file ends too early.", unfinished=True) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Rejected("damaged_gzip", f"The compressed file is damaged: {error}.") from None


def encoding_by_mark(start: bytes) -> Encoding | None:
    """The encoding that the byte order mark names, if there is one."""
    return next((Encoding(name, bom) for bom, name in BOMS.items() if start.startswith(bom)), None)


def decoded(content: Iterable[bytes], encoding: Encoding) -> Iterator[str]:
    """The text of these bytes, without its byte order mark. Raises Rejected at the first byte that is wrong."""
    decoder, skipped, lines = codecs.getincrementaldecoder(encoding.name)(), len(encoding.bom), 1
    try:
        for chunk in content:
            text = decoder.decode(chunk[skipped:])
            skipped, lines = 0, lines + text.count("\n")
            yield text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line = lines + error.object[: error.start].decode(encoding.name).count("\n")
        raise _wrong_encoding(error, encoding, line) from None


def _wrong_encoding(error: UnicodeDecodeError, encoding: Encoding, line: int) -> Rejected:
    sentence = f"The byte 0x{error.object[error.start]:02X} at line {line} is not {encoding.name} text."
    cut = "unexpected end" in error.reason or "truncated" in error.reason
    return Rejected("not_utf8" if encoding.name == "utf-8" else "wrong_encoding", sentence, line=line, unfinished=cut)


def lines(texts: Iterable[str]) -> Iterator[str]:
    """Physical lines with their ends, which are LF, CR LF or CR. Raises Rejected."""
    pending, number = "", 1
    for text in texts:
        pending += text
        # A CR at the end may be half of a CR LF.
        cut = max(pending.rfind("\n"), pending.rfind("\r", 0, -1)) + 1
        yield from StringIO(pending[:cut], newline="")
        number += pending.count("\n", 0, cut)
        pending = pending[cut:]
        if len(pending) > LINE_CHARS:
            sentence = f"Line {number} has more than {LINE_CHARS} characters."
            raise Rejected("line_too_long", sentence, line=number)
    yield from StringIO(pending, newline="")
