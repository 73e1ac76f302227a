"""Where a scenario is performed: deliveries day by day, a collector beside them, MongoDB stopped for some days."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

from multimarket_async.app import Application, side_task
from multimarket_async.clock import beats
from multimarket_async.domains import Delivery
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.producer import History, Period, Producer, write_backfill
from multimarket_async.readers.accounting import on_disk
from multimarket_async.scenarios.scenario import Day, Scenario
from multimarket_async.store import EmbeddedServer

NOT_ALONE = (
    "A scenario accounts for every file of its data folder, so it must be alone there: end the other commands on it, "
    "such as run or top, or name another folder with --data-dir."
)
NOT_OURS = "This scenario stops MongoDB, so it must be one of its own: leave out --mongo-uri."
MOVED = "Another program took the port of MongoDB meanwhile. No file is lost; try again."
LOOK_EVERY_S = 0.02
LOOKS, LOOK_AGAIN_S = 20, 0.1  # a file on its way is in two places for a moment


@dataclass(frozen=True, slots=True)
class Places:
    """How many files are where, all channels together."""

    waiting: int
    archived: int
    quarantined: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.archived + self.quarantined


@dataclass(frozen=True, slots=True)
class Lived:
    """A day that is over. max_backlog_files: at once. longest_s: the longest wait of a file that came to rest."""

    day: Day
    received: int
    max_backlog_files: int
    longest_s: float
    places: Places


@dataclass
class Stage:
    """The parts of one performance, and what was noticed in it.

    waits: of each file, seconds. missing: files that were in no place at some look, the most of them.
    away: the first and the last look at the places while MongoDB was stopped.
    """

    application: Application
    torn_for_s: float
    deliveries: list[Delivery] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    max_backlog_files: int = 0
    missing: int = 0
    away: list[Places] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.collector = self.application.collector()
        self.producers = self.application.producers()
        for producer in self.producers:
            producer.recorder, producer.torn_for_s = self._record, self.torn_for_s
        self._begun_with = self._on_disk()
        self._most_today = 0

    @contextmanager
    def _record(self, _: str, deliveries: Sequence[Delivery]) -> Iterator[None]:
        yield
        self.deliveries += deliveries

    @property
    def received(self) -> int:
        """Files, so far."""
        return sum(producer.delivered for producer in self.producers)

    @property
    def waiting(self) -> int:
        """Files received that did not come to rest yet."""
        return self.received - self.collector.tally.total()

    async def perform(self, scenario: Scenario, show: Callable[[Lived], None]) -> History:
        """All days, each shown when it is over, until nothing waits any more; what was received."""
        days = list(scenario.calendar())
        async with self._collecting(), side_task(self._watch(), "watch"):
            was_off = False
            for day in days:
                await self._switch(off=day.away, was_off=was_off)
                was_off = day.away
                made, lived = await self._live(day, scenario.seconds_a_day)
                show(lived)
            await self._switch(off=False, was_off=was_off)
        await self.collector.until_empty()
        self.waits += self.collector.tally.waits()
        await self.look()
        return replace(made, period=Period(days[0].period.earliest, days[-1].period.latest))

    @asynccontextmanager
    async def _collecting(self) -> AsyncIterator[None]:
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.collector.run(ended), name="collector")
            yield
            ended.set()

    async def _live(self, day: Day, seconds: float) -> tuple[History, Lived]:
        dropped_before, self._most_today = self.received, self.waiting
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(seconds))
            dropping = group.create_task(write_backfill(self._wanted(day), day.period))
        self._notice()
        waits = self.collector.tally.waits()
        self.waits += waits
        places = await self.look()
        if day.away:
            self.away.append(places)
        lived = Lived(day, self.received - dropped_before, self._most_today, max(waits, default=0.0), places)
        return dropping.result(), lived

    def _wanted(self, day: Day) -> dict[Producer, int]:
        return dict.fromkeys(self.producers, day.files)

    async def look(self) -> Places:
        """Where all files of this performance are now; notes those that are nowhere, or in two places."""
        for _ in range(LOOKS):
            places = await asyncio.to_thread(self._since_begun)
            if not (missing := abs(self.received - places.total)):
                return places
            await asyncio.sleep(LOOK_AGAIN_S)
        self.missing = max(self.missing, missing)
        return places

    def _since_begun(self) -> Places:
        now, then = self._on_disk(), self._begun_with
        return Places(now.waiting, now.archived - then.archived, now.quarantined - then.quarantined)

    def _on_disk(self) -> Places:
        sums: Counter[str] = Counter()
        for _, landing in self.application.channels:
            one = on_disk(landing, stored=0)
            sums.update(waiting=one.waiting, archived=one.archived, quarantined=one.quarantined.total())
        return Places(sums["waiting"], sums["archived"], sums["quarantined"])

    async def _watch(self) -> None:
        async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
            self._notice()

    def _notice(self) -> None:
        waiting = self.waiting
        self._most_today, self.max_backlog_files = max(self._most_today, waiting), max(self.max_backlog_files, waiting)

    async def _switch(self, *, off: bool, was_off: bool) -> None:
        """Stop MongoDB, or start it where it was."""
        if off == was_off:
            return
        if off:
            await stopped_by_us(self.application).stop()
        elif (server := self.application.server) and server.uri != await server.start():
            raise CannotContinue(MOVED)


def check_alone(application: Application) -> None:
    """No other command may be at work here, as far as the embedded MongoDB tells. Raises WrongSettings."""
    if application.server and not application.server.owned:
        raise WrongSettings(NOT_ALONE)


def stopped_by_us(application: Application) -> EmbeddedServer:
    """The MongoDB that is ours to stop. Raises WrongSettings."""
    check_alone(application)
    if application.server is None:
        raise WrongSettings(NOT_OURS)
    return application.server
