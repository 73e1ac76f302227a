"""Virtual time: an event loop on which waiting takes none of ours, and work takes none of its own.

Whenever nothing is left to do at this instant, the loop's time goes to that of the next timer. What takes
real time (a file, a MongoDB call) is done meanwhile, in one order only: so a run is the same every time.

Not `looptime`: there time goes on while a thread works, by as much as it takes, and each step costs 42 idle
turns; not `async-solipsism`: there is nothing outside, so no MongoDB either.
"""

import asyncio
import inspect
import os
import selectors
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Iterator
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from multimarket_async.clock import Clock
from multimarket_async.landing import Landing, WaitingFile
from multimarket_async.landing.rename import place

MICROSECOND = 1e-6
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Leaping(selectors.DefaultSelector):
    """Does not wait for a timer: tells instead how far away it is."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise RuntimeError("Nothing is left that could ever happen: every task waits for another one.")
        if timeout and not ready:
            self._leap(timeout)
        return ready


class Loop(asyncio.SelectorEventLoop):
    """begins: the wall time at which its time, in seconds, is 0."""

    def __init__(self, begins: datetime) -> None:
        self._seconds = 0.0
        self.clock = Clock(now=lambda: begins + timedelta(seconds=self._seconds), monotonic=self.time)
        super().__init__(_Leaping(self._leap))
        # A float of months in seconds has no nanoseconds left: a timer would stay due and never go off.
        self._clock_resolution = MICROSECOND

    def time(self) -> float:
        """Virtual seconds since it began."""
        return self._seconds

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Do it in this thread: several threads would end in an order of their own."""
        future: asyncio.Future[T] = self.create_future()
        self.call_soon(_work, future, partial(func, *args))
        return future

    def live(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this to its end, once, and close."""
        with asyncio.Runner(loop_factory=lambda: self) as runner:
            return runner.run(work)

    def _leap(self, seconds: float) -> None:
        self._seconds += seconds


def _work(future: asyncio.Future[Any], func: Callable[[], Any]) -> None:
    if future.cancelled():
        return
    try:
        future.set_result(func())
    except Exception as error:  # noqa: BLE001 - whoever awaits it decides
        future.set_exception(error)


class Elsewhere:
    """Something that lives on another loop, in real time: while one of its coroutines runs there, ours stands still.

    So a MongoDB driver keeps its own timeouts and heartbeats, whatever it does them with.
    """

    def __init__(self, what: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._what = what
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if inspect.isasyncgenfunction(found):
            return partial(self._each, found)
        return partial(self._awaited, found) if inspect.iscoroutinefunction(found) else found

    async def _awaited(self, method: Callable[..., Coroutine[Any, Any, T]], *args: Any, **more: Any) -> T:
        await asyncio.sleep(0)  # others may go first, as they may where a call takes time
        return asyncio.run_coroutine_threadsafe(method(*args, **more), self._loop).result()

    async def _each(self, method: Callable[..., AsyncIterator[T]], *args: Any, **more: Any) -> AsyncIterator[T]:
        async def listed() -> list[T]:
            return [item async for item in method(*args, **more)]

        for item in await self._awaited(listed):
            yield item


class DatedLanding(Landing):
    """A landing on virtual time: a file is as old as its mtime says, and `deliver` sets that."""

    def __init__(self, data_dir: Path, feed: str, now: Callable[[], datetime]) -> None:
        super().__init__(data_dir, feed)
        self._now = now

    async def deliver(self, name: str, content: bytes) -> Path:
        return await asyncio.to_thread(self._deliver_dated, name, content)

    def _deliver_dated(self, name: str, content: bytes) -> Path:
        hidden = self.sources / f".{name}.part"
        hidden.write_bytes(content)
        date_file(hidden, self._now())
        return Path(place(str(hidden), str(self.sources), name, self.suffixes))

    def _listed(self, but: Container[str]) -> Iterator[WaitingFile]:
        return (file._replace(changed_ns=file.written_ns) for file in super()._listed(but))


def date_file(path: Path, moment: datetime) -> None:
    """Set the time at which its content changed, to the microsecond."""
    nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    os.utime(path, ns=(nanoseconds, nanoseconds))
