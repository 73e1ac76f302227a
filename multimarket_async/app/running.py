"""All stages in one TaskGroup: start, run, stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from multimarket_async.app.alerts import alerting, kept_alerts
from multimarket_async.app.checks import check_start
from multimarket_async.app.parts import Application
from multimarket_async.app.periodic import expire, find_late_writes, report_changed_files, report_disk, report_latency
from multimarket_async.app.sinks import keeping, kept_sinks, write_last
from multimarket_async.app.stages import keep_measuring, serve
from multimarket_async.clock import pause
from multimarket_async.collector import Collector
from multimarket_async.errors import Unavailable
from multimarket_async.producer import ArrivalProcess, Producer
from multimarket_async.snapshots import TASK as SNAPSHOTTER
from multimarket_async.snapshots import Snapshotter
from multimarket_async.tasks import Tasks

log = structlog.get_logger()


async def run(
    application: Application,
    stop: asyncio.Event,
    *,
    seconds: float | None,
    producers: Sequence[Producer] = (),
    http: bool = False,
) -> None:
    """All stages until stopped; then collect the waiting files and publish a last generation."""
    tasks = application.tasks()
    alerts = alerting(application, tasks)
    collector, snapshotter = application.collector(tasks), application.snapshotter(tasks, on_schedule=True)
    reporter = application.latency_reporter(collector)
    arrivals = ArrivalProcess.of(application.settings)
    with tasks.shown():
        async with keeping(application, tasks) as keepers, asyncio.TaskGroup() as group:
            stages = [
                *(
                    _kept(group, tasks, producer.name, partial(producer.live, stop, arrivals), stop)
                    for producer in producers
                ),
                *(
                    _kept(group, tasks, poller.name, partial(poller.run, stop), stop)
                    for poller in application.pollers()
                ),
                _kept(group, tasks, "collector", partial(collector.run, stop), stop),
                *kept_sinks(group, tasks, keepers, stop),
                *kept_alerts(group, tasks, alerts, application.settings.snapshot_every_s, stop),
                *(
                    _kept(group, tasks, runner.name, partial(runner.run, stop, tasks), stop)
                    for runner in application.runners()
                    if runner.job.cron
                ),
                group.create_task(keep_measuring(application, tasks, snapshotter, stop), name="snapshotter"),
                group.create_task(report_latency(tasks, reporter, stop), name="latency"),
                group.create_task(report_changed_files(tasks, application, stop), name="quarantine"),
                group.create_task(find_late_writes(tasks, application, stop), name="late writes"),
                group.create_task(report_disk(tasks, application, stop), name="disk"),
                group.create_task(expire(tasks, application, stop), name="retention"),
                group.create_task(check_start(application, tasks, stop), name="checks"),
            ]
            if http:
                _kept(group, tasks, "http", partial(serve, application, stop, collector.tally.meters, tasks), stop)
            log.info("run.started", tasks=[stage.get_name() for stage in stages])
            await pause(seconds, stop)
            stop.set()
            measure_last = partial(_last_generation, tasks, snapshotter)
            await _shut_down(application, stages, collector, measure_last, partial(write_last, tasks, keepers))
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
    write_last: Callable[[], Awaitable[None]],
) -> None:
    """Let the stages finish, collect and measure the rest; after shutdown_timeout_s, leave it to the next start."""
    within_s, clock = application.settings.shutdown_timeout_s, application.clock
    half_way = clock.monotonic() + within_s / 2  # the second half is for the last generation
    try:
        async with asyncio.timeout(within_s):
            await asyncio.wait(stages)
            if await collector.sweep(lambda: clock.monotonic() > half_way):
                await measure_last()
            await write_last()
    except (TimeoutError, Unavailable) as why:
        log.warning("shutdown.timed_out", why=str(why) or f"it took longer than shutdown_timeout_s = {within_s} s")
        for stage in stages:
            stage.cancel()


async def _last_generation(tasks: Tasks, snapshotter: Snapshotter) -> None:
    await tasks.attempt(SNAPSHOTTER, snapshotter.refresh_if_changed(), ends=(Unavailable,))
