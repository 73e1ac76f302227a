"""An event bus inside the process: log events of some names reach its subscribers.

Publishing never waits: each subscriber has a queue of its own, and a slow one loses its oldest events.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from structlog.typing import EventDict

PUBLISHED = frozenset(
    {
        "batch.collected",
        "file.collected",
        "file.delivered",
        "file.quarantined",
        "files.quarantined",
        "generation.published",
    }
)
LOST = "events.lost"
MAX_QUEUED = 1000

_subscriptions: tuple["Subscription", ...] = ()  # the process has one log, hence one bus
_lock = Lock()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """A log event: its name (`noun.past_participle`), facts, and time."""

    name: str
    facts: Mapping[str, Any]
    at: datetime = field(default_factory=_now, compare=False)


class Subscription:
    """The events since it began, in order; iterate over it in the event loop that made it.

    Lost events are replaced by one event `events.lost`, whose fact `events` is their number.
    """

    def __init__(self, max_queued: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._lock = Lock()
        self._queue: deque[Event] = deque(maxlen=max_queued)
        self._lost = 0
        self._ended = False

    def put(self, event: Event) -> None:
        """Queue an event; from any thread."""
        with self._lock:
            self._lost += len(self._queue) == self._queue.maxlen
            self._queue.append(event)
        with suppress(RuntimeError):  # the subscriber's event loop has ended
            self._loop.call_soon_threadsafe(self._arrived.set)

    def end(self) -> None:
        """End the iteration after the events that are queued; from the event loop."""
        self._ended = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while (event := self._take()) is not None:
                yield event
            if self._ended:
                return
            await self._arrived.wait()

    def _take(self) -> Event | None:
        with self._lock:
            self._arrived.clear()
            if self._lost:
                lost, self._lost = self._lost, 0
                return Event(LOST, {"events": lost})
            return self._queue.popleft() if self._queue else None


def publish_logged(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """A structlog processor: hand log events in PUBLISHED to the subscribers; from any thread, without waiting."""
    if entry["event"] in PUBLISHED and _subscriptions:
        event = Event(entry["event"], {name: fact for name, fact in entry.items() if name != "event"})
        for subscription in _subscriptions:
            subscription.put(event)
    return entry


@contextmanager
def subscribed(max_queued: int = MAX_QUEUED) -> Iterator[Subscription]:
    """Subscribe meanwhile; at most `max_queued` events wait for this subscriber."""
    global _subscriptions  # noqa: PLW0603
    subscription = Subscription(max_queued)
    with _lock:
        _subscriptions += (subscription,)
    try:
        yield subscription
    finally:
        with _lock:
            _subscriptions = tuple(other for other in _subscriptions if other is not subscription)
