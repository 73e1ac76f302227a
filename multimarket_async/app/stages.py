"""Each stage alone, until it is stopped."""

import asyncio
import importlib
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from multimarket_async.app.checks import check_start
from multimarket_async.app.parts import Application, Workspace, side_task
from multimarket_async.app.periodic import (
    expire,
    find_late_writes,
    log_obstacles,
    look_at_quarantine,
    report_changed_files,
    report_disk,
    report_latency,
)
from multimarket_async.app.signals import stop_on_signals
from multimarket_async.collector import Collector
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.meters import Meters
from multimarket_async.producer import ArrivalProcess, Producer
from multimarket_async.snapshots import TASK as SNAPSHOTTER
from multimarket_async.snapshots import Snapshotter
from multimarket_async.tasks import Tasks

if TYPE_CHECKING:
    from multimarket_async.poller import Outcome, Poller


log = structlog.get_logger()

HTTP = "multimarket_async.readers.http.server"


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
        snapshotter = application.snapshotter(tasks, on_schedule=True)
        await keep_measuring(application, tasks, snapshotter, stop, ends=(CannotContinue,))


async def keep_measuring(
    application: Application,
    tasks: Tasks,
    snapshotter: Snapshotter,
    stop: asyncio.Event,
    ends: tuple[type[Exception], ...] = (),
) -> None:
    """Measure until stopped; what fails is tried again, but for errors of the types `ends`."""
    work = partial(snapshotter.run, application.settings.snapshot_every_s, stop)
    await tasks.keep(SNAPSHOTTER, work, stop, steady_s=None, ends=ends)


async def collect(application: Application, stop: asyncio.Event, *, until_empty: bool) -> None:
    """Landing to MongoDB, until stopped or until no file waits."""
    tasks = application.tasks()
    collector = application.collector(tasks)
    reporter = application.latency_reporter(collector)
    with tasks.shown():
        async with (
            side_task(check_start(application, tasks, stop), "checks"),
            side_task(report_latency(tasks, reporter, stop), "latency"),
        ):
            if until_empty:
                await _until_empty(application, tasks, collector)
            else:
                await _collect_on(application, tasks, collector, stop)
        await tasks.attempt("latency", asyncio.to_thread(reporter.report))
    log.info("collection.ended", **collector.tally.by_outcome())


async def _until_empty(application: Application, tasks: Tasks, collector: Collector) -> None:
    """Do once, to the end, all that `run` does each minute and hour."""
    reporter = application.disk_reporter()
    log_obstacles(application)
    await look_at_quarantine(tasks, application)
    await tasks.attempt("late writes", application.late_writes().look())
    await tasks.attempt("disk", asyncio.to_thread(reporter.report))
    await collector.until_empty()
    await tasks.attempt("retention", application.retention().run())
    await tasks.attempt("disk", asyncio.to_thread(reporter.report))


async def _collect_on(application: Application, tasks: Tasks, collector: Collector, stop: asyncio.Event) -> None:
    async with (
        side_task(report_changed_files(tasks, application, stop), "quarantine"),
        side_task(find_late_writes(tasks, application, stop), "late writes"),
        side_task(report_disk(tasks, application, stop), "disk"),
        side_task(expire(tasks, application, stop), "retention"),
    ):
        await tasks.keep("collector", partial(collector.run, stop), stop)


async def produce(producers: Iterable[Producer], stop: asyncio.Event, arrivals: ArrivalProcess) -> None:
    """Simulated deliveries, until stopped."""
    async with asyncio.TaskGroup() as group:
        for producer in producers:
            group.create_task(producer.live(stop, arrivals), name=producer.name)


async def serve_simulated(at: Workspace, port: int) -> None:
    """The API of the one domain that has simulated data to serve, until stopped. Raises WrongSettings."""
    serving = [domain for domain in at.domains if domain.serve and {feed.name for feed in domain.feeds} & at.names]
    if len(serving) != 1 or serving[0].serve is None:
        named = ", ".join(domain.name for domain in serving)
        raise WrongSettings(f"Name one domain that serves an API with --domain; there are {named or 'none here'}.")
    application = serving[0].serve(at.settings.seed, at.clock.now)
    from multimarket_async.readers.http import server  # noqa: PLC0415 - 0.2 s, for servers only

    await server.serve_simulated(application, "127.0.0.1", port, stop_on_signals(None))


async def poll(pollers: "Iterable[Poller]") -> None:
    """Changed answers of APIs to landing, until stopped."""
    stop = stop_on_signals(None)
    async with asyncio.TaskGroup() as group:
        for poller in pollers:
            group.create_task(poller.run(stop), name=poller.name)


async def poll_once(pollers: "Iterable[Poller]") -> "list[Outcome]":
    """Ask each API once, all at the same time."""
    return await asyncio.gather(*(poller.once() for poller in pollers))
