"""Disk use of the directories of a feed: blocks on the disk, of whatever lies there."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from multimarket_async.landing.directory import TICK_NS, Landing

BLOCK_BYTES = 512  # of st_blocks


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes on the disk, by place."""

    waiting: int = 0
    archive: int = 0
    quarantine: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.archive + self.quarantine


class UsageReader:
    """Reads the disk use of one feed. A day of the archive in which nothing changed is not read again."""

    def __init__(self, landing: Landing) -> None:
        self.landing = landing
        self._days: dict[str, tuple[int, int]] = {}

    def read(self) -> Usage:
        """The disk use now; what cannot be listed is left out."""
        landing = self.landing
        return Usage(_bytes_in(landing.sources), self._archive(), _bytes_in(landing.quarantine.folder))

    def _archive(self) -> int:
        known, self._days = self._days, {}
        packs = 0
        for entry in _entries(self.landing.archived):
            with suppress(FileNotFoundError):  # somebody removes it just now
                status = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    settled = time.time_ns() - status.st_mtime_ns > TICK_NS
                    same = known.get(entry.name, (0, 0))[0] == status.st_mtime_ns
                    size = known[entry.name][1] if same else _bytes_in(Path(entry.path))
                    self._days[entry.name] = (status.st_mtime_ns if settled else 0, size)
                else:
                    packs += status.st_blocks * BLOCK_BYTES
        return packs + sum(size for _, size in self._days.values())


def _bytes_in(folder: Path) -> int:
    """The files of a folder and of those in it."""
    found, folders = 0, [folder]
    while folders:
        for entry in _entries(folders.pop()):
            with suppress(FileNotFoundError):
                found += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from entries
