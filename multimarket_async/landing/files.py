"""Four verbs for many files together: look, read, move, deliver. The first three answer for each file: result or error.

C (_bulk.c) does the work, and releases the interpreter lock once for all files of a call: in Python each system call
releases and takes it, and other threads wait. C leaves a file about which anything is unusual as it was; Python then
does that file, and finds out what is the matter. Where _bulk was not compiled, Python does all of them.
"""

import errno
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from multimarket_async.compiled import compiled_module
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing.copied import copies, has_content, move_by_copy
from multimarket_async.landing.rename import place, rename_new
from multimarket_async.landing.waiting import WaitingFile, is_ours, is_ours_alone

_bulk = compiled_module(f"{__package__}._bulk", "look", "read", "move", "deliver")

_MOVED, _OTHER_MOVED = 1, 2  # answers of _bulk.move; 0: not moved
_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_new = tuple.__new__  # WaitingFile(*fields) takes twice the time


class Misplaced(FileNotFoundError):
    """Another file had taken the name in that very moment and was moved instead; it is at `filename` now."""


def compiled() -> bool:
    """True if C does the work here."""
    return _bulk is not None


def _in_c(files: int, folders: Iterable[str], work: Callable[..., list[Any]]) -> list[Any]:
    """The answers of C, which gets the module and a descriptor of each folder; None for a file that is left to Python.

    With a descriptor names are looked up in one step.
    """
    if _bulk is not None:
        with suppress(OSError), ExitStack() as opened:
            return work(_bulk, *[opened.enter_context(_opened(folder)) for folder in folders])
    return [None] * files


@contextmanager
def _opened(folder: str) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


# --- look -------------------------------------------------------------------------------------


def look(folder: str, names: list[str]) -> list[WaitingFile | OSError]:
    """The files as they are now; FileNotFoundError for one that is gone."""
    found = _in_c(len(names), [folder], lambda c, at: c.look(at, folder, names))
    return [
        _looked_at(f"{folder}/{name}") if fields is None else _new(WaitingFile, fields)
        for name, fields in zip(names, found, strict=True)
    ]


def _looked_at(path: str) -> WaitingFile | OSError:
    try:
        status = os.lstat(path)
    except OSError as error:
        return error
    times = status.st_ctime_ns, status.st_mtime_ns
    return WaitingFile(path, status.st_size, *times, status.st_ino, status.st_mode)


# --- read -------------------------------------------------------------------------------------


def read(folder: str, files: list[WaitingFile], max_bytes: int) -> list[bytes | Rejected | FileNotFoundError]:
    """The contents of files of `folder`.

    Rejected: it is no readable regular file of at most `max_bytes` and of the size it had. FileNotFoundError: it is
    gone. Raises Unavailable if this machine cannot read files just now.
    """
    contents = _in_c(len(files), [folder], lambda c, at: c.read(at, files, max_bytes))
    if None not in contents:
        return contents
    pairs = zip(files, contents, strict=True)
    return [_content(file, max_bytes) if content is None else content for file, content in pairs]


def _content(file: WaitingFile, max_bytes: int) -> bytes | Rejected | FileNotFoundError:
    try:
        descriptor = opened(file, max_bytes)
        try:
            content = os.read(descriptor, file.bytes + 1)  # one byte more shows whether it has grown
        finally:
            os.close(descriptor)
    except (Rejected, FileNotFoundError) as error:
        return error
    except OSError as error:
        if isinstance(consequence := unreadable(error), Unavailable):
            raise consequence from error
        return consequence
    if len(content) != file.bytes:
        return Rejected("still_changing", "its size changed while it was being read", unfinished=True)
    return content


def opened(file: WaitingFile, max_bytes: int) -> int:
    """A descriptor of a regular file of at most `max_bytes`. Raises Rejected, FileNotFoundError, Unavailable."""
    if not stat.S_ISREG(file.mode):
        raise Rejected("not_a_regular_file", "a link, directory, pipe or device, where a file was expected")
    if file.bytes > max_bytes:
        raise Rejected("file_too_large", f"{file.bytes} bytes; the limit (max_file_bytes) is {max_bytes}")
    try:
        # Neither a link nor a pipe put there since the look may redirect or block us.
        return os.open(file.where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(error) from error


def unreadable(error: OSError) -> Rejected | Unavailable:
    """The consequence of an error while a file is read: this machine is short of something, or the file is bad."""
    if error.errno in _SHORT_OF:
        return Unavailable(f"cannot read files: {error.strerror}")
    return Rejected("unreadable", f"it cannot be read: {error.strerror}", unfinished=True)


# --- move -------------------------------------------------------------------------------------


def move(source: str, target: str, files: list[WaitingFile], suffixes: tuple[str, ...]) -> list[OSError | None]:
    """Move files from folder to folder, never over another file; None for each that is moved, and is ours alone then.

    FileNotFoundError: the file is gone, or is not as it was when it was looked at. Misplaced: see there.
    """
    done = _in_c(len(files), [source, target], lambda c, old, new: c.move(old, new, files))
    theirs = [file for file, answer in zip(files, done, strict=True) if not answer and _can_be_written(file)]
    with copies(theirs, target) as made:
        return [
            None if answer == _MOVED else _moved(file, target, suffixes, answer, made.get(file.where))
            for file, answer in zip(files, done, strict=True)
        ]


def _can_be_written(file: WaitingFile) -> bool:
    """True for a file that others can write to: of it, a copy is archived, to which nothing of theirs leads."""
    with suppress(OSError):
        return stat.S_ISREG(file.mode) and not is_ours_alone(os.lstat(file.where))
    return False


def _moved(
    file: WaitingFile, folder: str, suffixes: tuple[str, ...], answer: int | None, copy: str | None
) -> OSError | None:
    try:
        if answer == _OTHER_MOVED:
            raise _misplaced(f"{folder}/{file.entry}")
        move_unchanged(file, lambda: _place(file, folder, suffixes, copy))
    except Misplaced as error:
        return None if _was_written_there(file, error.filename) else error
    except OSError as error:
        return error
    return None


def _was_written_there(file: WaitingFile, target: str) -> bool:
    """True if it is the file itself, written to since it is there: that comes to light as any late write does.

    Returned, it would be another delivery, and what was stored would be nowhere.
    """
    try:
        there = os.lstat(target)
    except OSError:
        return False
    return there.st_ino == file.inode and there.st_mtime_ns == there.st_ctime_ns


def move_unchanged(file: WaitingFile, move: Callable[[], str]) -> str:
    """Move a file, if it is as it was when it was looked at, and look again afterwards. move: gives the new path.

    Its inode is another one on another file system, or where numbers follow the path: then its content is compared.
    Raises FileNotFoundError if it is gone or is not the same, Misplaced, OSError.
    """
    with _held(file) as held:
        if not file.is_at(file.where):
            raise FileNotFoundError(errno.ENOENT, "it is another file by now", file.where)
        target = move()
        try:
            same = file.is_at(target) or _is_copy(file, held, target)
        except OSError:  # cannot tell: it goes back, to be looked at again, which does no harm
            same = False
    if not same:
        raise _misplaced(target)
    return target


def _is_copy(file: WaitingFile, held: int | None, target: str) -> bool:
    """True if its content is there; of a link or folder, of which nothing is stored, its kind is enough."""
    if held is not None:
        return has_content(target, held, file.written_ns) or _was_copied(file, held, target)
    return not stat.S_ISREG(file.mode) and stat.S_IFMT(os.lstat(target).st_mode) == stat.S_IFMT(file.mode)


def _was_copied(file: WaitingFile, held: int, target: str) -> bool:
    """True if its writer went on after the copy, which has its size and time: of the contents nothing can be said."""
    archived = os.lstat(target)
    written_since = os.fstat(held).st_mtime_ns != file.written_ns
    return written_since and (archived.st_size, archived.st_mtime_ns) == (file.bytes, file.written_ns)


@contextmanager
def _held(file: WaitingFile) -> Iterator[int | None]:
    """A descriptor of a regular file that can be read and is that one; else None."""
    descriptor = None
    if stat.S_ISREG(file.mode):
        with suppress(OSError):
            descriptor = os.open(file.where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        same = descriptor is not None and os.fstat(descriptor).st_ino == file.inode
        yield descriptor if same else None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _misplaced(path: str) -> Misplaced:
    return Misplaced(errno.ENOENT, "another file had taken its name", path)


def _place(file: WaitingFile, folder: str, suffixes: tuple[str, ...], copy: str | None) -> str:
    move = partial(move_by_copy, rename=rename_new, copy=copy) if copy else rename_new
    try:
        return place(file.where, folder, file.entry, suffixes, move=move)
    except FileNotFoundError:  # it may be the folder that is missing
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a path is text here
        return place(file.where, folder, file.entry, suffixes, move=move)


# --- deliver ----------------------------------------------------------------------------------


def deliver(folder: Path, files: Iterable[tuple[str, bytes]], suffixes: tuple[str, ...]) -> None:
    """Put files, name and content, into `folder`, in this order; a name that is taken becomes `<stem>.2<suffix>`.

    C writes each without a name and then links it under its own: four system calls, two thirds of what a rename from
    a hidden name takes on ext4, and a killed process leaves nothing behind. See open(2), O_TMPFILE. At the first file
    that cannot be delivered it raises OSError, which names the folder; those before are there.
    """
    with _opened(str(folder)) as directory:
        waiting, in_c = list(files), _bulk is not None
        while waiting:
            if _bulk is not None and in_c:
                del waiting[: sum(_bulk.deliver(directory, waiting))]  # the first ones
            for name, content in waiting[:1]:
                # If not for a name that is taken, C failed because not every file system has files without a name.
                in_c = deliver_hidden(folder, name, content, suffixes).name != name
            del waiting[:1]


def deliver_hidden(folder: Path, name: str, content: bytes, suffixes: tuple[str, ...]) -> Path:
    """Write a file under a hidden name, then rename it."""
    hidden = folder / f".{uuid.uuid4().hex}.part"
    try:
        hidden.write_bytes(content)
        return Path(place(str(hidden), str(folder), name, suffixes))
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def count_waiting(folder: Path, suffixes: tuple[str, ...]) -> int:
    """The number of files of ours in a folder, none of which is looked at."""
    with os.scandir(folder) as entries:
        return sum(is_ours(entry.name, suffixes) for entry in entries)


@contextmanager
def torn(folder: Path, name: str, content: bytes) -> Iterator[None]:
    """A file as careless systems write it: under its own name from the first byte on, the second half at the end."""
    with (folder / name).open("xb", buffering=0) as file:
        _write(file.fileno(), content[: len(content) // 2])
        try:
            yield
        finally:
            _write(file.fileno(), content[len(content) // 2 :])


def _write(descriptor: int, content: bytes) -> None:
    while content:  # a disk that fills up takes a part, and refuses the rest
        content = content[os.write(descriptor, content) :]
