"""Files that are removed because of their age, and their number: what is gone is known, also after a crash."""

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from multimarket_async.files_io import atomic_write
from multimarket_async.landing.packs import packed_files

RECORD, EXPIRED = ".expired.json", ".expired"  # of a folder, and of the hidden folder of files that are being removed
FILES = "files"

Counted = Callable[[str], bool]


def expired_files(folder: Path) -> int:
    """The number of files that were removed from this folder."""
    return sum(_record(folder).values())


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """True if no other process removes files from this folder, or from one beside it, meanwhile. Raises OSError."""
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def remove(folder: Path, paths: Iterable[Path], counted: Counted) -> None:
    """Remove files for good. counted: of a name, whether it is one of the files and not something beside them."""
    hidden = folder / f".{uuid.uuid4().hex}{EXPIRED}"
    hidden.mkdir(mode=0o700)
    for path in paths:
        with suppress(FileNotFoundError):  # somebody took it
            path.rename(hidden / path.name)
    complete(folder, counted)


def complete(folder: Path, counted: Counted) -> None:
    """Count and remove what was begun and killed: each hidden folder counts once."""
    hidden = [*folder.glob(f".*{EXPIRED}")]
    if not hidden:
        return
    known = _record(folder)
    new = {path.name: sum(map(_files, filter(counted, os.listdir(path)))) for path in hidden}  # noqa: PTH208
    before = sum(files for name, files in known.items() if name not in new)
    atomic_write(folder / RECORD, json.dumps({FILES: before, **new, **_begun(known, new)}).encode())
    for path in hidden:
        shutil.rmtree(path)


def _begun(known: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """Folders that were counted before; some of their files may be gone."""
    return {name: files for name, files in known.items() if name in new}


def _files(name: str) -> int:
    return packed_files(name) or 1


def _record(folder: Path) -> dict[str, int]:
    try:
        return {str(name): int(files) for name, files in json.loads((folder / RECORD).read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
