"""feed -> landing: made-up deliveries, one after the other or in a burst."""

import asyncio
import json
import random
from datetime import datetime, timedelta

import structlog

from multimarket_async.clock import Clock, pause
from multimarket_async.domains import Later, Simulate, SimulateLater
from multimarket_async.events import Events
from multimarket_async.landing import Landing

log = structlog.get_logger()

HISTORY = timedelta(days=730)  # a burst is dated over the last 24 months


class Producer:
    """Drops simulated deliveries into one feed's directory, numbered on from where the last run ended.

    later: the follow-ups that a burst drops with them; None: none.
    """

    def __init__(
        self,
        simulate: Simulate,
        landing: Landing,
        seed: int,
        clock: Clock,
        *,
        events: Events | None = None,
        later: SimulateLater | None = None,
    ) -> None:
        self.name = f"producer.{landing.feed}"
        self.dropped = 0
        self._simulate = simulate
        self._landing = landing
        self._seed = seed
        self._clock = clock
        self._events = events or Events(clock.now)
        self._later = later

    async def live(self, stop: asyncio.Event, shortest_s: float, longest_s: float) -> None:
        """Drop a delivery dated now, pause for a random time, and so on until `stop` is set."""
        rng = random.Random(f"{self._seed}:{self._landing.feed}")  # noqa: S311 - a pause is no secret
        while not stop.is_set():
            number = self._reserve(1)
            now = self._clock.now()
            await self._drop(number, now, now)
            log.info("file.dropped", feed=self._landing.feed, number=number)
            self._events.publish("file.dropped", feed=self._landing.feed, number=number)
            await pause(rng.uniform(shortest_s, longest_s), stop)

    async def burst(self, files: int) -> None:
        """Drop `files` deliveries at once, dated over the 24 months before today."""
        today = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        first = self._reserve(files)
        for number in range(first, first + files):
            await self._drop(number, today - HISTORY, today, self._later)
        log.info("burst.dropped", feed=self._landing.feed, files=files, first_number=first)

    async def _drop(
        self, number: int, earliest: datetime, latest: datetime, later: SimulateLater | None = None
    ) -> None:
        delivery = self._simulate(self._seed, number, earliest, latest)
        follow_ups = later(self._seed, delivery, latest) if later else ()
        for one in sorted([Later(0.0, delivery), *follow_ups], key=lambda one: one.after_s):
            await self._landing.drop(one.delivery.name, one.delivery.content)
            self.dropped += 1

    def _reserve(self, numbers: int) -> int:
        """The first of so many numbers that no earlier run has used, nor will a later one.

        Written down before any is used: a crash skips numbers and repeats none.
        """
        counter = self._landing.sources / ".produced"
        used: dict[str, int] = json.loads(counter.read_bytes()) if counter.exists() else {}
        first = used.get(str(self._seed), 0)
        hidden = counter.with_suffix(".part")
        hidden.write_text(json.dumps({**used, str(self._seed): first + numbers}))
        hidden.replace(counter)
        return first
