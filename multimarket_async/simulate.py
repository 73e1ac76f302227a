"""Days of the whole system in seconds: `run` as it is, on virtual time, and then the proof that it was right."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

import structlog
from structlog.typing import EventDict

from multimarket_async import app
from multimarket_async.app import Application, Workspace, side_task
from multimarket_async.clock import beats
from multimarket_async.collector.tally import Latency, measured
from multimarket_async.domains import Feed
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing
from multimarket_async.producer import ArrivalProcess
from multimarket_async.readers.accounting import counted, on_disk
from multimarket_async.readers.verify import Report, verify
from multimarket_async.store import GENERATIONS, Store
from multimarket_async.virtual import Elsewhere, Loop

LOOK_EVERY_S = 0.2
Show: TypeAlias = Callable[[float], None]  # (virtual seconds so far)
Received: TypeAlias = dict[tuple[datetime, str], int]  # files by hour, as the instant it begins, and feed


@dataclass
class Book:
    """What is there afterwards: files received by hour, how long they waited to be stored, number of generations.

    digest: of every file and when it was received, of every document and of every generation.
    """

    timezone: str
    received: Received = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    generations: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    _dropped_at: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def file(self, folder: Path, feed: str, path: Path) -> None:
        """A file, wherever it is by now."""
        at = datetime.fromtimestamp(path.stat().st_mtime_ns // 1_000_000 / 1000, UTC)
        local = at.astimezone(ZoneInfo(self.timezone)).replace(minute=0, second=0, microsecond=0)
        self.received[local.astimezone(UTC), feed] += 1
        self._dropped_at[feed, path.name] = at
        self.digest.update(f"{path.relative_to(folder)} {at.isoformat()}\n".encode())
        self.digest.update(hashlib.sha256(path.read_bytes()).digest())

    def document(self, one: Any) -> None:
        """A stored document, as BSON."""
        source = one["ingestion"]
        waited = source["ingested_at"].replace(tzinfo=UTC) - self._dropped_at[source["feed"], source["file"]]
        self.waits_s.append(waited.total_seconds())
        self.digest.update(one.raw)

    def generation(self, one: Any) -> None:
        """A published generation, as BSON."""
        self.generations += 1
        self.digest.update(one.raw)


@dataclass(frozen=True)
class Simulated:
    """What happened, whether it was right, and the newest generation. waits: in virtual seconds."""

    book: Book
    report: Report
    generation: dict[str, Any]
    waits: Latency | None


def span(start: date, days: int, timezone: str) -> tuple[datetime, float]:
    """When these days begin in the business time zone, in UTC; and how many seconds they have, as clocks may change."""
    zone = ZoneInfo(timezone)
    first, last = (
        datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        for day in (start, start + timedelta(days=days))
    )
    return first, (last - first).total_seconds()


async def simulate(
    application: Application, begins: datetime, seconds: float, stop: asyncio.Event, show: Show
) -> Simulated:
    """Run for so many virtual seconds, or until stopped; then verify. Raises WrongSettings where orders are already."""
    await _begin_empty(application)
    loop, ended = Loop(begins), asyncio.Event()
    running = app.run(on(loop, application, asyncio.get_running_loop()), ended, seconds=seconds, produce=True)
    await _lived(loop, running, ended, stop, show)
    generation = cast("dict[str, Any]", await application.store.newest(GENERATIONS))
    report = await verify(application.domains, application.channels, application.store, generation)
    book = await asyncio.to_thread(_files, application)
    await _stored(application, book)
    return Simulated(book, report, generation, measured(book.waits_s, application.settings.latency_budget_s))


async def drop_only(workspace: Workspace, begins: datetime, seconds: float, stop: asyncio.Event, show: Show) -> Book:
    """The files of so many virtual seconds, left where they land: no MongoDB is asked. Raises WrongSettings."""
    if any(on_disk(landing, 0).received for _, landing in workspace.channels):
        raise _taken(workspace)
    loop, ended = Loop(begins), asyncio.Event()
    there = replace(workspace, channels=_dated(workspace, loop), clock=loop.clock)
    await _lived(loop, _produced(there, seconds, ended), ended, stop, show)
    return await asyncio.to_thread(_files, workspace)


def on(loop: Loop, application: Application, outside: asyncio.AbstractEventLoop) -> Application:
    """The same parts, living on that loop's time; their store stays on the loop outside."""
    store = cast("Store", Elsewhere(application.store, outside))
    return replace(application, channels=_dated(application, loop), clock=loop.clock, store=store)


def _dated(workspace: Workspace, loop: Loop) -> tuple[tuple[Feed, Landing], ...]:
    """Their landing directories, in which a file is as old as it is on virtual time."""
    return tuple(
        (feed, Landing(workspace.settings.data_dir, feed.name, loop.clock.now)) for feed, _ in workspace.channels
    )


async def _lived(
    loop: Loop, work: Coroutine[Any, Any, None], ended: asyncio.Event, stop: asyncio.Event, show: Show
) -> None:
    """Live to the end of it in a thread: this loop keeps what is real, such as signals, mongod and its driver."""
    with _told(loop):
        async with side_task(_pass_on(stop, loop, ended), "stop"), side_task(_watch(loop, show), "meter"):
            await asyncio.to_thread(loop.live, work)


@contextmanager
def _told(loop: Loop) -> Iterator[None]:
    """Log lines of that loop tell its time."""

    def stamp(_logger: Any, _method: str, event: EventDict) -> EventDict:
        with suppress(RuntimeError):  # in a thread without a loop
            if asyncio.get_running_loop() is loop:
                event["timestamp"] = loop.clock.now().isoformat()
        return event

    processors = structlog.get_config()["processors"]
    processors.insert(-1, stamp)
    try:
        yield
    finally:
        processors.remove(stamp)


async def _produced(workspace: Workspace, seconds: float, ended: asyncio.Event) -> None:
    asyncio.get_running_loop().call_later(seconds, ended.set)
    async with asyncio.TaskGroup() as group:
        for producer in workspace.producers():
            group.create_task(producer.live(ended, ArrivalProcess.of(workspace.settings)))


async def _pass_on(stop: asyncio.Event, loop: Loop, ended: asyncio.Event) -> None:
    await stop.wait()
    loop.call_soon_threadsafe(ended.set)


async def _watch(loop: Loop, show: Show) -> None:
    async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
        show(loop.time())


async def _begin_empty(application: Application) -> None:
    """Orders and generations are numbered on from what is there: no run would be like another."""
    channels = await counted(application.channels, application.store)
    if any(one.received or one.stored for one in channels) or await application.store.newest(GENERATIONS):
        raise _taken(application)


def _taken(workspace: Workspace) -> WrongSettings:
    where = f"{workspace.settings.data_dir} or in the database {workspace.settings.mongo_database}"
    return WrongSettings(
        f"There are orders already in {where}; simulated days begin with none. Name another folder with --data-dir."
    )


def _files(workspace: Workspace) -> Book:
    book, folder = Book(workspace.settings.timezone), workspace.settings.data_dir
    for feed, landing in workspace.channels:
        for place in (landing.sources, landing.archived, landing.quarantine.folder):
            for path in sorted(place.rglob("[!.]*.json")):
                book.file(folder, feed.name, path)
    return book


async def _stored(application: Application, book: Book) -> None:
    in_order = [{"$sort": {"_id": 1}}]
    for collection in sorted({feed.collection for feed, _ in application.channels}):
        async for one in application.store.aggregate(collection, in_order, raw=True):
            book.document(one)
    async for one in application.store.aggregate(GENERATIONS, in_order, raw=True):
        book.generation(one)
