"""Time as an argument: only app.py has the real clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime


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
