"""Content that is in quarantine already, delivered again: it is kept once, and its reason counts the deliveries.

A hidden note, named by content and code, has the name of the file that is kept. What comes again is moved beside it
under a hidden name with its number; then the reason counts it; then it is removed. A process that is killed in between
has counted it: its name does.
"""

import errno
import fcntl
import hashlib
import os
import signal
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from multimarket_async.files_io import atomic_write, open_itself

KEPT, AGAIN = ".kept", ".again"
MOST_DIGESTED_BYTES = 64 << 20  # of a file that nobody has read: it may be here because it is too large


def identity(reason: Mapping[str, Any]) -> str | None:
    """The identity of a refusal, the same for the same bytes and code; None where the bytes are not known."""
    if not isinstance(sha256 := reason.get("sha256"), str):
        return None
    return hashlib.sha256(f"{sha256} {reason.get('code')}".encode("utf-8", "backslashreplace")).hexdigest()[:32]


def deliveries(reason: Mapping[str, Any]) -> int:
    """The deliveries that a reason counts, which somebody may have edited."""
    number = reason.get("deliveries")
    return number if type(number) is int and number > 0 else 1


def kept_name(folder: Path, refusal: str) -> str | None:
    """The name of the file that is kept for a refusal; it may have left since, or been corrected. Raises OSError."""
    try:
        return os.fsdecode(_note(folder, refusal).read_bytes())
    except FileNotFoundError:
        return None


def keep(folder: Path, refusal: str, name: str) -> None:
    """Note the file of a refusal. Raises OSError."""
    atomic_write(_note(folder, refusal), os.fsencode(name))


def forget(folder: Path, refusal: str | None) -> None:
    """The file of a refusal leaves."""
    if refusal:
        _note(folder, refusal).unlink(missing_ok=True)


def again(folder: Path, refusal: str, number: int) -> Path:
    """The hidden place of the delivery of this number."""
    return folder / f".{refusal}.{number}{AGAIN}"


def refusal_of(name: str) -> str:
    """The refusal in the name of such a place."""
    return name.split(".")[1]


def moved_at(path: Path) -> str:
    """The time at which a file got its name."""
    return datetime.fromtimestamp(os.lstat(path).st_ctime, UTC).isoformat()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time counts here; the kernel ends the lock of one that is killed.

    The removal of old files has another lock, which it holds for longer.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def digest(path: Path, most: int | None = None) -> str | None:
    """The SHA-256 of a regular file of at most so many bytes; None of anything else."""
    with suppress(OSError), os.fdopen(open_itself(path, os.O_RDONLY), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and (most is None or status.st_size <= most):
            return hashlib.file_digest(file, "sha256").hexdigest()
    return None


def may_grow(path: Path, *, unfinished: bool) -> bool:
    """True if a writer has the file open; where the kernel does not say (Linux does to the owner), if it looks so."""
    try:
        descriptor = open_itself(path, os.O_RDONLY)
    except OSError:
        return unfinished
    try:
        return _has_writer(descriptor)
    except (OSError, AttributeError) as error:
        return getattr(error, "errno", None) == errno.EAGAIN or unfinished
    finally:
        os.close(descriptor)


def _has_writer(descriptor: int) -> bool:
    """Raises OSError: EAGAIN if there is a writer. See fcntl(2), F_SETLEASE."""
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # of a writer that comes now: SIGIO would end this process
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _note(folder: Path, refusal: str) -> Path:
    return folder / f".{refusal}{KEPT}"
