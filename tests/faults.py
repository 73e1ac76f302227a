"""The n-th call fails: files as the landing sees them, and MongoDB as the stages see it.

After SQLite's fault injection (https://sqlite.org/testing.html, section 3): each call that can
fail is made to fail once, and then made to fail until it is healed. Production code is not touched.
"""

import asyncio
import ctypes
import errno
import inspect
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import pytest

from multimarket_async.errors import Unavailable
from multimarket_async.store import Store

OPEN, CREATE, READ, WRITE, CLOSE, LOOK, LIST, MKDIR, RENAME, REMOVE = [
    "open",
    "create",
    "read",
    "write",
    "close",
    "look",
    "list",
    "mkdir",
    "rename",
    "remove",
]
FITTING = {
    errno.ENOSPC: {CREATE, WRITE, CLOSE, MKDIR, RENAME},
    errno.EMFILE: {OPEN, CREATE, LIST},
    errno.EACCES: {OPEN, CREATE, LOOK, LIST, MKDIR, RENAME, REMOVE},
    errno.EIO: {OPEN, CREATE, READ, WRITE, CLOSE, LOOK, LIST, MKDIR, RENAME, REMOVE},
}
BY_PATH = {
    LOOK: ("stat", "lstat", "access"),
    LIST: ("listdir",),
    MKDIR: ("mkdir",),
    RENAME: ("rename", "replace", "link"),
    REMOVE: ("unlink", "rmdir"),
}


class How(StrEnum):
    """The calls that fail, from the n-th on."""

    ONCE = "once"
    ALWAYS = "until healed"
    ONE_PATH = "on this path until healed"


@dataclass
class Fault:
    """Injects an error at call number `n` of those that it fits; 0: at none, calls are only counted."""

    n: int
    how: How
    calls: int = 0
    met: str = ""
    path: bytes = b""

    def hits(self, call: str, path: bytes = b"") -> bool:
        """Count a call; true if it fails."""
        self.calls += 1
        if self.calls == self.n:
            self.met, self.path = f"call {self.n}: {call} {os.fsdecode(path)}", path
        if self.how == How.ONCE or not self.n:
            return self.calls == self.n
        return self.calls >= self.n and (self.how == How.ALWAYS or path == self.path)


# --- Files ----------------------------------------------------------------------------------


class Files:
    """Counts every call on a file under `root`, any of which may fail; all other calls pass."""

    fault: Fault | None = None

    def __init__(self, root: os.PathLike[str], number: int) -> None:
        self._root = os.fsencode(root) + b"/"
        self._number = number
        self._opened: dict[int, bytes] = {}

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between the landing and the operating system."""
        for call, names in BY_PATH.items():
            for name in names:
                monkeypatch.setattr(os, name, self._before(call, getattr(os, name)))
        for module, name in ((os, "open"), (os, "read"), (os, "close"), (os, "scandir"), (io, "open")):
            wrapped = getattr(self, f"_{module.__name__}_{name}")(getattr(module, name))
            monkeypatch.setattr(module, name, wrapped)
        rename = "multimarket_async.landing.rename._renameat2"
        monkeypatch.setattr(rename, self._renameat2(ctypes.CDLL(None, use_errno=True).renameat2))

    def meet(self, call: str, path: Any) -> None:
        """Raise the error if it is this call's turn."""
        where = self._opened.get(path, b"") if isinstance(path, int) else os.fsencode(path)
        counts = self.fault and where.startswith(self._root) and call in FITTING[self._number]
        if self.fault and counts and self.fault.hits(call, where):
            raise OSError(self._number, os.strerror(self._number), os.fsdecode(where))

    def _before(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def met(path: Any, *rest: Any, **options: Any) -> Any:
            self.meet(call, path)
            return real(path, *rest, **options)

        return met

    def _os_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def met(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            self.meet(CREATE if flags & os.O_CREAT else OPEN, path)
            descriptor = real(path, flags, *rest, **options)
            self._opened[descriptor] = os.fsencode(path)
            return descriptor

        return met

    def _os_read(self, real: Callable[..., bytes]) -> Callable[..., bytes]:
        return self._before(READ, real)

    def _os_close(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def met(descriptor: int) -> None:
            real(descriptor)  # close(2): also when it fails, the descriptor is gone
            try:
                self.meet(READ, descriptor)  # the landing writes nothing this way
            finally:
                self._opened.pop(descriptor, None)

        return met

    def _os_scandir(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def met(path: Any = ".") -> Any:
            self.meet(LIST, path)
            return _Entries(real(path), path, self)

        return met

    def _io_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def met(path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            if isinstance(path, int):
                return real(path, mode, *rest, **options)
            self.meet(OPEN if mode.strip("bt") == "r" else CREATE, path)
            return _Opened(real(path, mode, *rest, **options), path, self)

        return met

    def _renameat2(self, real: Callable[..., int]) -> Callable[..., int]:
        def met(from_folder: int, source: bytes, to_folder: int, target: bytes, flags: int) -> int:
            try:
                self.meet(RENAME, source)
            except OSError as error:
                ctypes.set_errno(error.errno or 0)
                return -1
            return real(from_folder, source, to_folder, target, flags)

        return met


class _Entries:
    def __init__(self, real: Any, path: Any, files: Files) -> None:
        self._real, self._path, self._files = real, path, files

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._real.close()

    def __iter__(self) -> Iterator["_Entry"]:
        with self:
            for entry in self._real:
                self._files.meet(READ, self._path)
                yield _Entry(entry, self._files)


class _Entry:
    def __init__(self, real: Any, files: Files) -> None:
        self._real, self._files = real, files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __fspath__(self) -> str:
        return str(self._real.path)

    def stat(self, **options: Any) -> os.stat_result:
        self._files.meet(LOOK, self._real.path)
        status: os.stat_result = self._real.stat(**options)
        return status


class _Opened:
    """A file of io.open; a close that fails loses the buffered bytes."""

    def __init__(self, real: Any, path: Any, files: Files) -> None:
        self._real, self._path, self._files = real, path, files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, *size: int) -> Any:
        self._files.meet(READ, self._path)
        return self._real.read(*size)

    def write(self, data: Any) -> Any:
        self._files.meet(WRITE, self._path)
        return self._real.write(data)

    def close(self) -> None:
        writable = self._real.writable()
        self._real.close()
        try:
            self._files.meet(CLOSE if writable else READ, self._path)
        except OSError:
            if writable:
                os.truncate(self._path, 0)
            raise


# --- MongoDB --------------------------------------------------------------------------------


class FaultyStore(Store):
    """Every verb is counted and may fail: before it is executed, or after, with its answer lost."""

    fault: Fault | None = None
    answer_lost = False

    def meet(self, verb: str, *, after: bool) -> None:
        """Raise Unavailable if it is this verb's turn."""
        if self.fault and after == self.answer_lost and self.fault.hits(verb):
            raise Unavailable(f"planted at {verb}")


def _verb(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    async def met(self: FaultyStore, *given: Any, **options: Any) -> Any:
        self.meet(name, after=False)
        result = await real(self, *given, **options)
        self.meet(name, after=True)
        return result

    return met


def _stream(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    async def met(self: FaultyStore, *given: Any, **options: Any) -> AsyncIterator[Any]:
        self.meet(name, after=False)
        async for row in real(self, *given, **options):
            yield row
        self.meet(name, after=True)

    return met


# Whatever verbs the store has, or will have.
for _name, _real in inspect.getmembers(Store, inspect.isfunction):
    if _name.startswith("_") or _name == "aclose":
        continue
    if inspect.iscoroutinefunction(_real):
        setattr(FaultyStore, _name, _verb(_name, _real))
    elif inspect.isasyncgenfunction(_real):
        setattr(FaultyStore, _name, _stream(_name, _real))


class OneBeat(asyncio.Event):
    """Set as soon as somebody waits for it: a stage's loop goes round once."""

    async def wait(self) -> bool:  # type: ignore[override]
        self.set()
        return True
