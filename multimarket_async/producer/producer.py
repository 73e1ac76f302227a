"""feed -> landing: made-up deliveries, one after the other or at full speed."""

import asyncio
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import TypeAlias

import structlog

from multimarket_async.clock import Clock, beats, pause
from multimarket_async.domains import Corruptions, Delivery, Simulate, SimulateFollowUps
from multimarket_async.files_io import atomic_write
from multimarket_async.landing import Landing, count_waiting, deliver_all, torn
from multimarket_async.producer.faults import NO_FAULTS, TORN, Faults, Source
from multimarket_async.producer.pace import ArrivalProcess
from multimarket_async.producer.period import LAST_24_MONTHS, Period

if sys.platform != "win32":
    import fcntl

log = structlog.get_logger()

AT_ONCE = 500  # files a turn: long enough for full speed, short enough to be stopped and watched
ROOM_EVERY, ROOM_AGAIN_S = 10 * AT_ONCE, 0.2
TORN_FOR_S = 0.2  # well below the default quiet_period_s: the file is whole before it could be called bad
LONGEST_LIFE, MOST_LIVES = timedelta(days=60), 100_000  # follow-ups that a live producer has still to deliver
Recorder: TypeAlias = Callable[[str, Sequence[Delivery]], AbstractContextManager[None]]
LATER_S = 0.05  # a copy is seen to be younger: file systems tell times a few milliseconds apart


@dataclass(frozen=True)
class Turns:
    """One producer makes while another one delivers: two that make, or two that deliver, only hinder each other."""

    make: asyncio.Lock = field(default_factory=asyncio.Lock)
    deliver: asyncio.Lock = field(default_factory=asyncio.Lock)


class Producer:
    """Drops simulated deliveries into one feed's directory, numbered on from where the last run ended.

    digest: SHA-256 over the names and contents of what bursts have delivered, in this order.
    expected: what must become of all that was delivered.
    recorder: entered before files are delivered, left when they are: recorder(feed, deliveries).
    torn_for_s: seconds for which the torn files of a burst stay incomplete after all others of their turn are there.
    """

    recorder: Recorder = staticmethod(lambda _feed, _deliveries: nullcontext())
    torn_for_s = 0.0

    def __init__(
        self,
        simulate: Simulate,
        landing: Landing,
        seed: int,
        clock: Clock,
        *,
        later: SimulateFollowUps | None = None,
        faults: Faults = NO_FAULTS,
        corruptions: Corruptions | None = None,
        max_backlog_files: int = 0,
    ) -> None:
        self.name = f"producer.{landing.feed}"
        self.feed = landing.feed
        self.source = Source(landing.feed, simulate, seed, faults=faults, corruptions=corruptions, later=later)
        self.digest = hashlib.sha256()
        self.expected: Counter[str] = Counter()
        self._landing = landing
        self._seed = seed
        self._clock = clock
        self._max_backlog_files = max_backlog_files
        self._later: list[Delivery] = []
        self._lives: list[tuple[datetime, int, Delivery]] = []
        self._counter = count()

    @property
    def delivered(self) -> int:
        """All files."""
        return self.expected.total()

    @property
    def share(self) -> float:
        """How many of a history's deliveries are this producer's, beside the shares of the others."""
        return self.source.simulate.share

    async def live(self, stop: asyncio.Event, rhythm: ArrivalProcess) -> None:
        """Drop deliveries dated now, pause, and so on until `stop` is set."""
        rng = random.Random(f"{self._seed}:{self.feed}")  # noqa: S311 - a pause is no secret
        simulate, began = self.source.simulate, self._clock.now()
        while not stop.is_set():
            now = began + (self._clock.now() - began) * rhythm.time_scale
            later = [*self._take_later(), *self._take_due(now)]
            for _ in range(rhythm.files(rng, simulate, now)):
                self._begin(self._next(self._reserve(1), now, now), now)
            for delivery in [*self._take_due(now), *later]:
                await self._drop(delivery)
            await pause(rhythm.pause_s(rng, simulate), stop)

    async def _drop(self, delivery: Delivery) -> None:
        with self.recorder(self.feed, [delivery]):
            if delivery.fault == TORN:
                with torn(self._landing.sources, delivery.name, delivery.content):
                    await asyncio.sleep(TORN_FOR_S)
            else:
                await self._landing.deliver(delivery.name, delivery.content)
        self.expected[delivery.expected] += 1
        label = {"fault": delivery.fault, "expected": delivery.expected} if delivery.fault else {}
        log.info("file.delivered", feed=self.feed, file=delivery.name, **label)

    async def burst(self, files: int, period: Period | None = None, turns: Turns | None = None) -> None:
        """Drop `files` deliveries at full speed, dated over the period: the last 24 months, where none is given.

        turns: shared by all who do so at once.
        """
        period, turns = period or Period.before(self._clock.now(), LAST_24_MONTHS), turns or Turns()
        first: int | None = None
        for done in range(0, files, AT_ONCE):
            if self._max_backlog_files and done % ROOM_EVERY == 0:
                await self._room()
            async with turns.make:
                begun, made = await asyncio.to_thread(self._make, min(AT_ONCE, files - done), period)
            with ExitStack() as unfinished:
                async with turns.deliver:
                    await asyncio.to_thread(self._drop_all, made, unfinished)
                await asyncio.sleep(self.torn_for_s)
            first = begun if first is None else first
        if self._later:
            await asyncio.sleep(LATER_S)
            with ExitStack() as unfinished:
                await asyncio.to_thread(self._drop_all, self._take_later(), unfinished)
        log.info("burst.delivered", feed=self.feed, files=files, first_number=first, digest=self.digest.hexdigest())

    async def _room(self) -> None:
        """Wait until a collector has made room, so that directories stay short enough to be looked through."""
        async for _ in beats(ROOM_AGAIN_S, asyncio.Event()):
            if await asyncio.to_thread(count_waiting, self._landing.sources) < self._max_backlog_files:
                return

    def _make(self, files: int, period: Period) -> tuple[int, list[Delivery]]:
        """The number of the first one, and all that is to be delivered now."""
        later, first = self._take_later(), self._reserve(files)
        numbers = range(first, first + files)
        orders = (self._next(number, period.earliest, period.latest) for number in numbers)
        lives = [one.delivery for order in orders for one in self.source.life(order, period.latest)]
        return first, lives + later

    def _next(self, number: int, earliest: datetime, latest: datetime) -> Delivery:
        delivery, later = self.source.deliveries(number, earliest, latest)
        self._later += [later] if later else []
        return delivery

    def _begin(self, delivery: Delivery, now: datetime) -> None:
        """Drop it now, and its follow-ups as they come; of very many lives the last ones are not told."""
        for one in self.source.life(delivery, now + LONGEST_LIFE):
            if one.delivery is delivery or len(self._lives) < MOST_LIVES:
                heappush(self._lives, (now + timedelta(seconds=one.after_s), next(self._counter), one.delivery))

    def _take_due(self, now: datetime) -> Iterator[Delivery]:
        while self._lives and self._lives[0][0] <= now:
            yield heappop(self._lives)[2]

    def _take_later(self) -> list[Delivery]:
        later, self._later = self._later, []
        return later

    def _drop_all(self, deliveries: Sequence[Delivery], unfinished: ExitStack) -> None:
        """All of them; the torn ones are complete, and all written down as delivered, when `unfinished` is closed."""
        unfinished.enter_context(self.recorder(self.feed, deliveries))
        for one in deliveries:
            if one.fault == TORN:
                unfinished.enter_context(torn(self._landing.sources, one.name, one.content))
        deliver_all(self._landing.sources, [(one.name, one.content) for one in deliveries if one.fault != TORN])
        for one in deliveries:
            self._count(one)

    def _count(self, one: Delivery) -> None:
        self.digest.update(b"%b\0%d\0%b" % (one.name.encode(), len(one.content), one.content))
        self.expected[one.expected] += 1

    def _reserve(self, numbers: int) -> int:
        """The first of so many numbers that no earlier run has used, nor will a later one.

        Written down before any is used: a crash skips numbers and repeats none.
        """
        counter = self._landing.sources / ".produced"
        with _alone(counter.with_suffix(".lock")):
            used: dict[str, int] = json.loads(counter.read_bytes()) if counter.exists() else {}
            first = used.get(str(self._seed), 0)
            atomic_write(counter, json.dumps({**used, str(self._seed): first + numbers}).encode())
        return first


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """No other process and no other thread is here; the kernel lets go for whoever dies."""
    with lock.open("a") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
