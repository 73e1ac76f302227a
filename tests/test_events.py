"""Events: told to whoever listens, from any thread, and never waiting for one who is slow."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from multimarket_async.events import Event, Events, Subscription

AT = datetime(2026, 5, 1, tzinfo=UTC)


def told(number: int) -> Event:
    return Event("batch.collected", AT, {"stored": number})


async def first(subscription: Subscription, most: int) -> list[Event]:
    """So many events, if they come."""
    found: list[Event] = []
    async for event in subscription:
        found.append(event)
        if len(found) == most:
            break
    return found


async def test_everybody_is_told_everything_in_order() -> None:
    """Since they began to listen, and until they end."""
    events = Events(lambda: AT)
    events.publish("batch.collected", stored=0)
    with events.subscribed() as one:
        events.publish("batch.collected", stored=1)
        with events.subscribed() as other:
            events.publish("batch.collected", stored=2)
            assert await first(other, 1) == [told(2)]
        events.publish("batch.collected", stored=3)
    events.publish("batch.collected", stored=4)
    assert await first(one, 3) == [told(1), told(2), told(3)]


async def test_who_waits_is_woken_from_a_thread() -> None:
    """The collector publishes where it moves files: outside the event loop."""
    events = Events(lambda: AT)
    with events.subscribed() as one:
        waiting = asyncio.create_task(first(one, 100))
        await asyncio.sleep(0)

        def publish() -> None:
            for number in range(100):
                events.publish("batch.collected", stored=number)

        await asyncio.to_thread(publish)
        assert await waiting == [told(number) for number in range(100)]


async def test_who_is_slow_loses_the_oldest_and_is_told_how_many() -> None:
    """Once, in their place."""
    events = Events(lambda: AT)
    with events.subscribed(most=2) as one:
        for number in range(5):
            events.publish("batch.collected", stored=number)
        assert await first(one, 3) == [Event("events.lost", AT, {"events": 3}), told(3), told(4)]
        events.publish("batch.collected", stored=5)
        assert await first(one, 1) == [told(5)]


async def test_memory_is_bounded() -> None:
    """Whatever comes, and though nobody takes it."""
    events = Events()
    with events.subscribed(most=10) as one:
        for number in range(10_000):
            events.publish("batch.collected", stored=number)
        assert len(one._waiting) == 10


def test_a_listener_whose_loop_has_ended_disturbs_nobody() -> None:
    """It is the publisher that goes on."""
    events, left = Events(), list[Any]()

    async def subscribe() -> None:
        left.append(events.subscribed())
        left[0].__enter__()

    asyncio.run(subscribe())
    events.publish("batch.collected", stored=1)
