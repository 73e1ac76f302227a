"""Batch by batch: read, insert, file away; the next batch is read while others are inserted or filed away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import structlog

from multimarket_async.clock import Clock, beats, pause
from multimarket_async.collector.backlog import Backlog
from multimarket_async.collector.filing import Filing, duplicates
from multimarket_async.collector.held import Held
from multimarket_async.collector.outage import Outage
from multimarket_async.collector.reader import Batch, Reader
from multimarket_async.collector.stats import Tally, by_outcome, files_of
from multimarket_async.collector.streaming import Streaming
from multimarket_async.collector.threads import in_thread
from multimarket_async.collector.writer import Writer
from multimarket_async.domains import Feed
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.landing import Landing, WaitingFile
from multimarket_async.settings import Settings
from multimarket_async.store import Filling, Outcome, Partitions, Receipts, Store
from multimarket_async.tasks import Tasks

log = structlog.get_logger()
Sweep: TypeAlias = Callable[[Callable[[], bool]], Awaitable[bool]]

BATCHES_IN_FLIGHT = 3  # being inserted or filed away; MongoDB has work while the journal of another is waited for
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.25, 2.0


class _InFlight(NamedTuple):
    """A batch in flight: the keys it writes to, its insert, and all of it. filed: never cancelled."""

    keys: set[tuple[str, str]]
    inserted: asyncio.Task[list[Outcome]]
    filed: asyncio.Task[None]


class Collector:
    """Moves files from landing to the store. Two may work on one directory: an insert is idempotent."""

    def __init__(
        self,
        feeds: Iterable[tuple[Feed, Landing]],
        store: Store,
        settings: Settings,
        clock: Clock,
        tasks: Tasks | None = None,
    ) -> None:
        self._feeds = list(feeds)
        budgets_s = {feed.name: feed.latency_budget_s for feed, _ in self._feeds if feed.latency_budget_s}
        self.tally = Tally(settings.latency_budget_s, budgets_s)
        self._single = [Backlog(feed, landing, clock) for feed, landing in self._feeds if not feed.has_receipts]
        self._batched = {backlog.feed.name for backlog in self._single}
        filling = Filling(clock)
        self._reader = Reader(self._single, filling, settings, clock)
        self._receipts = Receipts(store)
        self._writer = Writer(store, Partitions(store, clock))
        self._filing = Filing(self.tally, settings.quiet_period_s, clock)
        self._store = store
        self._settings = settings
        self._clock = clock
        # One thread each: neither the reader nor the filing may be used by two.
        self._reading, self._moving = ThreadPoolExecutor(1, "reading"), ThreadPoolExecutor(1, "filing")
        self._outage, self._away = Outage(clock), False
        self._held = Held(tasks or Tasks(clock), clock)
        several = [(feed, landing) for feed, landing in self._feeds if feed.has_receipts]
        self._streaming = Streaming(
            several,
            store,
            writer=self._writer,
            filling=filling,
            outage=self._outage,
            held=self._held,
            filing=self._filing,
            moving=self._moving,
            settings=settings,
            clock=clock,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep the directories until `stop` is set; while something outside is away, files simply wait."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._sweep_batches, stop), name="collector.batches")
            for backlog in self._streaming.backlogs:  # none waits for another one's large file
                sweep = partial(self._streaming.sweep, backlog)
                group.create_task(self._repeat(sweep, stop), name=f"collector.{backlog.feed.name}")

    async def _repeat(self, sweep: Sweep, stop: asyncio.Event) -> None:
        async for _ in beats(self._settings.scan_every_s, stop):
            backoff_s = FIRST_BACKOFF_S
            while not await sweep(stop.is_set) and not stop.is_set():
                await pause(backoff_s, stop)
                backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def until_empty(self) -> None:
        """Sweep until nothing of ours waits. Raises CannotContinue when nothing moves any more."""
        until_empty_timeout_s = self._settings.until_empty_timeout_s + self._settings.quiet_period_s
        seen: list[WaitingFile] = []
        since = self._clock.monotonic()
        while True:
            await self.sweep()
            if not (waiting := await in_thread(self._reading, self.waiting)):
                return
            if waiting != seen:
                seen, since = waiting, self._clock.monotonic()
            elif self._clock.monotonic() - since > until_empty_timeout_s:
                raise CannotContinue(f"{len(waiting)} files still wait, unharmed, in the landing directories.")
            await asyncio.sleep(self._settings.scan_every_s)

    def waiting(self) -> list[WaitingFile]:
        """Every waiting file of every feed."""
        return [file for _, landing in self._feeds for file in landing.waiting()]

    async def sweep(self, enough: Callable[[], bool] = lambda: False) -> bool:
        """Collect until no file is due; False if something outside is away.

        enough: asked before each batch; where files arrive without a pause, there is always one more.
        """
        streams = [self._streaming.sweep(backlog, enough) for backlog in self._streaming.backlogs]
        ended = await asyncio.gather(self._sweep_batches(enough), *streams, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        return all(ended)

    async def _sweep_batches(self, enough: Callable[[], bool]) -> bool:
        """Collect the files of single records, batch by batch."""
        try:
            if self._away:
                await self._store.ping()
                self._reader.requeue()
                self._reader.undefer()
                self._away = False
            self._held.retry(*self._single)
            await self._collect(enough)
            if self._filing.is_late:
                await in_thread(self._moving, partial(self._filing.report, swept=True))
            self._held.end(*self._single)
        except (Unavailable, CannotContinue) as why:
            self._away = True
            self._reader.requeue()
            self._outage.begin(why)
            await self._quarantine_meanwhile()
            return False
        except BaseException:
            self._reader.requeue()
            raise
        return True

    async def _quarantine_meanwhile(self) -> None:
        """While nothing can be stored, read each waiting file once: to quarantine a bad one takes no MongoDB.

        For a while only: as long as files arrive there is one to read, and MongoDB may be back.
        """
        until = self._clock.monotonic() + LONGEST_BACKOFF_S
        with suppress(Unavailable):
            while self._clock.monotonic() < until and (
                batch := await in_thread(self._reading, self._reader.next_batch)
            ):
                self._reader.defer(batch)
                await in_thread(self._moving, self._filing.quarantine, batch, batch.rejected)

    async def _collect(self, enough: Callable[[], bool]) -> None:
        """While batches are inserted and filed away, the next one is read."""
        reading = self._read(enough)
        in_flight: list[_InFlight] = []
        try:
            while reading and (batch := await asyncio.shield(reading)):
                reading = self._read(enough)
                if len(in_flight) == BATCHES_IN_FLIGHT:
                    await asyncio.shield(in_flight[0].filed)
                    del in_flight[0]
                in_flight.append(self._begin(batch, in_flight))
        except asyncio.CancelledError:
            _cancel_inserts(in_flight)
            with suppress(Exception):  # an insert that fails now does not undo that all of it was given up
                await _ended(reading, in_flight)
            raise
        except Exception:
            await _ended(reading, in_flight)
            raise
        await _ended(reading, in_flight)

    def _read(self, enough: Callable[[], bool]) -> asyncio.Task[Batch | None] | None:
        return None if enough() else asyncio.create_task(in_thread(self._reading, self._reader.next_batch))

    def _begin(self, batch: Batch, earlier: Iterable[_InFlight]) -> _InFlight:
        """Insert a batch and file it away. Batches with a common key keep their order: the older content is stored."""
        table = batch.backlog.feed.table.name
        keys = {(table, str(document.key)) for document in batch.documents}
        awaited = [other.inserted for other in earlier if not other.keys.isdisjoint(keys)]
        inserted = asyncio.create_task(self._insert(batch, awaited))
        return _InFlight(keys, inserted, asyncio.create_task(self._file_away(batch, inserted)))

    async def _insert(self, batch: Batch, earlier: Iterable[asyncio.Task[Any]]) -> list[Outcome]:
        """The outcomes of all documents, stored after earlier batches; if one of these fails, so does this."""
        for insert in earlier:
            await insert
        if not batch.accepted:
            return []
        began = self._clock.monotonic()
        outcomes = await self._writer.write(batch.backlog.feed, batch.documents)
        await self._receipts.write_all(list(duplicates(batch, outcomes, self._clock.now())))
        self.tally.meters.write_s.observe(self._clock.monotonic() - began)
        self._outage.end()
        return outcomes

    async def _file_away(self, batch: Batch, inserted: asyncio.Task[list[Outcome]]) -> None:
        """Rejected files do not wait for the insert, which may take long."""
        if batch.rejected:
            await in_thread(self._moving, self._filing.quarantine, batch, batch.rejected)
        try:
            outcomes = await inserted
        except (Unavailable, CannotContinue):
            raise
        except Exception as why:  # noqa: BLE001 - whatever it is, the other feeds go on
            self._reader.defer(batch)
            self._held.hold(batch.backlog, why)
            return
        await in_thread(self._moving, self._file_and_report, batch, outcomes, self._clock.monotonic())

    def _file_and_report(self, batch: Batch, outcomes: Sequence[Outcome], stored_at: float) -> None:
        self._filing.file_away(batch, outcomes, stored_at)
        self._report(self._clock.monotonic() - batch.began)

    def _report(self, seconds: float) -> None:
        """Log the files since the last report, those included that were quarantined meanwhile."""
        if gained := self.tally.gained(self._batched):
            self.tally.meters.batch_files.observe(gained.total())
            log.info("batch.collected", seconds=round(seconds, 3), **by_outcome(gained), files=files_of(gained))
        self._filing.report()


def _cancel_inserts(in_flight: Iterable[_InFlight]) -> None:
    """Inserts that hang must not delay a stop; batches that are inserted already are filed away."""
    for batch in in_flight:
        batch.inserted.cancel()


async def _ended(reading: asyncio.Task[Any] | None, in_flight: Sequence[_InFlight]) -> None:
    """Wait for all that has begun, and raise what it raised."""
    begun = [*([reading] if reading else []), *(batch.filed for batch in in_flight)]
    try:
        results = asyncio.gather(*begun, return_exceptions=True)
        failures = await asyncio.shield(results)
    except asyncio.CancelledError:
        _cancel_inserts(in_flight)
        await results
        raise
    for failure in failures:
        if isinstance(failure, BaseException):
            raise failure
