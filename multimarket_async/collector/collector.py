"""One batch after the other: take, read, set the bad aside, insert the good, archive."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

import structlog

from multimarket_async.clock import Clock, beats, pause
from multimarket_async.collector.backlog import Backlog, Taken
from multimarket_async.collector.tally import Tally, by_outcome
from multimarket_async.domains import Document, Feed
from multimarket_async.errors import CannotContinue, Rejected, Unavailable
from multimarket_async.landing import Landing, WaitingFile, read
from multimarket_async.settings import Settings
from multimarket_async.store import Encoded, Exists, Inserted, Marks, Outcome, Refused, Store, encode

log = structlog.get_logger()

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that became documents, ready to be stored."""

    taken: Taken
    sha256: str
    documents: Sequence[Encoded]


class Collector:
    """Moves what lands into the store. Two may work on one directory: a key goes in once."""

    def __init__(self, feeds: Iterable[tuple[Feed, Landing]], store: Store, settings: Settings, clock: Clock) -> None:
        self.tally = Tally(settings.latency_budget_s)
        self._backlogs = {feed.name: Backlog(feed, landing, clock) for feed, landing in feeds}
        self._store = store
        self._marks = Marks(store, clock)
        self._settings = settings
        self._clock = clock
        self._interrupted_at: float | None = None
        self._stuck: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep the directories until `stop` is set; while something outside is away, files simply wait."""
        async for _ in beats(self._settings.scan_every_s, stop):
            backoff_s = FIRST_BACKOFF_S
            while not await self.sweep() and not stop.is_set():
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

    async def sweep(self) -> bool:
        """Collect batch by batch until no file is due; False if something outside is away."""
        try:
            while batch := await asyncio.to_thread(self._take):
                await self._collect(batch)
        except Unavailable as why:
            self._interrupted(why)
            return False
        return True

    async def _collect(self, batch: list[Taken]) -> None:
        before, started = self.tally.outcomes.copy(), self._clock.monotonic()
        parsed = await asyncio.to_thread(self._parse, batch)
        outcomes = await self._insert(parsed)
        self._resumed()
        await asyncio.to_thread(self._put_away, parsed, outcomes)
        self._tell(self.tally.outcomes - before, self._clock.monotonic() - started)

    def _take(self) -> list[Taken]:
        """A batch: an equal share from every channel, then more from those that have more."""
        batch: list[Taken] = []
        most = self._settings.batch_files
        for share in (max(1, most // len(self._backlogs)), most):
            for backlog in self._backlogs.values():
                bytes_left = self._settings.batch_bytes - sum(taken.file.bytes for taken in batch)
                batch += backlog.take(min(share, most - len(batch)), bytes_left)
        return batch

    def _parse(self, batch: list[Taken]) -> list[Parsed]:
        """Read and parse a batch, in one thread; what cannot be accepted is dealt with at once."""
        now = self._clock.now()
        return [parsed for taken in batch if (parsed := self._parse_one(taken, now))]

    def _parse_one(self, taken: Taken, now: datetime) -> Parsed | None:
        sha256 = None
        try:
            content = read(taken.file, self._settings.max_file_bytes)
            sha256 = hashlib.sha256(content).hexdigest()
            return Parsed(taken, sha256, _documents(taken, content, sha256, now))
        except FileNotFoundError:  # somebody else took it
            return None
        except Rejected as rejected:
            self._refuse(taken, rejected, sha256)
            return None

    async def _insert(self, parsed: list[Parsed]) -> list[list[Outcome]]:
        """The outcomes of each file's documents."""
        outcomes: list[list[Outcome]] = []
        for collection, files in _runs(parsed):
            documents = [one for file in files for one in file.documents]
            async with self._marks.around(collection, {one.partition for one in documents}):
                found = iter(await self._store.insert(collection, documents))
            outcomes += [[next(found) for _ in file.documents] for file in files]
        return outcomes

    def _put_away(self, parsed: list[Parsed], outcomes: list[list[Outcome]]) -> None:
        """Every document is durable now, or never will be: archive the file, or set it aside."""
        day = self._clock.now().date()
        for file, of_its_documents in zip(parsed, outcomes, strict=True):
            taken = file.taken
            verdict = _verdict(file, of_its_documents)
            if isinstance(verdict, Rejected):
                self._refuse(taken, verdict, file.sha256)
            else:
                self._move(taken, verdict, partial(taken.landing.archive, taken.file, day))

    def _refuse(self, taken: Taken, rejected: Rejected, sha256: str | None) -> None:
        settle_s = self._settings.settle_s
        if rejected.unfinished and self._leave(taken, settle_s) < settle_s:
            return  # its writer may not be done yet
        facts = {
            "feed": taken.feed.name,
            "bytes": taken.file.bytes,
            "sha256": sha256,
            "set_aside_at": self._clock.now().isoformat(),
        }
        set_aside = partial(taken.landing.quarantine.set_aside, taken.file.path, rejected, facts)
        if self._move(taken, rejected.code, set_aside):
            place = {"pointer": rejected.pointer, "line": rejected.line, "column": rejected.column}
            log.warning("file.quarantined", feed=taken.feed.name, file=taken.file.name, code=rejected.code, **place)

    def _move(self, taken: Taken, outcome: str, move: Callable[[], Path]) -> bool:
        """Move a file and count it. One that cannot be moved is tried again later and blocks nobody."""
        try:
            move()
        except FileNotFoundError:  # somebody else took it, and counts it
            return False
        except OSError as error:
            if self._leave(taken, LONGEST_BACKOFF_S) == 0:
                self._stuck.append(f"{taken.feed.name}/{taken.file.name}: {error.strerror}")
            return False
        self.tally.count(taken.feed.name, outcome, self._clock.monotonic() - taken.visible_at)
        return True

    def _leave(self, taken: Taken, for_s: float) -> float:
        return self._backlogs[taken.feed.name].leave(taken.file, for_s)

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
            log.info("batch.collected", seconds=round(seconds, 3), **by_outcome(gained))
        if self._stuck:
            log.error("files.stuck", files=len(self._stuck), first=self._stuck[0])
            self._stuck.clear()


def _documents(taken: Taken, content: bytes, sha256: str, now: datetime) -> list[Encoded]:
    """The file's documents, each with where it came from. Raises Rejected."""
    ingestion = {"feed": taken.feed.name, "file": taken.file.name, "sha256": sha256, "ingested_at": now}
    return [
        encode({**document, "ingestion": {**ingestion, "partition": taken.feed.partition(document)}})
        for document in _parsed(taken.feed, content)
    ]


def _parsed(feed: Feed, content: bytes) -> list[Document]:
    try:
        return feed.parse(content)
    except Rejected:
        raise
    except Exception as error:  # a mistake in one domain must not stop the other feeds
        raise Rejected("parser_failed", f"the feed's parser failed on it: {error!r}") from error


def _runs(parsed: list[Parsed]) -> Iterator[tuple[str, list[Parsed]]]:
    """Neighbours that go into the same collection, together."""
    for collection, files in groupby(parsed, key=lambda file: file.taken.feed.collection):
        yield collection, list(files)


def _verdict(file: Parsed, outcomes: list[Outcome]) -> str | Rejected:
    """What becomes of a file, given what became of its documents: the one place that decides it."""
    for document, outcome in zip(file.documents, outcomes, strict=True):
        if isinstance(outcome, Refused):
            return Rejected("refused_by_mongodb", f"MongoDB refuses {document.key}: {outcome.sentence}")
        if isinstance(outcome, Exists) and outcome.sha256 != file.sha256:
            sentence = f"{document.key} is stored already with other content; neither is dropped: a person must decide"
            digests = {"key": document.key, "sha256_stored": outcome.sha256, "sha256_delivered": file.sha256}
            return Rejected("conflict", sentence, facts=digests)
    return "stored" if Inserted() in outcomes else "duplicate"
