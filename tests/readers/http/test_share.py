"""The share of the loop that requests get, and the turns of those who ask for more."""

import asyncio
from typing import Any

import pytest

from multimarket_async.readers.http import share
from multimarket_async.readers.http.share import Share

FLOODER, OTHER = "192.0.2.1", "192.0.2.2"


class Clock:
    """A time that passes when something works, or sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(share, "monotonic", clock)
    monkeypatch.setattr(share, "thread_time", clock)
    return clock


class Work:
    """Takes so many seconds of the loop for each request, in two steps."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.done: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.clock.now += self.seconds / 2
        await asyncio.sleep(0)
        self.clock.now += self.seconds / 2
        self.done.append(scope["path"])


async def busy(_: Any, __: Any, send: Any) -> None:
    send("busy")


async def ask(app: Any, path: str = "/x", address: str = FLOODER) -> list[str]:
    """Empty, or that it was refused."""
    said: list[str] = []
    await app({"type": "http", "path": path, "client": (address, 1)}, None, said.append)
    return said


async def test_who_has_used_up_its_part_is_refused(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is handled; another address is, and so are those who watch."""
    monkeypatch.setattr(share, "WITHIN_S", 0.0)
    monkeypatch.setattr(share, "WATCHED", dict.fromkeys(share.WATCHED, 1e-9))
    work = Work(clock, 10.0)
    app = Share(work, busy)
    assert await ask(app) == []
    assert await ask(app) == ["busy"]
    assert await ask(app, "/y", OTHER) == []
    assert [await ask(app, path) for path in ("/livez", "/readyz")] == [[], []]
    assert work.done == ["/x", "/y", "/livez", "/readyz"]


async def test_what_is_used_is_paid_off_with_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as much time as was used; less what was not used before."""
    monkeypatch.setattr(share, "WITHIN_S", 0.0)
    app = Share(Work(clock, 10.0), busy)
    assert await ask(app) == []
    clock.now += 10.0 / share.SHARE - 10.0 - share.SAVED_S - 0.1
    assert await ask(app) == ["busy"]
    clock.now += 0.2
    assert await ask(app) == []


async def test_addresses_have_equal_parts(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those who asked of late."""
    monkeypatch.setattr(share, "WITHIN_S", 0.0)
    app = Share(Work(clock, 10.0), busy)
    await ask(app, address=FLOODER)
    await ask(app, address=OTHER)
    clock.now += 2 * 10.0 / share.SHARE - 10.0 - 2 * share.SAVED_S
    assert await ask(app, address=OTHER) == ["busy"]


async def test_turns_come_in_order(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each after what was used before it is paid off."""
    began = []

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    async def work(scope: Any, receive: Any, send: Any) -> None:
        began.append((scope["path"], round(clock.now, 1)))
        clock.now += 1.0

    monkeypatch.setattr(share, "sleep", sleep)
    monkeypatch.setattr(share, "SAVED_S", 0.0)
    monkeypatch.setattr(share, "SHARE", 0.5)
    app = Share(work, busy)
    await asyncio.gather(*(ask(app, path) for path in ("/a", "/b", "/c")))
    assert began == [("/a", 100.0), ("/b", 102.0), ("/c", 104.0)]


async def test_a_cancelled_request_is_cancelled_within(clock: Clock) -> None:
    """Its handling can clean up, as it could without us."""
    ended, begun = [], asyncio.Event()

    async def work(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = asyncio.create_task(ask(Share(work, busy)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_a_failure_is_passed_on(clock: Clock) -> None:
    async def work(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(Share(work, busy))
