"""Standard streams that no text and no caller can break: open, and able to write every letter."""

import codecs
import io
import os
import sys
from pathlib import Path

from multimarket_async.errors import WrongSettings

ESCAPED = "multimarket.escaped"


def open_streams() -> None:
    """Open those that the caller has closed, and have letters escaped that an encoding lacks, as JSON escapes them."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # the lowest free descriptor is taken: that of the stream itself
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for good
    codecs.register_error(ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[place : place + 2].hex() for place in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


def put(data: bytes) -> None:
    """Write data to standard output as it is, whatever the encoding of texts."""
    if binary := getattr(sys.stdout, "buffer", None):
        sys.stdout.flush()
        binary.write(data)
        binary.flush()
    else:
        sys.stdout.write(data.decode())


def write_file(file: Path, text: str, option: str, *, create_folder: bool = False) -> None:
    """Write a file that an option names. Raises WrongSettings."""
    try:
        if create_folder:
            file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as error:
        raise WrongSettings(f"{option} {file}: {error.strerror}. Name another one.") from error
