"""The clock: beats and pauses that a stop ends at once. How long they are: test_virtual.py."""

import asyncio
from datetime import UTC

import pytest

from multimarket_async.clock import Clock, beats, pause

FOR_EVER_S = 3600.0


async def test_the_first_beat_comes_at_once() -> None:
    """A stage does its work on start, not `every_s` later."""
    async with asyncio.timeout(60):
        await anext(beats(FOR_EVER_S, asyncio.Event()))


async def test_beats_go_on_until_stopped() -> None:
    """No beat after the one in which `stop` was set."""
    stop, beaten = asyncio.Event(), 0
    async for _ in beats(0.001, stop):
        beaten += 1
        if beaten == 3:
            stop.set()
    assert beaten == 3


async def test_there_is_no_beat_where_stop_is_set_already() -> None:
    """Not even the first."""
    stop = asyncio.Event()
    stop.set()
    assert [beat async for beat in beats(0.001, stop)] == []


@pytest.mark.parametrize("seconds", [FOR_EVER_S, None])
async def test_stop_ends_a_pause_at_once(seconds: float | None) -> None:
    """However long it was to be; None is for ever."""
    stop = asyncio.Event()
    pausing = asyncio.create_task(pause(seconds, stop))
    await asyncio.sleep(0)
    assert not pausing.done()
    stop.set()
    async with asyncio.timeout(60):
        await pausing


async def test_a_pause_can_be_cancelled() -> None:
    """Only its own timeout is swallowed."""
    pausing = asyncio.create_task(pause(FOR_EVER_S, asyncio.Event()))
    await asyncio.sleep(0)
    pausing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pausing


def test_the_real_clock_tells_utc() -> None:
    """Aware and UTC; the other clock never goes back."""
    clock = Clock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
