"""Moves by a copy, durable before the original goes: to another file system, and of files that others can write to.

A crash in between leaves both.
"""

import errno
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

from multimarket_async.files_io import READ_BYTES, open_itself
from multimarket_async.landing.waiting import WaitingFile

SYNCS = 16  # in flight


@contextmanager
def copies(files: Sequence[WaitingFile], folder: str) -> Iterator[dict[str, str]]:
    """Hidden copies of files in a folder, by their paths, for `move_by_copy`; durable.

    One that could not be copied is not there. Those that are not used are removed in the end.
    """
    parts = {file.where: f"{folder}/.{uuid.uuid4().hex}.part" for file in files}
    try:
        for file in files:
            with suppress(OSError):  # then its move says why
                _copy_unchanged(file, parts[file.where])
        with ThreadPoolExecutor(SYNCS) as together:  # one commit of the journal serves several: a tenth of the time
            list(together.map(_sync, parts.values()))
        yield parts
    finally:
        for part in parts.values():
            with suppress(OSError):
                os.unlink(part)  # noqa: PTH108 - a path is text here


def _copy_unchanged(file: WaitingFile, part: str) -> None:
    descriptor = open_itself(file.where)
    try:
        status = os.fstat(descriptor)
        if (status.st_ino, *_written(status)) != (file.inode, file.bytes, file.written_ns):
            raise FileNotFoundError(errno.ENOENT, "it is another file by now", file.where)
        _copy(descriptor, part, durable=False)
    finally:
        os.close(descriptor)


def _sync(part: str) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def move_by_copy(source: str, target: str, rename: Callable[[str, str], None], copy: str | None = None) -> None:
    """Move a file, link or folder. rename: within a file system, never over another file. copy: one of `copies`.

    A copy of an earlier attempt that was killed is taken for its own. Raises FileExistsError, OSError.
    """
    kind = stat.S_IFMT(os.lstat(source).st_mode)
    if kind == stat.S_IFREG:
        _move_file(source, target, rename, copy)
    elif kind in (stat.S_IFLNK, stat.S_IFDIR):
        _publish(target, lambda part: _copy_other(source, part), rename)
        os.unlink(source) if kind == stat.S_IFLNK else shutil.rmtree(source)  # noqa: PTH108
    else:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, target)


def _move_file(source: str, target: str, rename: Callable[[str, str], None], copy: str | None) -> None:
    descriptor = open_itself(source)
    try:
        before = os.fstat(descriptor)
        if not _is_copied(target, descriptor, before):
            if copy and os.path.exists(copy):  # noqa: PTH110 - a path is text here
                rename(copy, target)
            else:
                _publish(target, partial(_copy, descriptor), rename)
        archived = _written(os.lstat(target))
        os.unlink(source)  # noqa: PTH108 - a path is text here
        if _written(os.fstat(descriptor)) != archived:  # its writer was not done
            _publish(source, partial(_copy_as_it_is, descriptor), rename)
    finally:
        os.close(descriptor)


def _is_copied(target: str, descriptor: int, status: os.stat_result) -> bool:
    """True if an earlier attempt made this copy, after the original came: another delivery of that name is older."""
    with suppress(OSError):
        newer = os.lstat(target).st_ctime_ns >= status.st_ctime_ns
        return newer and has_content(target, descriptor, status.st_mtime_ns)
    return False


def has_content(path: str, descriptor: int, written_ns: int) -> bool:
    """True if a file is there of the time and the content of this open one."""
    try:
        other = open_itself(path)
    except OSError:
        return False
    try:
        return os.fstat(other).st_mtime_ns == written_ns and _equal(descriptor, other)
    finally:
        os.close(other)


def _equal(one: int, other: int) -> bool:
    place = 0
    while (content := os.pread(one, READ_BYTES, place)) == os.pread(other, READ_BYTES, place):
        if not content:
            return True
        place += len(content)
    return False


def _written(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _publish(target: str, write: Callable[[str], None], rename: Callable[[str, str], None]) -> None:
    """Write under a hidden name beside the target, which then gets its name, durably."""
    folder = os.path.dirname(target)  # noqa: PTH120 - a path is text here
    part = f"{folder}/.{uuid.uuid4().hex}.part"
    try:
        write(part)
        rename(part, target)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(part) if os.path.isdir(part) else os.unlink(part)  # noqa: PTH108, PTH112
        raise
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(descriptor: int, part: str, *, durable: bool = True) -> None:
    """Content and time of writing of an open file. Raises FileNotFoundError if it is written to meanwhile."""
    before = _written(os.fstat(descriptor))
    _copy_as_it_is(descriptor, part, durable=durable)
    if _written(os.fstat(descriptor)) != before:
        raise FileNotFoundError(errno.ENOENT, "it was written to while it was copied", part)


def _copy_as_it_is(descriptor: int, part: str, *, durable: bool = True) -> None:
    """Content and time of writing of an open file; owner and mode are those of our files."""
    status, place = os.fstat(descriptor), 0
    with open(part, "xb") as copy:  # noqa: PTH123 - a path is text here
        while content := os.pread(descriptor, READ_BYTES, place):
            copy.write(content)
            place += len(content)
        copy.flush()
        os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        if durable:
            os.fsync(copy.fileno())


def _copy_other(source: str, part: str) -> None:
    if os.path.islink(source):  # noqa: PTH114
        os.symlink(os.readlink(source), part)  # noqa: PTH115, PTH211
    else:
        shutil.copytree(source, part, symlinks=True)
