"""Renames that never overwrite: one system call decides, so two processes cannot both win."""

import ctypes
import errno
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from multimarket_async.landing.copied import move_by_copy
from multimarket_async.landing.waiting import suffix_of

LONGEST_NAME_BYTES = 255  # NAME_MAX of Linux file systems
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
if _renameat2 is not None:  # declared once, or ctypes finds out at each call
    _renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)


def rename_new(source: str | Path, target: str | Path) -> None:
    """Rename `source` to `target`, unless that exists: FileExistsError. See renameat2(2), RENAME_NOREPLACE.

    To another file system it is copied, durably, and then removed here.
    """
    code = _rename_noreplace(os.fsencode(source), os.fsencode(target))
    if code in (errno.ENOSYS, errno.EINVAL):
        _rename_checked(source, target)
    elif code == errno.EXDEV:
        move_by_copy(os.fspath(source), os.fspath(target), rename_new)
    elif code:
        raise OSError(code, os.strerror(code), str(source), None, str(target))


def place(
    source: str,
    folder: str,
    name: str,
    suffixes: tuple[str, ...],
    longest_bytes: int = LONGEST_NAME_BYTES,
    *,
    move: Callable[[str, str], None] = rename_new,
) -> str:
    """Move `source` into `folder` as `name`, or as the next free `<stem>.2<suffix>`; the path it got."""
    for candidate in free_names(name, suffixes, longest_bytes):
        target = f"{folder}/{candidate}"
        try:
            move(source, target)
        except FileExistsError:
            continue
        return target
    raise AssertionError("free_names never ends")


def free_names(name: str, suffixes: tuple[str, ...], longest_bytes: int) -> Iterator[str]:
    """`name`, then `<stem>.2<suffix>`, `<stem>.3<suffix>`, ... each short enough for the file system.

    The suffix is the name's own; that of a name with none of these suffixes is the first of them.
    """
    if len(os.fsencode(name)) <= longest_bytes:
        yield name
    own = suffix_of(name, suffixes)
    stem = os.fsencode(name[: len(name) - len(own)])
    for number in itertools.count(2):
        suffix = os.fsencode(f".{number}{own or suffixes[0]}")
        yield os.fsdecode(stem[: longest_bytes - len(suffix)] + suffix)


def named_before(name: str, suffixes: tuple[str, ...]) -> set[str]:
    """The names that a file of this name may have had before `place`: its own, and that without a number."""
    own = suffix_of(name, suffixes)
    stem, _, number = name[: len(name) - len(own)].rpartition(".")
    return {name, f"{stem}{own}"} if stem and number.isdecimal() else {name}


def _rename_noreplace(source: bytes, target: bytes) -> int:
    """0, or the error number."""
    if _renameat2 is None:
        return errno.ENOSYS
    failed = _renameat2(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE)
    return ctypes.get_errno() if failed else 0


def _rename_checked(source: str | Path, target: str | Path) -> None:
    """The fallback on systems without that call: correct as long as one process moves files."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)  # noqa: PTH104 - paths may be text
