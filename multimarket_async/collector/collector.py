"""Batch by batch: read, insert, archive; the next one is read while others are inserted or archived."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import structlog

from multimarket_async.clock import Clock, beats, pause
from multimarket_async.collector.backlog import Backlog
from multimarket_async.collector.batch import Parsed, runs
from multimarket_async.collector.intake import Batch, Intake
from multimarket_async.collector.mover import Decided, Mover, archive
from multimarket_async.collector.tally import Tally, by_outcome, files_of
from multimarket_async.collector.writer import Writer
from multimarket_async.domains import Feed
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.landing import Landing, WaitingFile
from multimarket_async.settings import Settings
from multimarket_async.store import DirtyPartitions, Outcome, Store

T = TypeVar("T")
log = structlog.get_logger()

BATCHES_AT_ONCE = 3  # being inserted or archived; MongoDB has work while the journal of another is waited for
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.25, 2.0


class _Storing(NamedTuple):
    """A batch on its way: the keys that it writes to, its insert, and all of it. archived: never cancelled."""

    keys: set[str]
    inserting: asyncio.Task[list[list[Outcome]]]
    archived: asyncio.Task[None]


class Collector:
    """Moves what lands into the store. Two may work on one directory: a key goes in once."""

    def __init__(
        self,
        feeds: Iterable[tuple[Feed, Landing]],
        store: Store,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.tally = Tally(settings.latency_budget_s)
        backlogs = {feed.name: Backlog(feed, landing, clock) for feed, landing in feeds}
        self._mover = Mover(backlogs, self.tally, settings.quiet_period_s, clock)
        self._intake = Intake(backlogs, self._mover, settings, clock)
        self._store = store
        lives = {one.feed.collection: one.feed.life for one in backlogs.values() if one.feed.life}
        self._writer = Writer(store, DirtyPartitions(store, clock), lives)
        self._settings = settings
        self._clock = clock
        # One thread for what knows which files are in hand; one that only moves, and needs no interpreter for it.
        self._files, self._moving = ThreadPoolExecutor(1, "files"), ThreadPoolExecutor(1, "moving")
        self._interrupted_at: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep the directories until `stop` is set; while something outside is away, files simply wait."""
        async for _ in beats(self._settings.scan_every_s, stop):
            backoff_s = FIRST_BACKOFF_S
            while not await self.sweep(stop.is_set) and not stop.is_set():
                await pause(backoff_s, stop)
                backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def until_empty(self) -> None:
        """Sweep until nothing of ours waits. Raises CannotContinue when nothing moves any more."""
        until_empty_timeout_s = self._settings.until_empty_timeout_s + self._settings.quiet_period_s
        seen: list[WaitingFile] = []
        since = self._clock.monotonic()
        while True:
            await self.sweep()
            if not (waiting := await self._in_thread(self.waiting)):
                return
            if waiting != seen:
                seen, since = waiting, self._clock.monotonic()
            elif self._clock.monotonic() - since > until_empty_timeout_s:
                raise CannotContinue(f"{len(waiting)} files still wait, unharmed, in the landing directories.")
            await asyncio.sleep(self._settings.scan_every_s)

    def waiting(self) -> list[WaitingFile]:
        """Every waiting file of every feed."""
        return self._intake.waiting()

    async def sweep(self, enough: Callable[[], bool] = lambda: False) -> bool:
        """Collect batch by batch until no file is due; False if something outside is away.

        enough: asked before each batch; where files arrive without a pause, there is always one more.
        """
        try:
            if self._interrupted_at is not None:
                await self._try_again()
            await self._collect(enough)
        except Unavailable as why:
            self._interrupted(why)
            await self._examine()
            return False
        except asyncio.CancelledError:
            self._intake.forget()
            raise
        return True

    async def _try_again(self) -> None:
        await self._store.ping()
        self._intake.forget()
        self._intake.release()

    async def _examine(self) -> None:
        """While nothing can be stored, look at what waits, once: bad files need no MongoDB to be set aside.

        For a while only: as long as files arrive there is one to look at, and MongoDB may be back.
        """
        until = self._clock.monotonic() + LONGEST_BACKOFF_S
        with suppress(Unavailable):
            while self._clock.monotonic() < until and (batch := await self._in_thread(self._intake.next_batch)):
                self._intake.leave(batch)

    async def _collect(self, enough: Callable[[], bool]) -> None:
        """While batches are inserted and archived, the next one is read."""
        reading = None if enough() else asyncio.create_task(self._in_thread(self._intake.next_batch))
        storing: list[_Storing] = []
        try:
            while reading and (batch := await asyncio.shield(reading)):
                reading = None if enough() else asyncio.create_task(self._in_thread(self._intake.next_batch))
                if len(storing) == BATCHES_AT_ONCE:
                    await asyncio.shield(storing[0].archived)
                    del storing[0]
                storing.append(self._store_and_archive(batch, storing))
        except asyncio.CancelledError:
            _give_up(storing)
            raise
        finally:
            await _ended(reading, storing)

    def _store_and_archive(self, batch: Batch, earlier: Iterable[_Storing]) -> _Storing:
        """Begin with it. What comes for one key keeps its order: of two contents the older one is stored."""
        keys = {str(one.key) for file in batch.parsed for one in file.documents}
        awaited = [one.inserting for one in earlier if not one.keys.isdisjoint(keys)]
        inserting = asyncio.create_task(self._insert(batch, awaited))
        return _Storing(keys, inserting, asyncio.create_task(self._archive(batch, inserting)))

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """What a thread has begun cannot be stopped: who is cancelled meanwhile waits for its end."""
        future = asyncio.get_running_loop().run_in_executor(self._files, work, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    async def _insert(self, batch: Batch, earlier: Iterable[asyncio.Task[Any]]) -> list[list[Outcome]]:
        """The outcomes of each file's documents, stored after earlier ones; if one of these fails, so does this."""
        for one in earlier:
            await one
        outcomes: list[list[Outcome]] = []
        for collection, files in runs(batch.parsed):
            documents, began = [one for file in files for one in file.documents], self._clock.monotonic()
            found = await self._writer.write(collection, documents)
            self.tally.meters.write_s.observe(self._clock.monotonic() - began)
            self._resumed()
            outcomes += _by_file(files, found)
        return outcomes

    async def _archive(self, batch: Batch, inserting: asyncio.Task[list[list[Outcome]]]) -> None:
        outcomes, stored_at = await inserting, self._clock.monotonic()
        loop, day = asyncio.get_running_loop(), self._clock.now().date()
        decided = await loop.run_in_executor(self._moving, archive, batch.parsed, outcomes, day)
        await self._in_thread(self._settle, batch, decided, day, stored_at)

    def _settle(self, batch: Batch, decided: Sequence[Decided], day: date, stored_at: float) -> None:
        self._mover.settle(decided, day, stored_at)
        self._tell(self._clock.monotonic() - batch.began)

    def _interrupted(self, why: Unavailable) -> None:
        self._intake.forget()
        if self._interrupted_at is None:
            self._interrupted_at = self._clock.monotonic()
            log.warning("collection.interrupted", why=str(why))

    def _resumed(self) -> None:
        if self._interrupted_at is not None:
            log.info("collection.resumed", after_s=round(self._clock.monotonic() - self._interrupted_at, 1))
            self._interrupted_at = None

    def _tell(self, seconds: float) -> None:
        """What happened since the last batch, those files included that were set aside meanwhile."""
        if gained := self.tally.gained():
            self.tally.meters.batch_files.observe(gained.total())
            log.info("batch.collected", seconds=round(seconds, 3), **by_outcome(gained), files=files_of(gained))
        if late := self.tally.breaches():
            log.warning("latency.breached", **asdict(late))
        self._mover.tell_stuck()


def _by_file(files: Sequence[Parsed], outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    if {len(file.documents) for file in files} == {1}:
        return [[one] for one in outcomes]
    rest = iter(outcomes)
    return [list(islice(rest, len(file.documents))) for file in files]


def _give_up(storing: Iterable[_Storing]) -> None:
    """Inserts that hang must keep nobody from stopping; what is inserted already is archived."""
    for one in storing:
        one.inserting.cancel()


async def _ended(reading: asyncio.Task[Any] | None, storing: Sequence[_Storing]) -> None:
    """What a thread has begun cannot be stopped: wait for it, and hear what it has to say."""
    begun = [*([reading] if reading else []), *(one.archived for one in storing)]
    try:
        heard = asyncio.gather(*begun, return_exceptions=True)
        failures = await asyncio.shield(heard)
    except asyncio.CancelledError:
        _give_up(storing)
        await heard
        raise
    for failure in failures:
        if isinstance(failure, BaseException):
            raise failure
