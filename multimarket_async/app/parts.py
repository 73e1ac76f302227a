"""Parts of an application under given settings: the only place that knows the real time and places."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import structlog
from pydantic import SecretStr

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector, DiskReporter, LatencyReporter, LateWrites
from multimarket_async.discovery import declared, unusable
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.erasure import Erasing, Keep, Retention
from multimarket_async.errors import WrongSettings
from multimarket_async.jobs.runner import Runner
from multimarket_async.landing import Landing
from multimarket_async.producer import Producer
from multimarket_async.readers.status import DISK
from multimarket_async.schedules import Schedules
from multimarket_async.settings import Loaded, Settings
from multimarket_async.sinks import Keeper, Source, chosen
from multimarket_async.snapshots import Snapshotter, views
from multimarket_async.store import EmbeddedServer, Store
from multimarket_async.tasks import Tasks

if TYPE_CHECKING:
    from multimarket_async.poller import Poller


log = structlog.get_logger()

COPY = "kpis.duckdb"  # in data_dir: the columnar copy that KPIs are computed from
COPIES = (COPY, "warehouse.duckdb", "exports.duckdb")  # and those of sinks


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
    def names(self) -> set[str]:
        """The names of its feeds."""
        return {feed.name for feed, _ in self.feeds}

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

    def collector(self, tasks: Tasks | None = None) -> Collector:
        """The stage from landing to store."""
        return Collector(self.feeds, self.store, self.settings, self.clock, tasks)

    def latency_reporter(self, collector: Collector) -> LatencyReporter:
        """Reports of the latency of that collector's files."""
        return LatencyReporter(collector.tally, collector.waiting, self.latency_file, self.clock)

    def disk_reporter(self) -> DiskReporter:
        """Reports of the disk use of the feeds."""
        landings = [landing for _, landing in self.feeds]
        return DiskReporter(landings, self.settings.max_feed_gb, self.latency_file.with_name(DISK), self.clock)

    def late_writes(self) -> LateWrites:
        """The look for archived files that are still written to."""
        return LateWrites(self.feeds, self.store, self.settings, self.clock)

    def erasing(self) -> Erasing:
        """The erasure of persons."""
        folder = self.settings.data_dir
        logs = (folder / "logs", folder / "mongo")
        return Erasing(self.feeds, self.store, self.clock, logs=logs, key=folder / "erasures.key")

    def retention(self) -> Retention:
        """The removal of what is older than the settings keep it."""
        given, folder = self.settings, self.settings.data_dir
        days = (given.keep_archive_days, given.keep_quarantine_days, given.keep_logs_days)
        keep = Keep(*days, given.documents_days)
        return Retention(self.feeds, self.store, self.clock, keep, logs=(folder / "logs", folder / "mongo"))

    async def forget(self, tables: Collection[str]) -> None:
        """Leave nothing in KPIs of what was removed from these tables; columnar copies keep it until they are new."""
        if not tables:
            return
        async with aclosing(self.snapshotter()) as snapshotter:
            await snapshotter.forget(tables)
        for path in (path for name in COPIES for path in self.settings.data_dir.glob(f"{name}*")):
            path.unlink(missing_ok=True)

    def runners(self) -> list[Runner]:
        """A runner for each job whose feeds are among these, one of them at a time."""
        feeds, turn = {feed.name: landing for feed, landing in self.feeds}, asyncio.Lock()
        parts: dict[str, Any] = {"store": self.store, "settings": self.settings, "clock": self.clock, "turn": turn}
        jobs = [(domain, job) for domain in self.domains for job in domain.jobs if feeds.keys() >= {*job.feeds}]
        return [Runner(domain, job, [feeds[name] for name in job.feeds], **parts) for domain, job in jobs]

    def keepers(self, tasks: Tasks) -> list[Keeper]:
        """A keeper for each sink that is on. Raises WrongSettings."""
        return [Keeper(kind, self.source, tasks) for kind in chosen(self.settings, self.domains)]

    @property
    def source(self) -> Source:
        """Origin of what sinks write."""
        return Source(self.settings, self.domains, self.store, self.clock)

    def snapshotter(self, tasks: Tasks | None = None, *, on_schedule: bool = False) -> Snapshotter:
        """The stage from store to KPI generations; where there is no data folder its copy is a temporary file.

        on_schedule: domains that have a schedule rest between their runs.
        """
        folder = self.settings.data_dir
        return Snapshotter(
            self.domains,
            self.store,
            self.clock,
            self.settings,
            copy=folder / COPY if folder.is_dir() else None,
            quarantined=lambda: sum(landing.quarantine.count() for _, landing in self.feeds),
            tasks=tasks,
            schedules=Schedules(self.domains, self.feeds, folder, self.clock) if on_schedule else None,
        )


def workspace(loaded: Loaded) -> Workspace:
    """The domains that are on, and the directories of their feeds, created where absent. Raises WrongSettings."""
    found = places(loaded)
    for _, landing in found.feeds:
        landing.prepare()
    return found


def places(loaded: Loaded) -> Workspace:
    """The same; nothing is created. Raises WrongSettings."""
    settings, domains = loaded.of(Settings), declared(loaded)
    for why in unusable(loaded):
        log.warning("domain.passed_over", why=why)
    feeds = tuple(
        (feed, Landing(settings.data_dir, feed.name, feed.suffixes)) for domain in domains for feed in domain.feeds
    )
    values = (value for model in loaded.models.values() for value in vars(model).values())
    secrets = tuple(value for value in values if isinstance(value, SecretStr))
    return Workspace(settings, domains, feeds, Clock(), secrets=secrets)


@asynccontextmanager
async def opened(at: Workspace) -> AsyncIterator[Application]:
    """Connect to MongoDB: your own, or the embedded server, which is supervised meanwhile and stopped in the end."""
    async with (
        _mongodb(at) as (uri, server),
        aclosing(Store(uri, at.settings.mongo_database, at.settings.mongo_driver)) as store,
    ):
        yield Application(**vars(at), store=store, server=server)


@asynccontextmanager
async def _mongodb(at: Workspace) -> AsyncIterator[tuple[str, EmbeddedServer | None]]:
    if at.settings.mongo_uri:
        yield at.settings.mongo_uri.get_secret_value(), None
        return
    server = embedded(at.settings, [name for name, *_ in views(at.domains)])
    try:
        uri = await server.start()
        async with side_task(server.watch(), "mongod"):
            yield uri, server
    finally:
        await server.stop()


def embedded(settings: Settings, shown: Sequence[str]) -> EmbeddedServer:
    """The embedded MongoDB under the data folder. shown: the views that BI tools may read."""
    folder, database, port = settings.data_dir / "mongo", settings.mongo_database, settings.mongo_port
    return EmbeddedServer(folder, database=database, port=port, cache_gb=settings.mongo_cache_gb, shown=shown)


@asynccontextmanager
async def side_task(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run a task beside the body; if one fails, both end."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        yield
        task.cancel()
