"""Composition root: settings -> parts -> one TaskGroup. Real time and places enter here only."""

import asyncio
import importlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import structlog
from pydantic import SecretStr

from multimarket_async.clock import Clock, pause
from multimarket_async.collector import Collector, LatencyReporter
from multimarket_async.discovery import declared, unusable
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.landing import Landing, report_changed
from multimarket_async.meters import Meters
from multimarket_async.producer import ArrivalProcess, Producer
from multimarket_async.settings import Loaded, Settings
from multimarket_async.snapshots import TASK as SNAPSHOTTER
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import EmbeddedServer, Store
from multimarket_async.tasks import Tasks

if TYPE_CHECKING:
    from multimarket_async.poller import Outcome, Poller

log = structlog.get_logger()

COPY = "kpis.duckdb"  # in data_dir: the columnar copy that KPIs are computed from

REPORT_EVERY_S = 60.0
HTTP = "multimarket_async.readers.http.server"


@dataclass(frozen=True)
class Workspace:
    """Parts that need no database: the domains and the directories of their feeds.

    secrets: of all settings, which no file and no log may have.
    """

    settings: Settings
    domains: tuple[LoadedDomain, ...]
    feeds: tuple[tuple[Feed, Landing], ...]
    clock: Clock
    secrets: tuple[SecretStr, ...] = field(default=(), kw_only=True)

    def only(self, names: Sequence[str]) -> "Workspace":
        """The same with these feeds only."""
        return replace(self, feeds=tuple((feed, landing) for feed, landing in self.feeds if feed.name in names))

    @property
    def latency_file(self) -> Path:
        """The last latency report of a collecting process, for `status`."""
        return self.settings.data_dir / "logs" / "latency.json"

    def of(self, domain: str | None) -> Self:
        """The same with the feeds of this domain only; None: of all."""
        names = {feed.name for each in self.domains if domain in (None, each.name) for feed in each.feeds}
        return replace(self, feeds=tuple((feed, landing) for feed, landing in self.feeds if feed.name in names))

    def tasks(self) -> Tasks:
        """The tasks of this process that may fail without stopping it."""
        return Tasks(self.clock, self.settings.data_dir / "logs")

    def producers(self) -> list[Producer]:
        """A producer for each feed that can be simulated."""
        simulated = [(feed, landing) for feed, landing in self.feeds if feed.simulate]
        return [Producer(feed, landing, self.settings, self.clock) for feed, landing in simulated]

    def required_producers(self) -> list[Producer]:
        """The same, and at least one. Raises WrongSettings."""
        if producers := self.producers():
            return producers
        names = ", ".join(feed.name for feed, _ in self.feeds)
        raise WrongSettings(f"None of the feeds {names} has a simulator: only real files can be delivered to them.")

    def pollers(self) -> "list[Poller]":
        """A poller for each feed that an API fills."""
        polled = [(feed, landing) for feed, landing in self.feeds if feed.poll]
        if not polled:
            return []
        from multimarket_async.poller import Poller  # noqa: PLC0415 - 0.2 s, for polled feeds only

        return [Poller(*parts, self.settings, self.clock, secrets=self.secrets) for parts in polled]


@dataclass(frozen=True)
class Application(Workspace):
    """A workspace with its database."""

    store: Store
    server: EmbeddedServer | None

    def collector(self) -> Collector:
        """The stage from landing to store."""
        return Collector(self.feeds, self.store, self.settings, self.clock)

    def latency_reporter(self, collector: Collector) -> LatencyReporter:
        """Reports of the latency of that collector's files."""
        return LatencyReporter(collector.tally, collector.waiting, self.latency_file, self.clock)

    def snapshotter(self, tasks: Tasks | None = None) -> Snapshotter:
        """The stage from store to KPI generations."""
        return Snapshotter(
            self.domains,
            self.store,
            self.clock,
            self.settings,
            copy=self.settings.data_dir / COPY,
            quarantined=lambda: sum(landing.quarantine.count() for _, landing in self.feeds),
            tasks=tasks,
        )


def workspace(loaded: Loaded) -> Workspace:
    """The domains that are on, and the directories of their feeds, prepared. Raises WrongSettings."""
    settings, domains = loaded.of(Settings), declared(loaded)
    for why in unusable(loaded):
        log.warning("domain.passed_over", why=why)
    feeds = tuple(
        (feed, Landing(settings.data_dir, feed.name, feed.suffixes)) for domain in domains for feed in domain.feeds
    )
    for _, landing in feeds:
        landing.prepare()
    values = (value for model in loaded.models.values() for value in vars(model).values())
    secrets = tuple(value for value in values if isinstance(value, SecretStr))
    return Workspace(settings, domains, feeds, Clock(), secrets=secrets)


@asynccontextmanager
async def opened(at: Workspace) -> AsyncIterator[Application]:
    """Connect to MongoDB: your own, or the embedded server, which is supervised meanwhile and stopped in the end."""
    async with (
        _mongodb(at.settings) as (uri, server),
        aclosing(Store(uri, at.settings.mongo_database, at.settings.mongo_driver)) as store,
    ):
        yield Application(**vars(at), store=store, server=server)


@asynccontextmanager
async def _mongodb(settings: Settings) -> AsyncIterator[tuple[str, EmbeddedServer | None]]:
    if settings.mongo_uri:
        yield settings.mongo_uri.get_secret_value(), None
        return
    server = embedded(settings)
    try:
        uri = await server.start()
        async with side_task(server.watch(), "mongod"):
            yield uri, server
    finally:
        await server.stop()


def embedded(settings: Settings) -> EmbeddedServer:
    """The embedded MongoDB under the data folder."""
    folder = settings.data_dir / "mongo"
    return EmbeddedServer(
        folder, database=settings.mongo_database, port=settings.mongo_port, cache_gb=settings.mongo_cache_gb
    )


@asynccontextmanager
async def side_task(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run a task beside the body; if one fails, both end."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        yield
        task.cancel()


async def run(
    application: Application,
    stop: asyncio.Event,
    *,
    seconds: float | None,
    producers: Sequence[Producer] = (),
    http: bool = False,
) -> None:
    """All stages until stopped; then collect the waiting files and publish a last generation.

    Only the collector may end it by an error.
    """
    tasks = application.tasks()
    collector, snapshotter = application.collector(), application.snapshotter(tasks)
    reporter = application.latency_reporter(collector)
    arrivals = ArrivalProcess.of(application.settings)
    with tasks.shown():
        async with asyncio.TaskGroup() as group:
            stages = [
                *(
                    _kept(group, tasks, producer.name, partial(producer.live, stop, arrivals), stop)
                    for producer in producers
                ),
                *(
                    _kept(group, tasks, poller.name, partial(poller.run, stop), stop)
                    for poller in application.pollers()
                ),
                group.create_task(collector.run(stop), name="collector"),
                group.create_task(_measure(application, tasks, snapshotter, stop), name="snapshotter"),
                group.create_task(_report_latency(tasks, reporter, stop), name="latency"),
                group.create_task(_report_changed(tasks, application), name="quarantine"),
            ]
            if http:
                _kept(group, tasks, "http", partial(serve, application, stop, collector.tally.meters, tasks), stop)
            log.info("run.started", tasks=[stage.get_name() for stage in stages])
            await pause(seconds, stop)
            stop.set()
            await _shut_down(application, stages, collector, partial(_last_generation, tasks, snapshotter))
        waiting = await tasks.attempt("latency", asyncio.to_thread(reporter.report))
    log.info("run.ended", waiting=waiting, **collector.tally.by_outcome())


def _kept(
    group: asyncio.TaskGroup, tasks: Tasks, name: str, work: Callable[[], Awaitable[None]], stop: asyncio.Event
) -> asyncio.Task[None]:
    return group.create_task(tasks.keep(name, work, stop), name=name)


async def _shut_down(
    application: Application,
    stages: list[asyncio.Task[None]],
    collector: Collector,
    measure_last: Callable[[], Awaitable[None]],
) -> None:
    """Let the stages finish, collect and measure the rest; after shutdown_timeout_s, leave it to the next start."""
    within_s, clock = application.settings.shutdown_timeout_s, application.clock
    half_way = clock.monotonic() + within_s / 2  # the second half is for the last generation
    try:
        async with asyncio.timeout(within_s):
            await asyncio.wait(stages)
            if await collector.sweep(lambda: clock.monotonic() > half_way):
                await measure_last()
    except (TimeoutError, Unavailable) as why:
        log.warning("shutdown.timed_out", why=str(why) or f"it took longer than shutdown_timeout_s = {within_s} s")
        for stage in stages:
            stage.cancel()


def load_http_ahead() -> None:
    """Import the HTTP server in a thread while MongoDB starts."""
    asyncio.get_running_loop().run_in_executor(None, importlib.import_module, HTTP)


async def serve(
    application: Application, stop: asyncio.Event, meters: Meters | None = None, tasks: Tasks | None = None
) -> None:
    """The page and the API, until stopped. meters, tasks: those of the other stages, if they run in this process."""
    await asyncio.to_thread(importlib.import_module, HTTP)
    from multimarket_async.readers.http import Sources, server  # noqa: PLC0415 - 0.2 s, for servers only

    await server.run(
        Sources(
            domains=application.domains,
            feeds=application.feeds,
            store=application.store,
            settings=application.settings,
            clock=application.clock,
            meters=meters or Meters(),
            tasks=tasks or application.tasks(),
            latency_file=application.latency_file,
            stop=stop,
        )
    )


async def measure(application: Application, stop: asyncio.Event) -> None:
    """KPI generations of what is stored, until stopped. Raises CannotContinue if nothing can be measured."""
    tasks = application.tasks()
    with tasks.shown():
        await _measure(application, tasks, application.snapshotter(tasks), stop, ends=(CannotContinue,))


async def _measure(
    application: Application,
    tasks: Tasks,
    snapshotter: Snapshotter,
    stop: asyncio.Event,
    ends: tuple[type[Exception], ...] = (),
) -> None:
    work = partial(snapshotter.run, application.settings.snapshot_every_s, stop)
    await tasks.keep(SNAPSHOTTER, work, stop, steady_s=None, ends=ends)


async def _last_generation(tasks: Tasks, snapshotter: Snapshotter) -> None:
    await tasks.attempt(SNAPSHOTTER, snapshotter.refresh_if_changed(), ends=(Unavailable,))


async def collect(application: Application, stop: asyncio.Event, *, until_empty: bool) -> None:
    """Landing to MongoDB, until stopped or until no file waits."""
    collector, tasks = application.collector(), application.tasks()
    reporter = application.latency_reporter(collector)
    with tasks.shown():
        await _report_changed(tasks, application)
        if until_empty:
            await collector.until_empty()
        else:
            async with side_task(_report_latency(tasks, reporter, stop), "latency"):
                await collector.run(stop)
        await tasks.attempt("latency", asyncio.to_thread(reporter.report))
    log.info("collection.ended", **collector.tally.by_outcome())


async def produce(producers: Iterable[Producer], stop: asyncio.Event, arrivals: ArrivalProcess) -> None:
    """Simulated deliveries, until stopped."""
    async with asyncio.TaskGroup() as group:
        for producer in producers:
            group.create_task(producer.live(stop, arrivals), name=producer.name)


async def poll(pollers: "Iterable[Poller]") -> None:
    """Changed answers of APIs to landing, until stopped."""
    stop = stop_on_signals(None)
    async with asyncio.TaskGroup() as group:
        for poller in pollers:
            group.create_task(poller.run(stop), name=poller.name)


async def poll_once(pollers: "Iterable[Poller]") -> "list[Outcome]":
    """Ask each API once, all at the same time."""
    return await asyncio.gather(*(poller.once() for poller in pollers))


def stop_on_signals(server: EmbeddedServer | None) -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C; the second one ends the process immediately, and loses nothing."""
    stop = asyncio.Event()

    def signalled(name: str) -> None:
        if stop.is_set():
            _exit_now(server)
        log.info("stop.requested", signal=name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signalled, number.name)
    return stop


def _exit_now(server: EmbeddedServer | None) -> NoReturn:
    if server:
        server.kill_now()
    os._exit(128 + signal.SIGINT)


async def _report_latency(tasks: Tasks, reporter: LatencyReporter, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await pause(REPORT_EVERY_S, stop)
        if not stop.is_set():  # the last report is made after the last batch
            await tasks.attempt("latency", asyncio.to_thread(reporter.report))


async def _report_changed(tasks: Tasks, at: Workspace) -> None:
    quarantines = [landing.quarantine for _, landing in at.feeds]
    await tasks.attempt("quarantine", asyncio.to_thread(report_changed, quarantines))
