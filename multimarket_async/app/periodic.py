"""Reports, removals and checks that a collecting process makes again and again."""

import asyncio

import structlog

from multimarket_async.app.parts import Application, Workspace
from multimarket_async.clock import beats, pause
from multimarket_async.collector import LatencyReporter
from multimarket_async.landing import report_changed
from multimarket_async.tasks import Tasks

log = structlog.get_logger()

REPORT_EVERY_S, LOOK_EVERY_S = 60.0, 3600.0
IDLE_SHARE = 200  # a look takes so little of the time: where 100,000 files are archived a day, a minute is enough


async def report_latency(tasks: Tasks, reporter: LatencyReporter, stop: asyncio.Event) -> None:
    """Write a latency report each minute."""
    while not stop.is_set():
        await pause(REPORT_EVERY_S, stop)
        if not stop.is_set():  # the last report is made after the last batch
            await tasks.attempt("latency", asyncio.to_thread(reporter.report))


async def report_disk(tasks: Tasks, application: Application, stop: asyncio.Event) -> None:
    """Measure the disk use of feeds each minute."""
    reporter = application.disk_reporter()
    async for _ in beats(REPORT_EVERY_S, stop):
        await tasks.attempt("disk", asyncio.to_thread(reporter.report))


async def expire(tasks: Tasks, application: Application, stop: asyncio.Event) -> None:
    """Remove each hour what is older than the settings keep."""
    async for _ in beats(LOOK_EVERY_S, stop):
        await tasks.attempt("retention", application.retention().run())


async def find_late_writes(tasks: Tasks, application: Application, stop: asyncio.Event) -> None:
    """Look for archived files that are still written to, each minute; less often where that takes long."""
    late_writes, clock = application.late_writes(), application.clock
    while not stop.is_set():
        began = clock.monotonic()
        await tasks.attempt("late writes", late_writes.look())
        took_s = clock.monotonic() - began
        await pause(min(max(REPORT_EVERY_S, took_s * IDLE_SHARE), LOOK_EVERY_S), stop)


async def report_changed_files(tasks: Tasks, at: Workspace, stop: asyncio.Event) -> None:
    """Log directories that files cannot leave or enter, and each hour the files that were changed in quarantine."""
    log_obstacles(at)
    async for _ in beats(LOOK_EVERY_S, stop):
        await look_at_quarantine(tasks, at)


def log_obstacles(at: Workspace) -> None:
    """Log directories that files cannot leave or enter."""
    for _, landing in at.feeds:
        for why in landing.obstacles():
            log.error("landing.obstructed", feed=landing.feed, why=why)


async def look_at_quarantine(tasks: Tasks, at: Workspace) -> None:
    """Log the files that were changed in quarantine."""
    quarantines = [landing.quarantine for _, landing in at.feeds]
    await tasks.attempt("quarantine", asyncio.to_thread(report_changed, quarantines))
