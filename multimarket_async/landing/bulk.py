"""Many files at once into a landing directory, each whole or not at all."""

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from multimarket_async.landing.directory import is_ours
from multimarket_async.landing.rename import LONGEST_NAME_BYTES, free_names, place


def drop_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Put files, name and content, into `folder`, in this order; a name that is taken becomes `<stem>.2.json`.

    Each is written without a name and then linked under its own: five system calls, two thirds of what a rename from
    a hidden name takes on ext4, and whoever is killed leaves nothing behind. See open(2), O_TMPFILE. OSError names
    the folder.
    """
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    try:
        put = _linked if _has_nameless_files(directory) else _renamed
        for name, content in files:
            put(folder, directory, name, content)
    finally:
        os.close(directory)


def count_waiting(folder: Path) -> int:
    """How many files of ours wait there; they are not looked at."""
    with os.scandir(folder) as entries:
        return sum(is_ours(entry.name) for entry in entries)


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
