"""Readings of the status at intervals, from the directories and MongoDB: it works beside any process."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import waiting_in
from multimarket_async.readers.status import Mongo, Rates, StatusResponse

REST = 10  # pause after a reading, as a multiple of its duration


class Observer:
    """Reads the status on demand, and remembers the last minute."""

    def __init__(
        self, read: Callable[[], Awaitable[StatusResponse]], feeds: Sequence[tuple[Feed, Landing]], clock: Clock
    ) -> None:
        self._read = read
        self._landings = [landing for _, landing in feeds]
        self._clock = clock
        self._rates = Rates()
        self._last: StatusResponse | None = None
        self.rest_s = 0.0  # to pause before the next reading, so that reading costs little

    async def reading(self) -> StatusResponse:
        """The status with its rates; later than the first, MongoDB's part may be the last one. Raises Unavailable."""
        began = self._clock.monotonic()
        try:
            self._last = await self._read()
        except Unavailable as outage:
            if self._last is None:
                raise
            return self._without_mongodb(self._last, str(outage))
        finally:
            self.rest_s = REST * (self._clock.monotonic() - began)
        stored = Counter({feed.feed: feed.stored or 0 for feed in self._last.feeds})
        rates = self._rates.at(self._clock.monotonic(), stored)
        for feed in self._last.feeds:
            feed.rate_per_minute = None if rates is None else rates[feed.feed]
        return self._last

    def _without_mongodb(self, last: StatusResponse, outage: str) -> StatusResponse:
        """The last status with the files that wait now."""
        now = self._clock.now()
        waiting = {landing.feed: waiting_in(landing) for landing in self._landings}
        feeds = [feed.model_copy() for feed in last.feeds]
        for feed in feeds:
            files = waiting[feed.feed]
            feed.received += files.waiting - feed.waiting
            feed.waiting, feed.waiting_bytes = files.waiting, files.waiting_bytes
            feed.unknown, feed.unknown_example = files.unknown
            feed.oldest_s, feed.rate_per_minute = files.oldest_age_s(now), None
        return last.model_copy(update={"at": now, "feeds": feeds, "mongo": Mongo(ok=False, why=outage)})
