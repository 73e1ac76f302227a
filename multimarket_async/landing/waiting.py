"""Files that wait in a landing directory."""

import os
import stat
from pathlib import Path
from typing import NamedTuple


class UnknownFiles(NamedTuple):
    """Entries of a landing directory that are not of its feed: their number, and the first of them by name."""

    files: int = 0
    example: str | None = None


class WaitingFile(NamedTuple):
    """A file of ours in the landing directory, as it was when it was looked at.

    where: its path as text (a Path would take longer to make than the file to read).
    bytes: its size. changed_ns: its last change (ctime: a rename counts, and nobody can fake it),
    in nanoseconds since 1970, so also the moment from which a delivered file could be seen.
    written_ns: the last change of its content (mtime), which a rename leaves alone.
    """

    where: str
    bytes: int
    changed_ns: int
    written_ns: int
    inode: int
    mode: int

    @property
    def path(self) -> Path:
        """Its path."""
        return Path(self.where)

    @property
    def folder(self) -> str:
        """The folder that it is in."""
        return self.where.rpartition("/")[0]

    @property
    def entry(self) -> str:
        """Its name in the directory, which may be any bytes."""
        return self.where.rpartition("/")[2]

    @property
    def name(self) -> str:
        """The file's name as text that any log, document or terminal can hold."""
        return printable(self.entry)

    def unchanged_since(self, earlier: "WaitingFile") -> bool:
        """True if nobody has written to it in between."""
        return (self.bytes, self.changed_ns) == (earlier.bytes, earlier.changed_ns)

    def is_at(self, path: str) -> bool:
        """True if this file, unwritten since, is at that path now."""
        status = os.lstat(path)
        found = (status.st_ino, status.st_size, status.st_mtime_ns)
        return found == (self.inode, self.bytes, self.written_ns)


def is_ours_alone(status: os.stat_result) -> bool:
    """True if nobody but this user, and its group, can write to the file, also through a descriptor opened before."""
    group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
    return status.st_uid == os.geteuid() and not group and not status.st_mode & stat.S_IWOTH


def is_ours(name: str, suffixes: tuple[str, ...]) -> bool:
    """True for a visible name with one of these suffixes, in capitals too; other files belong to somebody else."""
    return (name.endswith(suffixes) or name.lower().endswith(suffixes)) and not name.startswith(".")


def is_lock(name: str) -> bool:
    """True for the file by which Excel or Word says that it has a file of almost this name open."""
    return name.startswith("~$")


def is_hidden(name: str) -> bool:
    """True for a file that is being written, or that is of no interest to anybody here."""
    return name.startswith(".")


def suffix_of(name: str, suffixes: tuple[str, ...]) -> str:
    """The longest of these suffixes that the name has, spelled as there; "" if it has none."""
    lower = name.lower()
    return max((name[-len(suffix) :] for suffix in suffixes if lower.endswith(suffix)), key=len, default="")


def printable(name: str) -> str:
    """The name as text: a file name is any bytes, and those that are not UTF-8 are shown in hexadecimal."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")
