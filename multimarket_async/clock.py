"""Time as an argument: only app.py has the real clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

RECHECK_S = 30.0  # a clock may be set, and a machine may sleep: then monotonic time stands still


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """now: wall time, aware, UTC (it may jump). monotonic: seconds that never go back."""

    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic


async def pause(seconds: float | None, stop: asyncio.Event) -> None:
    """Sleep for `seconds` (None: without end), or until `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def beats(every_s: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield immediately and then after each pause of `every_s` seconds, until `stop` is set."""
    while not stop.is_set():
        yield
        await pause(every_s, stop)


async def reached(due: datetime, clock: Clock, stop: asyncio.Event) -> bool:
    """Wait until then, and no longer though the clock is set back meanwhile; False if stopped before."""
    latest = clock.monotonic() + (due - clock.now()).total_seconds()
    while not stop.is_set():
        left_s = min((due - clock.now()).total_seconds(), latest - clock.monotonic())
        if left_s <= 0:
            break
        await pause(min(left_s, RECHECK_S), stop)
    return not stop.is_set()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of the work; None if stopped before, and the work is cancelled."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.wait([task, stopped])
    return None if task.cancelled() else task.result()
