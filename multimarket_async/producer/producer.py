"""feed -> landing: made-up deliveries, one after the other or at full speed."""

import asyncio
import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from datetime import datetime

import structlog

from multimarket_async.clock import Clock, pause
from multimarket_async.domains import Simulate
from multimarket_async.landing import Landing, drop_all
from multimarket_async.producer.pace import Rhythm
from multimarket_async.producer.period import LAST_24_MONTHS, Period

log = structlog.get_logger()

AT_ONCE = 500  # files a turn: long enough for full speed, short enough to be stopped and watched


class Producer:
    """Drops simulated deliveries into one feed's directory, numbered on from where the last run ended.

    digest: SHA-256 over the names and contents of what bursts have dropped, in the order of their numbers.
    """

    def __init__(self, simulate: Simulate, landing: Landing, seed: int, clock: Clock) -> None:
        self.name = f"producer.{landing.feed}"
        self.feed = landing.feed
        self.dropped = 0
        self.digest = hashlib.sha256()
        self._simulate = simulate
        self._landing = landing
        self._seed = seed
        self._clock = clock

    @property
    def share(self) -> float:
        """How many of a history's deliveries are this producer's, beside the shares of the others."""
        return self._simulate.share

    @property
    def made_of(self) -> dict[str, str | int]:
        """All that decides what a delivery is, besides its feed, its number and its period."""
        return dict(self._simulate.made_of(self._seed))

    async def live(self, stop: asyncio.Event, rhythm: Rhythm) -> None:
        """Drop deliveries dated now, pause, and so on until `stop` is set."""
        rng = random.Random(f"{self._seed}:{self.feed}")  # noqa: S311 - a pause is no secret
        began = self._clock.now()
        while not stop.is_set():
            now = began + (self._clock.now() - began) * rhythm.speed
            for _ in range(rhythm.files(rng, self._simulate, now)):
                await self._drop_one(now)
            await pause(rhythm.pause_s(rng, self._simulate), stop)

    async def _drop_one(self, now: datetime) -> None:
        number = self._reserve(1)
        delivery = self._simulate(self._seed, number, now, now)
        await self._landing.drop(delivery.name, delivery.content)
        self.dropped += 1
        log.info("file.dropped", feed=self.feed, number=number)

    async def burst(self, files: int, period: Period | None = None, turn: asyncio.Lock | None = None) -> None:
        """Drop `files` deliveries at full speed, dated over the period: the last 24 months, where none is given.

        turn: shared by all who do so at once; threads that make nothing but short system calls hinder each other.
        """
        period, turn = period or Period.before(self._clock.now(), LAST_24_MONTHS), turn or asyncio.Lock()
        first: int | None = None
        for done in range(0, files, AT_ONCE):
            async with turn:
                begun = await asyncio.to_thread(self._drop_some, min(AT_ONCE, files - done), period)
            first = begun if first is None else first
        log.info("burst.dropped", feed=self.feed, files=files, first_number=first, digest=self.digest.hexdigest())

    def _drop_some(self, files: int, period: Period) -> int:
        first = self._reserve(files)
        drop_all(self._landing.sources, self._made(range(first, first + files), period))
        return first

    def _made(self, numbers: Iterable[int], period: Period) -> Iterator[tuple[str, bytes]]:
        """Name and content of each; what is asked for the next one has dropped this one."""
        for number in numbers:
            one = self._simulate(self._seed, number, period.earliest, period.latest)
            yield one.name, one.content
            self.digest.update(b"%b\0%d\0%b" % (one.name.encode(), len(one.content), one.content))
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
