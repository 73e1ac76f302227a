"""Lines of logs that name a person or one of their files: overwritten where they are, while others write on."""

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from multimarket_async.erasure.person import Person

ERASED = b'{"event":"line.erased"}'


def theirs(person: Person, names: Collection[str]) -> Callable[[bytes], bool]:
    """A test of a line. names: of files, and the keys of documents."""
    known = frozenset(names)

    def is_theirs(line: bytes) -> bool:
        return any(text in known or person.is_quoted_in(text) or known & {*text.split()} for text in _texts(line))

    return is_theirs


def _texts(line: bytes) -> Iterator[str]:
    """The texts of a line of JSON, but its time and its event; or the whole line."""
    try:
        yield from _within(json.loads(line))
    except (ValueError, RecursionError):
        yield line.decode("utf-8", "replace")


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _within(inner)


def found(folders: Collection[Path], is_theirs: Callable[[bytes], bool]) -> int:
    """The number of such lines in the logs of these folders."""
    return sum(is_theirs(line) for path in logs(folders) for _, line in lines(path))


def overwrite(folders: Collection[Path], is_theirs: Callable[[bytes], bool]) -> None:
    """Overwrite such lines. A file keeps its length, so a process that appends to it, or rotates it, is not disturbed.

    Raises OSError.
    """
    for path in logs(folders):
        overwrite_in(path, is_theirs)


def overwrite_in(path: Path, is_theirs: Callable[[bytes], bool]) -> None:
    """The same in one file."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        for place, line in lines(path):
            if is_theirs(line):
                file.seek(place)
                file.write(ERASED[: len(line)].ljust(len(line)))
        file.flush()
        os.fsync(file.fileno())


def logs(folders: Collection[Path]) -> Iterator[Path]:
    """The logs in these folders."""
    for folder in folders:
        yield from (path for path in sorted(folder.glob("*.*")) if ".jsonl" in path.name or ".log" in path.name)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines without their ends, each with its place in the file."""
    place = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            yield place, line.rstrip(b"\n")
            place += len(line)
