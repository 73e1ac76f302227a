"""feed -> landing: simulated deliveries, live at the pace of an arrival process or in a burst at full speed."""

import asyncio
import hashlib
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import TypeAlias

import structlog

from multimarket_async.clock import Clock, beats, pause
from multimarket_async.domains import Feed
from multimarket_async.files_io import atomic_write, open_itself
from multimarket_async.landing import Landing, count_waiting, deliver, torn
from multimarket_async.producer.faults import TORN, Source
from multimarket_async.producer.pace import ArrivalProcess, SimulatedTime
from multimarket_async.producer.period import LAST_24_MONTHS, Period
from multimarket_async.settings import Settings
from multimarket_async.simulation import Delivery

if sys.platform != "win32":
    import fcntl

log = structlog.get_logger()

TURN_FILES = 500  # long enough for full speed, short enough to be stopped and watched
CHECK_BACKLOG_EVERY_FILES, RECHECK_AFTER_S = 10 * TURN_FILES, 0.2
TORN_FOR_S = 0.2  # well below the default quiet_period_s: the file is complete before it could be quarantined
LONGEST_LIFECYCLE, MOST_FOLLOW_UPS = timedelta(days=60), 100_000  # that a live producer schedules
COPIES_AFTER_S = 0.05  # so that a copy has a later change time: file systems keep times to a few milliseconds
Recorder: TypeAlias = Callable[[str, Sequence[Delivery]], AbstractContextManager[None]]


@dataclass(frozen=True)
class Turns:
    """Turns of several producers: while one makes files another delivers; two that do the same would only wait."""

    make: asyncio.Lock = field(default_factory=asyncio.Lock)
    deliver: asyncio.Lock = field(default_factory=asyncio.Lock)


class Producer:
    """Delivers simulated files into the directory of a feed, numbered on from where the last run ended.

    digest: SHA-256 over the names and contents that bursts have delivered, in this order.
    expected: number of delivered files by outcome.
    recorder: entered before files are delivered, left when they are: recorder(feed, deliveries).
    torn_for_s: seconds for which the torn files of a burst stay incomplete after all others of their turn are there.
    Raises WrongSettings if the setting `faults` is wrong.
    """

    def __init__(self, feed: Feed, landing: Landing, settings: Settings, clock: Clock) -> None:
        self.name = f"producer.{feed.name}"
        self.feed = feed.name
        self.source = Source(feed, settings)
        self.digest = hashlib.sha256()
        self.expected: Counter[str] = Counter()
        self.recorder: Recorder = lambda _feed, _deliveries: nullcontext()
        self.torn_for_s = 0.0
        self._landing = landing
        self._settings = settings
        self._clock = clock
        self._copies: list[Delivery] = []
        self._scheduled: list[tuple[datetime, int, Delivery]] = []
        self._counter = count()
        self._most = feed.simulated_files

    @property
    def delivered(self) -> int:
        """The number of delivered files."""
        return self.expected.total()

    async def live(self, stop: asyncio.Event, arrivals: ArrivalProcess) -> None:
        """Deliver files dated now, by simulated time, pause, and so on until `stop` is set."""
        rng = random.Random(f"{self._settings.seed}:{self.feed}")  # noqa: S311 - a pause is no secret
        simulate, time = self.source.simulate, SimulatedTime(self._clock.now(), arrivals.time_scale)
        while not stop.is_set():
            now = time.at(clock_time := self._clock.now())
            if now == clock_time:
                arrivals = replace(arrivals, time_scale=min(arrivals.time_scale, 1.0))
            copies = self._take_copies()
            for _ in range(arrivals.files(rng, simulate, now)):
                for number in await asyncio.to_thread(self._reserve, 1):
                    self._schedule(self._next(number, now, now), now)
            for delivery in [*self._take_due(now), *copies]:
                await self._deliver(delivery)
            await pause(arrivals.pause_s(rng, simulate), stop)

    async def _deliver(self, delivery: Delivery) -> None:
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
        """Deliver files at full speed, dated over the period: by default the last 24 months.

        turns: shared by all producers that do so at the same time.
        """
        period, turns = period or Period.before(self._clock.now(), LAST_24_MONTHS), turns or Turns()
        first_number: int | None = None
        for done in range(0, files, TURN_FILES):
            if self._settings.max_backlog_files and done % CHECK_BACKLOG_EVERY_FILES == 0:
                await self._wait_for_collector()
            async with turns.make:
                first, deliveries = await asyncio.to_thread(self._make, min(TURN_FILES, files - done), period)
            with ExitStack() as incomplete:
                async with turns.deliver:
                    await asyncio.to_thread(self._deliver_all, deliveries, incomplete)
                await asyncio.sleep(self.torn_for_s)
            first_number = first if first_number is None else first_number
        if self._copies:
            await asyncio.sleep(COPIES_AFTER_S)
            with ExitStack() as incomplete:
                await asyncio.to_thread(self._deliver_all, self._take_copies(), incomplete)
        digest = self.digest.hexdigest()
        log.info("burst.delivered", feed=self.feed, files=files, first_number=first_number, digest=digest)

    async def _wait_for_collector(self) -> None:
        """Wait until fewer than `max_backlog_files` files wait, so that directories stay short enough to be scanned."""
        async for _ in beats(RECHECK_AFTER_S, asyncio.Event()):
            waiting = await asyncio.to_thread(count_waiting, self._landing.sources, self._landing.suffixes)
            if waiting < self._settings.max_backlog_files:
                return

    def _make(self, files: int, period: Period) -> tuple[int, list[Delivery]]:
        """The first number, and everything to be delivered in this turn."""
        copies, numbers = self._take_copies(), self._reserve(files)
        made = [self._next(number, period.earliest, period.latest) for number in numbers]
        lives = [later.delivery for delivery in made for later in self.source.with_follow_ups(delivery, period.latest)]
        return numbers.start, lives + copies

    def _next(self, number: int, earliest: datetime, latest: datetime) -> Delivery:
        delivery, copy = self.source.deliveries(number, earliest, latest)
        self._copies += [copy] if copy else []
        return delivery

    def _schedule(self, delivery: Delivery, now: datetime) -> None:
        """Schedule it for now, and its follow-ups for their time, up to a number that memory bounds."""
        for later in self.source.with_follow_ups(delivery, now + LONGEST_LIFECYCLE):
            if later.delivery is delivery or len(self._scheduled) < MOST_FOLLOW_UPS:
                at = now + timedelta(seconds=later.after_s)
                heappush(self._scheduled, (at, next(self._counter), later.delivery))

    def _take_due(self, now: datetime) -> Iterator[Delivery]:
        while self._scheduled and self._scheduled[0][0] <= now:
            yield heappop(self._scheduled)[2]

    def _take_copies(self) -> list[Delivery]:
        copies, self._copies = self._copies, []
        return copies

    def _deliver_all(self, deliveries: Sequence[Delivery], incomplete: ExitStack) -> None:
        """Deliver all of them; the torn ones are complete, and all are recorded, when `incomplete` is closed."""
        incomplete.enter_context(self.recorder(self.feed, deliveries))
        for delivery in deliveries:
            if delivery.fault == TORN:
                incomplete.enter_context(torn(self._landing.sources, delivery.name, delivery.content))
        whole = [(delivery.name, delivery.content) for delivery in deliveries if delivery.fault != TORN]
        deliver(self._landing.sources, whole, self._landing.suffixes)
        for delivery in deliveries:
            name, content = delivery.name.encode(), delivery.content
            self.digest.update(b"%b\0%d\0%b" % (name, len(content), content))
            self.expected[delivery.expected] += 1

    def _reserve(self, numbers: int) -> range:
        """Numbers that no earlier run has used, nor a later one will; fewer where the feed has no more.

        Written before any is used: a crash skips numbers and repeats none.
        """
        counter, seed = self._landing.sources / ".produced", str(self._settings.seed)
        locked = open_itself(counter.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
        with os.fdopen(locked, "r+b") as lock:  # the kernel releases that of a killed process
            if sys.platform != "win32":
                fcntl.flock(lock, fcntl.LOCK_EX)
            used = _used(counter)
            first = used.get(seed, 0)
            end = first + numbers if self._most is None else max(first, min(first + numbers, self._most))
            if end > first:
                atomic_write(counter, json.dumps({**used, seed: end}).encode())
        return range(first, end)


def _used(counter: Path) -> dict[str, int]:
    """The numbers that were used, by seed."""
    try:
        with os.fdopen(open_itself(counter, os.O_RDONLY), "rb") as file:
            used: dict[str, int] = json.load(file)
    except FileNotFoundError:
        return {}
    return used
