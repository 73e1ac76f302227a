"""One batch after the other: take, read, set the bad aside, insert the good, archive."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from multimarket_async.clock import Clock, beats, pause
from multimarket_async.collector.backlog import UNTIL_RELEASED, Backlog, Taken
from multimarket_async.collector.parsed import Parsed, documents_of, runs, verdict
from multimarket_async.collector.tally import Tally, by_outcome, files_of
from multimarket_async.domains import Feed
from multimarket_async.errors import CannotContinue, Rejected, Unavailable
from multimarket_async.events import Events
from multimarket_async.landing import Landing, WaitingFile, read
from multimarket_async.settings import Settings
from multimarket_async.store import Marks, Outcome, Store

log = structlog.get_logger()

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.25, 2.0


class Collector:
    """Moves what lands into the store. Two may work on one directory: a key goes in once."""

    def __init__(
        self,
        feeds: Iterable[tuple[Feed, Landing]],
        store: Store,
        settings: Settings,
        clock: Clock,
        events: Events | None = None,
    ) -> None:
        self.tally = Tally(settings.latency_budget_s)
        self._backlogs = {feed.name: Backlog(feed, landing, clock) for feed, landing in feeds}
        self._store = store
        self._marks = Marks(store, clock)
        self._settings = settings
        self._clock = clock
        self._events = events or Events(clock.now)
        self._interrupted_at: float | None = None
        self._stuck: set[Path] = set()
        self._unseen: set[str] = set()
        self._astray: list[tuple[Landing, Path, str]] = []
        self._newly_stuck: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep the directories until `stop` is set; while something outside is away, files simply wait."""
        async for _ in beats(self._settings.scan_every_s, stop):
            backoff_s = FIRST_BACKOFF_S
            while not await self.sweep(stop.is_set) and not stop.is_set():
                await pause(backoff_s, stop)
                backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def until_empty(self) -> None:
        """Sweep until nothing of ours waits. Raises CannotContinue when nothing moves any more."""
        patience_s = self._settings.patience_s + self._settings.settle_s
        seen: list[WaitingFile] = []
        since = self._clock.monotonic()
        while waiting := await asyncio.to_thread(self.waiting):
            await self.sweep()
            if waiting != seen:
                seen, since = waiting, self._clock.monotonic()
            elif self._clock.monotonic() - since > patience_s:
                raise CannotContinue(f"{len(waiting)} files still wait, unharmed, in the landing directories.")
            await asyncio.sleep(self._settings.scan_every_s)

    def waiting(self) -> list[WaitingFile]:
        """Every waiting file of every feed."""
        return [file for backlog in self._backlogs.values() for file in backlog.landing.waiting()]

    async def sweep(self, enough: Callable[[], bool] = lambda: False) -> bool:
        """Collect batch by batch until no file is due; False if something outside is away.

        enough: asked before each batch; where files arrive without a pause, there is always one more.
        """
        try:
            if self._interrupted_at is not None:
                await self._try_again()
            while not enough() and (batch := await asyncio.to_thread(self._take)):
                await self._collect(batch)
        except Unavailable as why:
            self._interrupted(why)
            await self._examine()
            return False
        return True

    async def _try_again(self) -> None:
        await self._store.ping()
        for backlog in self._backlogs.values():
            backlog.release()

    async def _examine(self) -> None:
        """While nothing can be stored, look at what waits, once: bad files need no MongoDB to be set aside.

        For a while only: as long as files arrive there is one to look at, and MongoDB may be back.
        """
        until = self._clock.monotonic() + LONGEST_BACKOFF_S
        with suppress(Unavailable):
            while self._clock.monotonic() < until and (batch := await asyncio.to_thread(self._take)):
                for good in await asyncio.to_thread(self._parse, batch):
                    self._leave(good.taken, UNTIL_RELEASED, "good")

    async def _collect(self, batch: list[Taken]) -> None:
        before, started = self.tally.outcomes.copy(), self._clock.monotonic()
        parsed = await asyncio.to_thread(self._parse, batch)
        outcomes = await self._insert(parsed)
        await asyncio.to_thread(self._put_away, parsed, outcomes)
        self._tell(self.tally.outcomes - before, self._clock.monotonic() - started)

    def _take(self) -> list[Taken]:
        """A batch: an equal share from every channel, then more from those that have more."""
        files, size, channels = self._settings.batch_files, self._settings.batch_bytes, len(self._backlogs)
        self._put_back()
        batch: list[Taken] = []
        for backlog in self._backlogs.values():
            batch += self._look(backlog, min(max(1, files // channels), files - len(batch)), size // channels + 1)
        for backlog in self._backlogs.values():
            bytes_left = size - sum(taken.file.bytes for taken in batch)
            batch += backlog.take_known(files - len(batch), bytes_left)
        return batch

    def _look(self, backlog: Backlog, most_files: int, most_bytes: int) -> list[Taken]:
        """A folder that cannot be listed holds up no other."""
        try:
            taken = backlog.take(most_files, most_bytes)
        except Unavailable as why:
            if backlog.feed.name not in self._unseen:
                log.warning("feed.unreadable", feed=backlog.feed.name, why=str(why))
            self._unseen.add(backlog.feed.name)
            return []
        self._unseen.discard(backlog.feed.name)
        return taken

    def _parse(self, batch: list[Taken]) -> list[Parsed]:
        """Read and parse a batch, in one thread; what cannot be accepted is dealt with at once."""
        now = self._clock.now()
        return [parsed for taken in batch if (parsed := self._parse_one(taken, now))]

    def _parse_one(self, taken: Taken, now: datetime) -> Parsed | None:
        sha256 = None
        try:
            content = read(taken.file, self._settings.max_file_bytes)
            sha256 = hashlib.sha256(content).hexdigest()
            return Parsed(taken, content, sha256, documents_of(taken, content, sha256, now))
        except FileNotFoundError:  # somebody else took it
            return None
        except Rejected as rejected:
            self._refuse(taken, rejected, sha256)
            return None

    async def _insert(self, parsed: list[Parsed]) -> list[list[Outcome]]:
        """The outcomes of each file's documents."""
        outcomes: list[list[Outcome]] = []
        for collection, files in runs(parsed):
            documents, started = [one for file in files for one in file.documents], self._clock.monotonic()
            async with self._marks.around(collection, {one.partition for one in documents}):
                found = iter(await self._store.insert(collection, documents))
            self.tally.meters.write_s.observe(self._clock.monotonic() - started)
            self._resumed()
            outcomes += [[next(found) for _ in file.documents] for file in files]
        return outcomes

    def _put_away(self, parsed: list[Parsed], outcomes: list[list[Outcome]]) -> None:
        """Every document is durable now, or never will be: archive the file, or set it aside."""
        day = self._clock.now().date()
        for file, of_its_documents in zip(parsed, outcomes, strict=True):
            taken = file.taken
            decided = verdict(file, of_its_documents)
            if isinstance(decided, Rejected):
                self._refuse(taken, decided, file.sha256)
            else:
                self._move(taken, decided, partial(taken.landing.archive, taken.file, day))

    def _refuse(self, taken: Taken, rejected: Rejected, sha256: str | None) -> None:
        settle_s = self._settings.settle_s
        if rejected.unfinished and self._leave(taken, settle_s, rejected.code) < settle_s:
            return  # its writer may not be done yet
        facts = {
            "feed": taken.feed.name,
            "bytes": taken.file.bytes,
            "changed_ns": taken.file.changed_ns,
            "sha256": sha256,
            "set_aside_at": self._clock.now().isoformat(),
        }
        set_aside = partial(taken.landing.quarantine.set_aside, taken.file.path, rejected, facts)
        if self._move(taken, rejected.code, set_aside):
            place = {"pointer": rejected.pointer, "line": rejected.line, "column": rejected.column}
            told = {"feed": taken.feed.name, "file": taken.file.name, "code": rejected.code, **place}
            log.warning("file.quarantined", **told)
            self._events.publish("file.quarantined", **told)

    def _move(self, taken: Taken, outcome: str, move: Callable[[], Path]) -> bool:
        """Move a file and count it. One that cannot be moved is tried again later and blocks nobody."""
        try:
            if not taken.file.is_at(taken.file.path):  # its name is another's by now, who was not looked at
                return False
            target = move()
            if not _is_at(taken.file, target):  # the same, a moment later
                self._astray.append((taken.landing, target, taken.file.path.name))
                self._put_back()
                return False
        except FileNotFoundError:  # somebody else took it, and counts it
            return False
        except OSError as error:
            self._cannot_move(taken, error)
            return False
        self._stuck.discard(taken.file.path)
        self.tally.count(taken.feed.name, outcome, self._clock.monotonic() - taken.visible_at)
        return True

    def _put_back(self) -> None:
        """Return what was moved unseen; what cannot be returned now is tried again at every sweep."""
        astray, self._astray = self._astray, []
        for landing, path, name in astray:
            try:
                landing.put_back(path, name)
            except FileNotFoundError:
                continue
            except OSError:
                self._astray.append((landing, path, name))

    def _cannot_move(self, taken: Taken, error: OSError) -> None:
        self._leave(taken, LONGEST_BACKOFF_S, "stuck")
        if taken.file.path not in self._stuck:
            self._stuck.add(taken.file.path)
            self._newly_stuck.append(f"{taken.feed.name}/{taken.file.name}: {error.strerror}")

    def _leave(self, taken: Taken, for_s: float, why: str) -> float:
        return self._backlogs[taken.feed.name].leave(taken.file, for_s, why)

    def _interrupted(self, why: Unavailable) -> None:
        for backlog in self._backlogs.values():
            backlog.forget()
        if self._interrupted_at is None:
            self._interrupted_at = self._clock.monotonic()
            log.warning("collection.interrupted", why=str(why))

    def _resumed(self) -> None:
        if self._interrupted_at is not None:
            log.info("collection.resumed", after_s=round(self._clock.monotonic() - self._interrupted_at, 1))
            self._interrupted_at = None

    def _tell(self, gained: Counter[tuple[str, str]], seconds: float) -> None:
        if gained:
            self.tally.meters.batch_files.observe(gained.total())
            told = {"seconds": round(seconds, 3), **by_outcome(gained)}
            log.info("batch.collected", **told)
            self._events.publish("batch.collected", **told, files=files_of(gained))
        if late := self.tally.breaches():
            log.warning("latency.breached", **asdict(late))
        if self._newly_stuck:
            log.error("files.stuck", files=len(self._newly_stuck), first=self._newly_stuck[0])
            self._newly_stuck.clear()


def _is_at(file: WaitingFile, path: Path) -> bool:
    try:
        return file.is_at(path)
    except OSError:  # cannot tell: back, to be looked at once more, which is harmless
        return False
