"""Events: published by the log, from any thread, without waiting for a slow subscriber."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from multimarket_async.events import Event, Subscription, publish_logged, subscribed

log = structlog.get_logger()


@pytest.fixture(autouse=True)
def _published() -> Iterator[None]:
    """The log publishes, as `logs.configure` has it."""
    configured = structlog.get_config()
    structlog.configure(processors=[publish_logged, *configured["processors"]])
    yield
    structlog.configure(**configured)


def stored(number: int) -> Event:
    return Event("batch.collected", {"stored": number})


async def first(subscription: Subscription, count: int) -> list[Event]:
    """The next `count` events."""
    events: list[Event] = []
    async for event in subscription:
        events.append(event)
        if len(events) == count:
            break
    return events


async def test_each_subscriber_gets_each_event_in_order() -> None:
    """From the beginning of the subscription to its end."""
    log.info("batch.collected", stored=0)
    with subscribed() as early:
        log.info("batch.collected", stored=1)
        with subscribed() as late:
            log.info("batch.collected", stored=2)
            assert await first(late, 1) == [stored(2)]
        log.info("batch.collected", stored=3)
    log.info("batch.collected", stored=4)
    assert await first(early, 3) == [stored(1), stored(2), stored(3)]


async def test_only_declared_events_are_published() -> None:
    """The rest of the log is nobody's business."""
    with subscribed() as subscription:
        log.info("run.started")
        log.info("batch.collected", stored=1)
        assert await first(subscription, 1) == [stored(1)]


async def test_a_waiting_subscriber_is_woken_from_a_thread() -> None:
    """The collector logs where it moves files: outside the event loop."""
    with subscribed() as subscription:
        waiting = asyncio.create_task(first(subscription, 100))
        await asyncio.sleep(0)

        def publish() -> None:
            for number in range(100):
                log.info("batch.collected", stored=number)

        await asyncio.to_thread(publish)
        assert await waiting == [stored(number) for number in range(100)]


async def test_a_slow_subscriber_loses_the_oldest_and_learns_how_many() -> None:
    """In one event, in place of the lost ones."""
    with subscribed(max_queued=2) as subscription:
        for number in range(5):
            log.info("batch.collected", stored=number)
        assert await first(subscription, 3) == [Event("events.lost", {"events": 3}), stored(3), stored(4)]
        log.info("batch.collected", stored=5)
        assert await first(subscription, 1) == [stored(5)]


async def test_memory_is_bounded() -> None:
    """However many events come, though the subscriber takes none."""
    with subscribed(max_queued=10) as subscription:
        for number in range(1000):
            log.info("batch.collected", stored=number)
        assert len(subscription._queue) == 10


def test_a_subscriber_whose_event_loop_has_ended_disturbs_nobody() -> None:
    """Logging goes on."""
    entered = list[Any]()

    async def subscribe() -> None:
        entered.append(subscribed())
        entered[0].__enter__()

    asyncio.run(subscribe())
    log.info("batch.collected", stored=1)
    entered[0].__exit__(None, None, None)
