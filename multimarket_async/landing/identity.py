"""The identity of the archive of a data folder: what is stored names it, as several may share one MongoDB."""

import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from multimarket_async.landing.rename import rename_new

NAME = ".archive-id"


@dataclass(frozen=True, slots=True)
class ArchiveIdentity:
    """id: "" before a collecting process has made one. before: files by feed that were archived before that."""

    id: str = ""
    before: Mapping[str, int] = field(default_factory=dict)


def read_identity(data_dir: Path) -> ArchiveIdentity:
    """The identity, if there is one."""
    try:
        found = json.loads((data_dir / NAME).read_bytes())
        return ArchiveIdentity(str(found["id"]), {str(feed): int(files) for feed, files in found["before"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ArchiveIdentity()


def make_identity(data_dir: Path) -> ArchiveIdentity:
    """The identity, made if there is none; of several processes that make one at the same time one does."""
    if not (found := read_identity(data_dir)).id:
        feeds = [folder for folder in (data_dir / "archive").glob("*") if folder.is_dir()]
        before = {feed.name: sum(path.is_file() for path in feed.rglob("*")) for feed in feeds}
        part = data_dir / f".{uuid.uuid4().hex}.part"
        part.write_text(json.dumps({"id": uuid.uuid4().hex[:12], "before": before}), "utf-8")
        try:
            _publish(part, data_dir / NAME)
        finally:
            part.unlink(missing_ok=True)
        found = read_identity(data_dir)
    return found


def _publish(part: Path, target: Path) -> None:
    """A damaged one is replaced."""
    if target.exists() and not read_identity(target.parent).id:
        os.replace(part, target)  # noqa: PTH105 - as beside it
        return
    with suppress(FileExistsError):
        rename_new(part, target)
