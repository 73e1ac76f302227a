"""When a source is asked: without drift, without haste, and without a crowd."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from multimarket_async.clock import Clock, reached
from multimarket_async.domains import Answer, Http, Poll
from multimarket_async.poller import schedule
from multimarket_async.polling import PollState
from tests.poller.conftest import START, Bench
from tests.poller.source import Reply

HOUR_S, DAY_S = 3600.0, 86_400.0


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_first_polls_are_spread() -> None:
    """Over some seconds, or over an interval that is shorter."""
    rng = random.Random(1)
    hourly = [schedule.first(PollState(), HOUR_S, START, rng) for _ in range(100)]
    assert START <= min(hourly) < after(1)
    assert after(4) < max(hourly) <= after(5)
    assert max(schedule.first(PollState(), 0.1, START, rng) for _ in range(100)) <= after(0.1)


@pytest.mark.parametrize(
    ("next_s", "failures", "soon"),
    [(600, 0, False), (-600, 0, True), (-30 * DAY_S, 0, True), (2 * HOUR_S, 0, True), (2 * HOUR_S, 3, False)],
)
def test_a_restart_keeps_the_time_of_the_next_poll(next_s: float, failures: int, soon: bool) -> None:
    """Soon after any downtime, one poll; a time far ahead comes of a clock that was wrong, or of another interval."""
    state = PollState(next_at=after(next_s), failures=failures)
    due = schedule.first(state, HOUR_S, START, random.Random(1))
    assert (START <= due <= after(5)) if soon else (due == after(next_s))


@pytest.mark.parametrize(
    ("now_s", "next_s"), [(0, 60), (0.3, 60), (59, 60), (60, 120), (61, 120), (DAY_S + 1, DAY_S + 60), (-90, 60)]
)
def test_the_next_poll_is_on_the_grid(now_s: float, next_s: float) -> None:
    assert schedule.after_success(START, 60, after(now_s)) == after(next_s)


def test_pauses_grow_while_a_source_is_away() -> None:
    """From a minute to an hour, a fifth less by chance; never beyond the interval."""
    rng = random.Random(1)
    pauses = [(schedule.after_failure(START, DAY_S, START, n, rng) - START).total_seconds() for n in range(1, 12)]
    for full_s, pause_s in zip([60, 120, 240, 480, 960, 1920, *[HOUR_S] * 5], pauses, strict=True):
        assert 0.8 * full_s <= pause_s <= full_s
    assert schedule.after_failure(START, 45, START, 1, rng) == after(45)
    assert schedule.after_failure(START, 300, after(7), 99, rng) == after(300)


@pytest.mark.parametrize(("wall_s", "monotonic_s"), [(-DAY_S, 61), (DAY_S, 0)])
async def test_a_clock_that_is_set_delays_no_poll(wall_s: float, monotonic_s: float) -> None:
    """Back, by hand; or ahead, after the machine has slept."""
    wall, monotonic = START, 0.0

    class Noticed(asyncio.Event):
        """The clock is set during the first wait."""

        async def wait(self) -> Literal[True]:
            nonlocal wall, monotonic
            wall, monotonic = after(wall_s), monotonic_s
            raise TimeoutError

    async with asyncio.timeout(60):
        assert await reached(after(60), Clock(lambda: wall, lambda: monotonic), Noticed())


async def test_a_day_away_costs_few_requests(bench: Bench) -> None:
    """And is over when the source answers."""
    bench.source.answers(Reply(status=404))
    poller, due = bench.poller(bench.whole(), every_s=HOUR_S), START
    while due < after(DAY_S):
        bench.time.seconds = (due - START).total_seconds()
        due = (await poller.once(due)).next_at
    assert 24 <= len(bench.source.asked) <= 32  # some minutes apart at first, then every hour
    assert (bench.state.failing_since, bench.state.failures) == (START, len(bench.source.asked))
    bench.source.answers(Reply())
    assert (await poller.once(due)).how == "answered"


async def test_stopping_ends_a_poll_in_flight(bench: Bench) -> None:
    """It lands nothing, and leaves nothing behind."""
    bench.source.answers(Reply(), Reply(hangs=True))
    stop = asyncio.Event()
    task = asyncio.create_task(bench.poller(bench.pages(2), every_s=1).run(stop))
    await bench.time.passes_until(bench.source.hanging.is_set)
    stop.set()
    await task
    assert (bench.landed(), bench.hidden(), bench.state.failures) == ({}, [], 0)


async def test_a_slow_poll_does_not_overlap_the_next(bench: Bench) -> None:
    running, most, polls, stop = 0, 0, 0, asyncio.Event()

    async def fetch(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        nonlocal running, most, polls
        running, polls = running + 1, polls + 1
        most = max(most, running)
        bench.time.seconds += 1  # ten intervals
        await asyncio.sleep(0)
        running -= 1
        if polls == 3:
            stop.set()
        yield Answer("answer", str(polls).encode())

    task = asyncio.create_task(bench.poller(fetch, every_s=0.1).run(stop))
    await bench.time.passes_until(task.done)
    assert (most, polls) == (1, 3)


async def test_a_domain_that_cancels_itself_is_asked_again_on_time(bench: Bench) -> None:
    polls, stop = 0, asyncio.Event()

    async def fetch(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        nonlocal polls
        polls += 1
        if polls == 1:
            raise asyncio.CancelledError
        stop.set()
        yield Answer("answer", b"1")

    task = asyncio.create_task(bench.poller(fetch, every_s=1).run(stop))
    await bench.time.passes_until(task.done)
    assert polls == 2
    assert bench.time.seconds >= 1


@pytest.mark.parametrize("every_s", [0, -1, float("nan")])
def test_an_interval_is_positive(every_s: float, bench: Bench) -> None:
    with pytest.raises(ValueError, match="every_s"):
        Poll(every_s, bench.whole())


@pytest.mark.parametrize(
    ("cron", "due", "now", "expected"),
    [
        ("0 6 * * *", "2026-03-01T05:00", "2026-03-01T05:01", "2026-03-02T05:00"),
        ("0 6 * * *", "2026-03-28T05:00", "2026-03-28T05:01", "2026-03-29T04:00"),  # summer time begins
        ("30 2 * * *", "2026-03-28T01:30", "2026-03-28T01:31", "2026-03-29T01:00"),  # an hour that there is not
        ("0 6 * * 1", "2026-03-02T05:00", "2026-03-20T00:00", "2026-03-23T05:00"),  # what was missed is one poll
    ],
)
def test_a_schedule_is_in_the_business_time_zone(cron: str, due: str, now: str, expected: str) -> None:
    """Each run once, also where clocks are changed."""
    poll = Poll(60, _nothing, cron, "Europe/Paris")
    at = schedule.following(poll, *(datetime.fromisoformat(f"{text}+00:00") for text in (due, now)))
    assert at == datetime.fromisoformat(f"{expected}+00:00")


def test_a_missed_run_of_a_schedule_is_caught_up() -> None:
    """Soon after the start; one that is still to come is waited for, however long."""
    rng = random.Random(1)
    missed = PollState(answered_at=START, next_at=START - timedelta(hours=3))
    assert START <= schedule.first(missed, 60, START, rng, cron=True) <= after(5)
    to_come = PollState(answered_at=START, next_at=START + timedelta(days=300))
    assert schedule.first(to_come, 60, START, rng, cron=True) == START + timedelta(days=300)


def test_what_is_no_schedule_is_refused() -> None:
    """In a sentence."""
    with pytest.raises(ValueError, match="'every day' is no schedule such as 0 6"):
        Poll(60, _nothing, "every day")


async def _nothing(_: Http, __: datetime, ___: dict[str, Any]) -> AsyncIterator[Answer]:
    """Yield no answer."""
    for answer in ():
        yield answer
