"""Composition root: settings -> parts -> one TaskGroup. Only this module knows the real time and places."""

import asyncio
import importlib
import json
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import structlog

from multimarket_async.clock import Clock, pause
from multimarket_async.collector import Collector, LatencyReporter
from multimarket_async.domains import Feed, LoadedDomain, discover
from multimarket_async.errors import Unavailable
from multimarket_async.files_io import atomic_write
from multimarket_async.landing import Landing
from multimarket_async.meters import Meters
from multimarket_async.producer import ArrivalProcess, Producer
from multimarket_async.settings import Loaded, Settings
from multimarket_async.snapshots import Retention, Snapshotter
from multimarket_async.store import EmbeddedServer, Store

log = structlog.get_logger()

REPORT_EVERY_S = 60.0
HTTP = "multimarket_async.readers.http.server"


@dataclass(frozen=True)
class Workspace:
    """What needs no database: the domains and the directories of their feeds."""

    settings: Settings
    domains: tuple[LoadedDomain, ...]
    channels: tuple[tuple[Feed, Landing], ...]
    clock: Clock

    def only(self, names: Sequence[str]) -> "Workspace":
        """The same, but for these feeds only."""
        return replace(self, channels=tuple(channel for channel in self.channels if channel[0].name in names))

    @property
    def latency_file(self) -> Path:
        """Where a collecting process leaves its last latency report, for `status`."""
        return self.settings.data_dir / "logs" / "latency.json"

    @property
    def http_file(self) -> Path:
        """Where a `run` that serves HTTP leaves its address."""
        return self.settings.data_dir / "logs" / "http.json"

    def http_address(self) -> str | None:
        """Where the `run` on this data folder serves HTTP, as http://host:port; None if none does."""
        try:
            told = json.loads(self.http_file.read_bytes())
            os.kill(told["pid"], 0)
            return str(told["url"]).rstrip("/")
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def producers(self) -> list[Producer]:
        """A producer for each feed that can be simulated."""
        simulated = [(feed, landing) for feed, landing in self.channels if feed.simulate]
        return [Producer(feed, landing, self.settings, self.clock) for feed, landing in simulated]


@dataclass(frozen=True)
class Application(Workspace):
    """Everything a command may need, connected."""

    store: Store
    server: EmbeddedServer | None

    def collector(self) -> Collector:
        """The stage from landing to store."""
        return Collector(self.channels, self.store, self.settings, self.clock)

    def latency_reporter(self, collector: Collector) -> LatencyReporter:
        """What tells how long that collector's files waited."""
        return LatencyReporter(collector.tally, collector.waiting, self.latency_file, self.clock)

    def snapshotter(self) -> Snapshotter:
        """The stage from store to KPI generations."""
        return Snapshotter(
            self.domains,
            self.store,
            self.clock,
            full_recompute_every_generations=self.settings.full_recompute_every_generations,
            stale_after_s=self.settings.stale_after_s,
            retention=Retention(self.settings.keep_all_days, self.settings.keep_hourly_days),
            quarantined=lambda: sum(landing.quarantine.count() for _, landing in self.channels),
        )


def workspace(loaded: Loaded) -> Workspace:
    """Discover the domains and prepare the directories of their feeds."""
    settings = loaded.of(Settings)
    domains = tuple(domain.under(loaded) for domain in discover())
    feeds = [feed for domain in domains for feed in domain.feeds]
    channels = tuple((feed, Landing(settings.data_dir, feed.name)) for feed in feeds)
    for _, landing in channels:
        landing.prepare()
    return Workspace(settings, domains, channels, Clock())


@asynccontextmanager
async def opened(at: Workspace) -> AsyncIterator[Application]:
    """Connect to MongoDB: your own, or the embedded server, which is watched for that time and then stopped."""
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
    """The MongoDB of our own, under the data folder."""
    folder = settings.data_dir / "mongo"
    return EmbeddedServer(
        folder, database=settings.mongo_database, port=settings.mongo_port, cache_gb=settings.mongo_cache_gb
    )


@asynccontextmanager
async def side_task(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Do something else meanwhile; if that fails, this fails."""
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
    """Everything until stopped: then no more producing, collect what waits, publish a last generation."""
    collector, snapshotter = application.collector(), application.snapshotter()
    reporter = application.latency_reporter(collector)
    arrivals = ArrivalProcess.of(application.settings)
    async with asyncio.TaskGroup() as group:
        stages = [
            *(group.create_task(producer.live(stop, arrivals), name=producer.name) for producer in producers),
            group.create_task(collector.run(stop), name="collector"),
            group.create_task(snapshotter.run(application.settings.snapshot_every_s, stop), name="snapshotter"),
            group.create_task(_report_latency(reporter, stop), name="latency"),
            group.create_task(_tell_changed(application), name="quarantine"),
        ]
        if http:
            group.create_task(_serve_http(application, collector.tally.meters, stop), name="http")
        log.info("run.started", tasks=[stage.get_name() for stage in stages])
        await pause(seconds, stop)
        stop.set()
        await _wind_up(application, stages, collector, snapshotter)
    log.info("run.ended", waiting=reporter.tell(), **collector.tally.by_outcome())


async def _wind_up(
    application: Application, stages: list[asyncio.Task[None]], collector: Collector, snapshotter: Snapshotter
) -> None:
    """Let the stages end their step, collect what waits, measure it. What takes longer stays for the next start."""
    within_s, clock = application.settings.shutdown_timeout_s, application.clock
    half_way = clock.monotonic() + within_s / 2  # the other half is for a last generation
    try:
        async with asyncio.timeout(within_s):
            await asyncio.wait(stages)
            if await collector.sweep(lambda: clock.monotonic() > half_way):
                await snapshotter.refresh_if_changed()
    except (TimeoutError, Unavailable) as why:
        log.warning("shutdown.timed_out", why=str(why) or f"it took longer than shutdown_timeout_s = {within_s} s")
        for stage in stages:
            stage.cancel()


def load_http_ahead() -> None:
    """Begin to load the HTTP server in a thread, while MongoDB starts; who serves then finds it loaded."""
    asyncio.get_running_loop().run_in_executor(None, importlib.import_module, HTTP)


async def _serve_http(application: Application, meters: Meters, stop: asyncio.Event) -> None:
    """The page and the API. Whatever becomes of them, orders are collected."""
    settings = application.settings
    try:
        await asyncio.to_thread(importlib.import_module, HTTP)
        from multimarket_async.readers.http import Sources, server  # noqa: PLC0415 - 0.2 s that only `run` pays

        seen = (application.domains, application.channels, application.store, settings, application.clock)
        sources = Sources(*seen, meters, application.latency_file, stop)
        api = await asyncio.to_thread(server.Api, sources)
        with server.bound(settings.http_host, settings.http_port) as listener, _told(application, server.url(listener)):
            await server.serve(sources, api, listener)
    except Exception as error:
        known = isinstance(error, OSError)  # a port or an address that is not to be had
        log.error("http.failed", why=str(error) or type(error).__name__, exc_info=not known)  # noqa: TRY400


@contextmanager
def _told(at: Workspace, url: str) -> Iterator[None]:
    """Other commands find the address in a file meanwhile."""
    with suppress(OSError):  # a full disk keeps nobody from looking
        at.http_file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(at.http_file, json.dumps({"url": url, "pid": os.getpid()}).encode())
    log.info("http.listening", url=url)
    try:
        yield
    finally:
        with suppress(OSError):
            at.http_file.unlink()


async def collect(application: Application, stop: asyncio.Event, *, until_empty: bool) -> None:
    """Landing to MongoDB only: until stopped, or until nothing waits."""
    collector = application.collector()
    reporter = application.latency_reporter(collector)
    await _tell_changed(application)
    if until_empty:
        await collector.until_empty()
    else:
        async with side_task(_report_latency(reporter, stop), "latency"):
            await collector.run(stop)
    reporter.tell()
    log.info("collection.ended", **collector.tally.by_outcome())


async def produce(producers: Iterable[Producer], stop: asyncio.Event, arrivals: ArrivalProcess) -> None:
    """Live deliveries and nothing else, until stopped."""
    async with asyncio.TaskGroup() as group:
        for producer in producers:
            group.create_task(producer.live(stop, arrivals), name=producer.name)


def stop_on_signals(server: EmbeddedServer | None) -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C; the second one ends the process at once, and loses nothing."""
    stop = asyncio.Event()

    def signalled(name: str) -> None:
        if stop.is_set():
            _leave_now(server)
        log.info("stop.requested", signal=name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signalled, number.name)
    return stop


def _leave_now(server: EmbeddedServer | None) -> NoReturn:
    if server:
        server.kill_now()
    os._exit(128 + signal.SIGINT)


async def _report_latency(reporter: LatencyReporter, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await pause(REPORT_EVERY_S, stop)
        if not stop.is_set():  # who stops tells the last waits himself
            await asyncio.to_thread(reporter.tell)


async def _tell_changed(at: Workspace) -> None:
    """Files that a foreign writer ended after they were set aside, or that somebody mended in quarantine."""
    try:
        changed = await asyncio.to_thread(lambda: sum(landing.quarantine.changed() for _, landing in at.channels))
    except OSError as error:  # a folder that cannot be listed now is no reason not to collect
        log.warning("quarantine.unreadable", why=f"{error.filename}: {error.strerror}")
        return
    if changed:
        log.warning("quarantine.changed", files=changed, to_do="quarantine replay --changed")
