"""Archived files, as they were received or compressed since by somebody."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from multimarket_async.landing.waiting import is_ours

COMPRESSED = ".gz"


def is_compressed(name: str, suffixes: tuple[str, ...]) -> bool:
    """True if it was compressed here: it is not one of the feed's own suffixes."""
    return name.lower().endswith(COMPRESSED) and not is_ours(name, suffixes)


def received_name(path: Path, suffixes: tuple[str, ...]) -> str:
    """The name that it was received with."""
    return path.name[: -len(COMPRESSED)] if is_compressed(path.name, suffixes) else path.name


def open_archived(path: Path, suffixes: tuple[str, ...]) -> BinaryIO:
    """Its bytes as they were received. Raises OSError, EOFError."""
    return cast("BinaryIO", gzip.open(path)) if is_compressed(path.name, suffixes) else path.open("rb")


def received_at(path: Path) -> datetime:
    """The last change of its content, which the archive and gzip keep. Raises OSError."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
