"""One run of a lesson: deliveries day by day beside a collector, scans of all places, and what must have been seen."""

import asyncio
import operator
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeAlias

from multimarket_async.app import Application, compare_sinks, side_task
from multimarket_async.clock import beats
from multimarket_async.collector.stats import Latency, measured
from multimarket_async.domains import Rehearsal, Row
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.generations import rows_by_kpi
from multimarket_async.jobs.runner import Outcome
from multimarket_async.producer import Backfill, Period, Producer, write_backfill
from multimarket_async.proving.checker import check
from multimarket_async.proving.lessons.served import Served
from multimarket_async.proving.manifest import recording
from multimarket_async.readers.accounting import FeedFiles, counted, on_disk
from multimarket_async.readers.terminal import sink_differences
from multimarket_async.readers.verify import verify
from multimarket_async.simulation import ACCEPTED, STORED
from multimarket_async.store import EmbeddedServer

NOT_ALONE = (
    "A lesson accounts for every file of its data folder, so it must be alone there: end the other commands on it, "
    "such as run or top, or name another folder with --data-dir."
)
Number: TypeAlias = int | float | Decimal
BOUNDS = {"equals": ("", operator.eq), "at_least": ("at least ", operator.ge), "at_most": ("at most ", operator.le)}
MONDAY = date(2026, 3, 2)
SAMPLE_EVERY_S = 0.02
SCANS, RESCAN_AFTER_S = 20, 0.1  # a file on its way is in two places for a moment


class Places(NamedTuple):
    """Number of files by place, all feeds together."""

    waiting: int
    archived: int
    quarantined: int


class DayEnd(NamedTuple):
    """The end of a day. peak: most files waiting at the same time. longest_s: longest wait of a file that left."""

    period: Period
    note: str
    delivered: int
    peak: int
    longest_s: float
    places: Places


class Finding(NamedTuple):
    """An expectation and what was seen, as texts."""

    title: str
    seen: str
    expected: str
    right: bool


class Run:
    """A run of a lesson on a data folder, which may hold documents already.

    until: end of the period of a burst. rehearsal: of the domain, where it is one alone. served: its API, where the
    producers poll that.
    day_s: duration of a day. torn_for_s: duration of half-written files.
    waits_s: of each file. peak: most files waiting at the same time. missing: most files in no place, or in two, at
    any scan. computed: outcomes of jobs; lacking: what others need and do not find. on_day, on_sample:
    called at the end of each day, and several times a second.
    """

    def __init__(
        self,
        application: Application,
        files_per_feed: int,
        producers: Sequence[Producer],
        *,
        until: datetime | None = None,
        day_s: float = 1.0,
        rehearsal: Rehearsal | None = None,
        served: Served | None = None,
    ) -> None:
        self.application = application
        self.served = served
        self.rehearsal = rehearsal
        self.files_per_feed = files_per_feed
        self.producers = producers
        self.until = until
        self.day_s = day_s
        self.torn_for_s = 0.0
        self.waits_s: list[float] = []
        self.peak = self._peak_today = self.missing = 0
        self.findings: list[Finding] = []
        self.computed: list[Outcome] = []
        self.lacking: set[str] = set()
        self.on_day: Callable[[DayEnd], None] = lambda _: None
        self.on_sample: Callable[[], None] = lambda: None
        self._collector = application.collector()
        self._backfills: list[Backfill] = []

    @property
    def delivered(self) -> int:
        """Files so far."""
        return sum(producer.delivered for producer in self.producers)

    @property
    def files(self) -> int:
        """Files that all feeds deliver, but for copies and follow-ups."""
        return max(1, self.files_per_feed * len(self.producers))

    @property
    def waiting(self) -> int:
        """Files delivered and not yet filed away."""
        return self.delivered - self._collector.tally.total()

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[None]:
        """Collect what waits already; then record and collect all deliveries until no file waits any more."""
        await self.application.collector().until_empty()
        self.before = await counted(self.application.feeds, self.application.store)
        for producer in self.producers:
            producer.torn_for_s = self.torn_for_s
        ended = asyncio.Event()
        served = self.served.running() if self.served else nullcontext()
        with recording(self.application, "demo", self.producers) as self.manifest:
            async with served, asyncio.TaskGroup() as group, side_task(self._sample(), "sample"):
                group.create_task(self._collector.run(ended), name="collector")
                yield
                ended.set()
        await self._collector.until_empty()
        self.waits_s += self._collector.tally.waits()
        await self.scan()

    async def compute(self) -> None:
        """Run the jobs that can run, and collect their results: these are no deliveries of this run."""
        if not (runners := self.application.runners()):
            return
        self.lacking = {need for runner in runners for need in runner.lacking}
        for runner in (runner for runner in runners if not runner.lacking):
            self.computed.append(await runner.once())
        await self._collector.until_empty()
        names, now = (
            {feed for runner in runners for feed in runner.job.feeds},
            await counted(self.application.feeds, self.application.store),
        )
        self.before = [after if after.feed in names else files for files, after in zip(self.before, now, strict=True)]

    async def live_days(self, busy: Sequence[float], first: date = MONDAY) -> None:
        """Deliver day by day beside the collector, and measure when no file waits any more."""
        async with self.collecting():
            for period, files in self.days(busy, first):
                await self.live(period, files)
        await self.measure()

    def days(self, busy: Sequence[float], first: date = MONDAY) -> Iterator[tuple[Period, int]]:
        """Successive days, and their files for each feed, in proportion to how busy they are."""
        midnight = datetime.combine(first, time(), UTC)
        sums = [round(self.files_per_feed * part / sum(busy)) for part in accumulate(busy, initial=0.0)]
        for number, (before, after) in enumerate(pairwise(sums)):
            begins = midnight + timedelta(days=number)
            yield Period(begins, begins + timedelta(days=1)), after - before

    async def live(self, period: Period, files: int, note: str = "") -> Places:
        """Deliver the files of a day, which takes at least `day_s`; the places of all files at its end."""
        before, self._peak_today = self.delivered, self.waiting
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(self.day_s))
            group.create_task(self.deliver(files, period))
        self._peak_today = max(self._peak_today, self.waiting)
        self.peak = max(self.peak, self._peak_today)
        waits_s = self._collector.tally.waits()
        self.waits_s += waits_s
        places = await self.scan()
        longest_s = max(waits_s, default=0.0)
        self.on_day(DayEnd(period, note, self.delivered - before, self._peak_today, longest_s, places))
        return places

    async def deliver(self, files: int, period: Period) -> None:
        """Deliver files into every feed at full speed, dated over the period."""
        self._backfills.append(await write_backfill(dict.fromkeys(self.producers, files), period))

    @property
    def backfill(self) -> Backfill:
        """All deliveries together."""
        first, last = self._backfills[0].period, self._backfills[-1].period
        return replace(self._backfills[-1], period=Period(first.earliest, last.latest))

    async def scan(self) -> Places:
        """The places of all files of this run; counts those that are in none of them, or in two."""
        for _ in range(SCANS):
            now = await asyncio.to_thread(lambda: [on_disk(landing) for _, landing in self.application.feeds])
            places = Places(*map(operator.sub, _places(now), _places(self.before)))
            if not (missing := abs(self.delivered - sum(places))):
                return places
            await asyncio.sleep(RESCAN_AFTER_S)
        self.missing = max(self.missing, missing)
        return places

    async def _sample(self) -> None:
        async for _ in beats(SAMPLE_EVERY_S, asyncio.Event()):
            self._peak_today = max(self._peak_today, self.waiting)
            self.on_sample()

    async def stop_mongodb(self) -> None:
        """Stop the embedded server."""
        await own_server(self.application).stop()

    async def start_mongodb(self) -> None:
        """Start it again, under the same address. Raises CannotContinue."""
        if (server := self.application.server) and server.uri != await server.start():
            raise CannotContinue("Another program took the port of MongoDB meanwhile. No file is lost; try again.")

    async def refresh(self) -> dict[str, list[Row]]:
        """Publish a generation: its rows by KPI."""
        self.generation = await self.application.snapshotter().refresh()
        return await rows_by_kpi(self.application.store, self.generation)

    async def measure(self) -> None:
        """Publish a generation, verify everything, and expect what every lesson must show."""
        application = self.application
        self.kpis = await self.refresh()
        self.report = await verify(application.domains, application.feeds, application.store, self.generation)
        self.report.sinks = await compare_sinks(application, write=True)
        self.report.differences += sink_differences(self.report.sinks)
        self.comparison = await check(application, [self.manifest.path], self.generation)
        self.expected = sum(self.manifest.expected.values(), Counter[str]())
        self.stored = self.gained(lambda files: files.stored)
        self.duplicates = self.gained(lambda files: files.duplicate)
        self.superseded = self.gained(lambda files: files.superseded)
        before = sum((files.quarantined for files in self.before), Counter[str]())
        self.quarantined = sum((files.quarantined for files in self.report.feeds), Counter[str]()) - before
        self.waits = measured(self.waits_s, application.settings.latency_budget_s) or Latency(0, 0.0, 0.0, 0.0, 0)
        self.expect("good files stored", self.gained(_accepted), equals=self._expected_good())
        self.expect("files that are not where they must be", self.comparison.wrong, equals=0)
        self.expect("files missing, at any scan", self.missing, equals=0)
        self.expect("files that still wait", sum(files.waiting for files in self.report.feeds), equals=0)

    def gained(self, count: Callable[[FeedFiles], int]) -> int:
        """The increase of a count since the run began, all feeds together."""
        return sum(map(count, self.report.feeds)) - sum(map(count, self.before))

    def _expected_good(self) -> int:
        """Files that had to be stored. In those with receipts nothing may be new: their order decides."""
        good = 0
        for feed, _ in self.application.feeds:
            expected = self.manifest.expected[feed.name]
            good += sum(expected[outcome] for outcome in (ACCEPTED if feed.has_receipts else (STORED,)))
        return good

    @property
    def documents(self) -> int:
        """New documents, or records where a file may have several."""
        several = {feed.name for feed, _ in self.application.feeds if feed.has_receipts}
        single = (number for feed, number in self.manifest.documents.items() if feed not in several)
        return sum(single) + self.gained(lambda files: files.records.records if files.feed in several else 0)

    @property
    def bad(self) -> int:
        """Delivered files that had to be quarantined."""
        return self.expected.total() - sum(self.expected[outcome] for outcome in ACCEPTED)

    def expect(self, title: str, seen: Number, **bounds: Number) -> None:
        """Note what was seen beside what must be seen: equals, at_least or at_most a number."""
        for name, bound in bounds.items():
            words, holds = BOUNDS[name]
            self.findings.append(Finding(title, _text(seen), words + _text(bound), holds(seen, bound)))


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    title: what happens. watch: what to look at. why: why what was seen is right. files_per_feed: the default.
    domain: the one it belongs to; "": any. polls: the simulated API of that domain, in place of its files.
    settings: of the program; None: as the user gave them. kpis: those to show, of the days of the lesson.
    example: the code of a quarantined file to show. next: commands to continue with; {example} is that file.
    """

    title: str
    perform: Callable[[Run], Awaitable[None]]
    files_per_feed: int
    domain: str = ""
    polls: bool = False
    watch: str = ""
    why: str = ""
    settings: Mapping[str, Any] | None = None
    stops_mongodb: bool = False
    kpis: Sequence[str] = ()
    example: str = ""
    next: Mapping[str, str] = field(default_factory=dict)


def own_server(application: Application) -> EmbeddedServer:
    """The embedded server that this process started. Raises WrongSettings if there is none."""
    if application.server is None:
        raise WrongSettings("This lesson stops MongoDB, so it must be an embedded one: leave out --mongo-uri.")
    if not application.server.owned:
        raise WrongSettings(NOT_ALONE)
    return application.server


def _accepted(files: FeedFiles) -> int:
    return files.stored if files.of_receipts is None else files.archived


def _places(feeds: Iterable[FeedFiles]) -> Places:
    counts = [(files.waiting, files.archived, files.quarantined.total()) for files in feeds]
    return Places(*map(sum, zip(*counts, strict=True)))


def _text(number: Number) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"
