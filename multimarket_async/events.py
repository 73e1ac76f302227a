"""What happens, told inside the process: facts that were logged, for whoever looks on.

Who publishes waits for nobody: each subscriber has a queue of its own, and one that is slow loses the oldest.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

MOST_WAITING = 1000
LOST = "events.lost"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """A log event: its name (`noun.past_participle`), when, and its facts."""

    name: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


class Subscription:
    """The events since it began, in their order; iterate over it in the event loop where it was made.

    What was lost is told in an event `events.lost` with the fact `events`, in the place of what is missing.
    """

    def __init__(self, most: int, now: Callable[[], datetime]) -> None:
        self._most = most
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._lock = Lock()
        self._waiting: deque[Event] = deque()
        self._lost = 0

    def put(self, event: Event) -> None:
        """Called from any thread."""
        with self._lock:
            if len(self._waiting) == self._most:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(event)
        with suppress(RuntimeError):  # the loop has ended, and with it whoever listened
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while (event := self._take()) is not None:
                yield event
            await self._arrived.wait()

    def _take(self) -> Event | None:
        with self._lock:
            self._arrived.clear()
            if self._lost:
                lost, self._lost = self._lost, 0
                return Event(LOST, self._now(), {"events": lost})
            return self._waiting.popleft() if self._waiting else None


class Events:
    """Where stages publish and readers subscribe."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def publish(self, name: str, **facts: Any) -> None:
        """Tell everybody who listens now; from any thread, without waiting."""
        event = Event(name, self._now(), facts)
        for one in self._subscriptions:
            one.put(event)

    @contextmanager
    def subscribed(self, most: int = MOST_WAITING) -> Iterator[Subscription]:
        """Listen meanwhile; at most `most` events wait for this subscriber."""
        one = Subscription(most, self._now)
        with self._lock:
            self._subscriptions += (one,)
        try:
            yield one
        finally:
            with self._lock:
                self._subscriptions = tuple(other for other in self._subscriptions if other is not one)
