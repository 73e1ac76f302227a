"""Many files at once: looked at, read, moved, delivered.

The work is done in C (_bulk.c), which gives the interpreter lock back once for all files of a call: in Python each
system call takes and gives it, and other threads wait. A file about which anything is unusual is left as it was, for
the careful way (`Landing`, `read`, `_linked`) to find out what it is; so are all files where `_bulk` was not compiled.
"""

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType

from multimarket_async.landing.rename import LONGEST_NAME_BYTES, free_names, place
from multimarket_async.landing.waiting import WaitingFile, is_ours

_bulk: ModuleType | None
try:
    _bulk = import_module(f"{__package__}._bulk")
except ImportError:  # there was no C compiler where it was installed
    _bulk = None

_new = tuple.__new__  # WaitingFile(*fields) takes twice the time


class Moved(IntEnum):
    """What became of a file that was to be moved. ANOTHER: one that had taken its name in that very moment was."""

    NO = 0
    YES = 1
    ANOTHER = 2


_MOVED = tuple(Moved)


def compiled() -> bool:
    """Whether the work is done in C here."""
    return _bulk is not None


def look_at_all(folder: str, names: list[str]) -> tuple[list[WaitingFile], list[str]]:
    """What lies under these names; and those under which nothing was seen."""
    if _bulk is not None:
        with suppress(OSError), _opened(folder) as directory:
            found = _bulk.look(directory, folder, names)
            unseen = [name for name, one in zip(names, found, strict=True) if one is None] if None in found else []
            return [_new(WaitingFile, one) for one in found if one], unseen
    return [], names


def read_all(folder: str, files: list[WaitingFile], most_bytes: int) -> list[bytes | None]:
    """The contents of regular files of at most `most_bytes` that have the size they had; None: not read."""
    if _bulk is not None:
        with suppress(OSError), _opened(folder) as directory:
            contents: list[bytes | None] = _bulk.read(directory, files, most_bytes)
            return contents
    return [None] * len(files)


def move_all(source: str, target: str, files: list[WaitingFile]) -> list[Moved]:
    """Move files from folder to folder, never over another one, if they are as they were seen, and look again there."""
    if _bulk is not None:
        with suppress(OSError), _opened(source) as old, _opened(target) as new:
            return [_MOVED[outcome] for outcome in _bulk.move(old, new, files)]
    return [Moved.NO] * len(files)


def deliver_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Put files, name and content, into `folder`, in this order; a name that is taken becomes `<stem>.2.json`.

    Each is written without a name and then linked under its own: four system calls, two thirds of what a rename from
    a hidden name takes on ext4, and whoever is killed leaves nothing behind. See open(2), O_TMPFILE. OSError names
    the folder.
    """
    with _opened(str(folder)) as directory:
        put = _linked if _has_nameless_files(directory) else _renamed
        waiting = list(files)
        while waiting:
            del waiting[: _delivered(directory, waiting) if put is _linked else 0]
            for name, content in waiting[:1]:
                put(folder, directory, name, content)
            del waiting[:1]


def _delivered(directory: int, files: list[tuple[str, bytes]]) -> int:
    """How many of them are there now, from the first one on."""
    return sum(_bulk.deliver(directory, files)) if _bulk is not None else 0


def count_waiting(folder: Path) -> int:
    """How many files of ours wait there; they are not looked at."""
    with os.scandir(folder) as entries:
        return sum(is_ours(entry.name) for entry in entries)


@contextmanager
def _opened(folder: str) -> Iterator[int]:
    """A descriptor of the folder: with it, names are looked up in one step."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def torn(folder: Path, name: str, content: bytes) -> Iterator[None]:
    """A file as careless systems write it: under its own name from the first byte on, the second half at the end."""
    with (folder / name).open("xb", buffering=0) as file:
        _write(file.fileno(), content[: len(content) // 2])
        try:
            yield
        finally:
            _write(file.fileno(), content[len(content) // 2 :])


def _has_nameless_files(directory: int) -> bool:
    """Not every file system has them, nor any system but Linux; /proc gives them their name."""
    try:
        descriptor = _nameless(directory)
    except (AttributeError, OSError):
        return False
    try:
        return os.path.exists(_path_of(descriptor))  # noqa: PTH110 - a link of /proc, to be looked through
    finally:
        os.close(descriptor)


def _nameless(directory: int) -> int:
    return os.open(".", os.O_WRONLY | os.O_TMPFILE, 0o666, dir_fd=directory)


def _path_of(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _linked(folder: Path, directory: int, name: str, content: bytes) -> None:
    try:
        descriptor = _nameless(directory)
        try:
            _write(descriptor, content)
            _name(descriptor, directory, name)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder / name)) from error


def _name(descriptor: int, directory: int, name: str) -> None:
    for candidate in free_names(name, LONGEST_NAME_BYTES):
        with suppress(FileExistsError):
            return os.link(_path_of(descriptor), candidate, dst_dir_fd=directory)
    raise AssertionError("free_names never ends")


def _renamed(folder: Path, _: int, name: str, content: bytes) -> None:
    hidden = folder / f".{uuid.uuid4().hex}.part"
    try:
        hidden.write_bytes(content)
        place(str(hidden), str(folder), name)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def _write(descriptor: int, content: bytes) -> None:
    while content:  # a disk that fills up takes a part, and refuses the rest
        content = content[os.write(descriptor, content) :]
