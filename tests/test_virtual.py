"""The virtual loop: waiting takes none of our time, work takes none of its own, and all of it in one order."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from multimarket_async.clock import beats, pause
from tests.virtual import Elsewhere, Loop

T = TypeVar("T")
BEGINS = datetime(2026, 3, 28, 23, tzinfo=UTC)
DAY_S = 86_400.0


async def live(work: Callable[[Loop], Coroutine[Any, Any, T]]) -> T:
    """To its end, on a loop of its own in a thread: this one stays real."""
    loop = Loop(BEGINS)
    return await asyncio.to_thread(loop.live, work(loop))


async def test_a_year_of_sleep_is_a_year_on_both_clocks() -> None:
    """To the microsecond, however long the leap."""

    async def work(loop: Loop) -> tuple[float, datetime]:
        await asyncio.sleep(365 * DAY_S)
        return loop.clock.monotonic(), loop.clock.now()

    assert await live(work) == (365 * DAY_S, BEGINS + timedelta(days=365))


async def test_timers_go_off_in_their_order_and_at_their_time() -> None:
    """Not in the order in which they were set."""
    rang: list[tuple[str, float]] = []

    async def sleeper(loop: Loop, name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        rang.append((name, loop.time()))

    async def work(loop: Loop) -> None:
        await asyncio.gather(sleeper(loop, "c", 3600.0), sleeper(loop, "a", 0.25), sleeper(loop, "b", 60.0))

    await live(work)
    assert rang == [("a", 0.25), ("b", 60.0), ("c", 3600.0)]


async def test_beats_and_pauses_are_exact() -> None:
    """A beat at once, the next ones after their pauses, none after the stop; a pause ends by itself, or by it."""

    async def work(loop: Loop) -> list[float]:
        stop = asyncio.Event()
        loop.call_later(12.0, stop.set)
        beaten = [loop.time() async for _ in beats(5.0, stop)]
        await pause(None, stop)
        stopped = loop.time()
        await pause(3.0, asyncio.Event())
        return [*beaten, stopped, loop.time()]

    assert await live(work) == [0.0, 5.0, 10.0, 12.0, 15.0]


async def test_work_in_a_thread_takes_no_virtual_time() -> None:
    """A millisecond of patience is enough for it, however long it takes."""

    async def work(loop: Loop) -> tuple[str, float]:
        async with asyncio.timeout(0.001):
            return await asyncio.to_thread(lambda: time.sleep(0.02) or "done"), loop.time()

    assert await live(work) == ("done", 0.0)


async def test_threads_come_back_in_the_order_in_which_they_were_sent() -> None:
    """However long each takes: so a run is the same every time."""
    ended: list[int] = []

    def slow(number: int) -> None:
        time.sleep(0.003 * (5 - number))
        ended.append(number)

    async def work(_: Loop) -> None:
        await asyncio.gather(*(asyncio.to_thread(slow, number) for number in range(5)))

    await live(work)
    assert ended == [0, 1, 2, 3, 4]


async def test_a_thread_lets_others_go_on() -> None:
    """As a real one does: who loops over such work holds up nobody."""

    async def work(_: Loop) -> list[str]:
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await asyncio.to_thread(order.append, "thread")
        await task
        return order

    assert sorted(await live(work)) == ["other", "thread"]


async def test_what_fails_in_a_thread_fails_where_it_is_awaited() -> None:
    """With its own error."""

    async def work(_: Loop) -> None:
        await asyncio.to_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        await live(work)


async def test_work_that_was_cancelled_is_not_begun() -> None:
    """Nobody waits for it."""
    done: list[int] = []

    async def work(loop: Loop) -> None:
        loop.run_in_executor(None, done.append, 1).cancel()
        await asyncio.sleep(1)

    await live(work)
    assert done == []


async def test_where_nothing_can_ever_happen_that_is_said() -> None:
    """A real loop would hang."""

    async def work(_: Loop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="could ever happen"):
        await live(work)


async def test_a_real_thread_is_heard() -> None:
    """A signal reaches us through one."""

    async def work(loop: Loop) -> bool:
        stop = asyncio.Event()
        threading.Timer(0.02, loop.call_soon_threadsafe, [stop.set]).start()
        async for _ in beats(1.0, stop):
            pass
        return True

    assert await live(work)


class Far:
    """A thing of the real loop."""

    name = "far"

    def __init__(self) -> None:
        self.loops: list[Any] = []

    async def double(self, number: int) -> int:
        self.loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0.02)
        return number * 2

    async def count(self, most: int) -> AsyncIterator[int]:
        for number in range(most):
            await asyncio.sleep(0)
            yield number

    async def fail(self) -> None:
        raise ConnectionError("away")


async def test_what_is_elsewhere_runs_there_and_takes_no_time_here() -> None:
    """Coroutines, generators, attributes and errors alike."""
    far, here = Far(), asyncio.get_running_loop()

    async def work(loop: Loop) -> list[Any]:
        thing = Elsewhere(far, here)
        doubled = await thing.double(21)
        counted = [number async for number in thing.count(3)]
        with pytest.raises(ConnectionError, match="away"):
            await thing.fail()
        return [doubled, counted, thing.name, loop.time()]

    assert await live(work) == [42, [0, 1, 2], "far", 0.0]
    assert far.loops == [here]
