"""Readings of the status at intervals, from the directories and MongoDB: it works beside any process."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import waiting_in
from multimarket_async.readers.status import Status

RATE_OVER_S = 60.0
REST = 10  # pause after a reading, as a multiple of its duration


@dataclass(frozen=True)
class Reading:
    """A status. rates: files stored per minute, by feed; empty at first. outage: why MongoDB does not answer."""

    status: Status
    rates: Counter[str]
    outage: str | None = None


class Observer:
    """Reads the status on demand, and remembers the last minute."""

    def __init__(
        self, read: Callable[[], Awaitable[Status]], channels: list[tuple[Feed, Landing]], clock: Clock
    ) -> None:
        self._read = read
        self._channels = channels
        self._clock = clock
        self._stored: deque[tuple[float, Counter[str]]] = deque()
        self._last: Status | None = None
        self.rest_s = 0.0  # to pause before the next reading, so that reading costs little

    async def reading(self) -> Reading:
        """A reading; later than the first, MongoDB's part may be the last one known. Raises Unavailable at first."""
        began = self._clock.monotonic()
        try:
            self._last = await self._read()
        except Unavailable as outage:
            if self._last is None:
                raise
            return Reading(self._without_mongodb(self._last), Counter(), str(outage))
        finally:
            self.rest_s = REST * (self._clock.monotonic() - began)
        return Reading(self._last, self._rates(self._last))

    def _rates(self, status: Status) -> Counter[str]:
        at = self._clock.monotonic()
        self._stored.append((at, Counter({feed.feed: feed.stored for feed in status.channels})))
        while len(self._stored) > 1 and self._stored[1][0] <= at - RATE_OVER_S:
            self._stored.popleft()
        (then, before), (_, after) = self._stored[0], self._stored[-1]
        return Counter({feed: round((after[feed] - before[feed]) * 60 / (at - then)) for feed in after if at > then})

    def _without_mongodb(self, last: Status) -> Status:
        """The last status with the files that wait now."""
        waiting = {landing.feed: waiting_in(landing) for _, landing in self._channels}
        names = ("waiting", "waiting_bytes", "oldest_since")
        feeds = [replace(feed, **{name: getattr(waiting[feed.feed], name) for name in names}) for feed in last.channels]
        return replace(last, channels=feeds, at=self._clock.now())
