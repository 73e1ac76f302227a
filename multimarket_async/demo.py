"""The whole system in a few seconds: a burst into every channel, followed to the last cent."""

import asyncio
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from multimarket_async.app import Application, burst, side_task
from multimarket_async.clock import beats
from multimarket_async.collector import Collector
from multimarket_async.producer import History, Producer
from multimarket_async.proving.checker import check, summary
from multimarket_async.proving.manifest import recording
from multimarket_async.readers.accounting import Channel, counted
from multimarket_async.readers.tables import show
from multimarket_async.readers.verify import Report, verify

LOOK_EVERY_S = 0.1
RECEIVED, STORED, MEASURED = "received", "stored", "measured"
Show: TypeAlias = Callable[[str, int], None]  # (step, files that came through it)


async def demo(
    application: Application, files_per_channel: int, console: Console, until: datetime | None = None
) -> Report:
    """Drop, store, measure, show, verify; the report says whether all of it is right."""
    before = await counted(application.channels, application.store)
    made, manifest, generation = await _flow(application, files_per_channel, console, until)
    for domain in application.domains:
        for kpi in (one for one in domain.kpis if one.headline):
            show(console, kpi, generation["kpis"][kpi.name]["rows"])
    report = await verify(application.domains, application.channels, application.store, generation)
    comparison = await check(application, [manifest], generation)
    report.differences += [*lost(before, report.channels, made), *comparison.differences]
    for line in (told(made), *verdict(before, report), *summary(comparison)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return report


async def _flow(
    application: Application, files_per_channel: int, console: Console, until: datetime | None
) -> tuple[History, Path, dict[str, Any]]:
    """Burst and collect at the same time until nothing waits; then the generation that says so."""
    collector, producers = application.collector(), application.producers()
    files = files_per_channel * len(producers)
    with _meters(console, files) as show:
        async with side_task(_watch(collector, producers, show), "meters"):
            with recording(application, "demo", producers) as manifest:
                made = await _burst(collector, producers, files_per_channel, until)
            await collector.until_empty()
        show(RECEIVED, files)
        show(STORED, collector.tally.total("stored"))
        generation = await application.snapshotter().refresh()
        show(MEASURED, files)
    return made, manifest.path, generation


async def _burst(
    collector: Collector, producers: Sequence[Producer], files_per_channel: int, until: datetime | None
) -> History:
    produced = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(collector.run(produced), name="collector")
        made = await burst(producers, files_per_channel, until)
        produced.set()
    return made


async def _watch(collector: Collector, producers: Sequence[Producer], show: Show) -> None:
    async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
        show(RECEIVED, sum(producer.delivered for producer in producers))
        show(STORED, collector.tally.total("stored"))


@contextmanager
def _meters(console: Console, files: int) -> Iterator[Show]:
    """Three progress bars on a terminal; elsewhere a plain line when a step is complete."""
    if not console.is_terminal:
        told: set[str] = set()
        yield lambda step, done: _tell_once(console, told, step, done) if done >= files else None
        return
    columns = TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        tasks = {step: progress.add_task(step, total=files) for step in (RECEIVED, STORED, MEASURED)}
        yield lambda step, done: progress.update(tasks[step], completed=done)


def _tell_once(console: Console, told: set[str], step: str, files: int) -> None:
    if step not in told:
        console.print(f"{step}: {files} files")
    told.add(step)


def lost(before: Sequence[Channel], after: Sequence[Channel], made: History) -> list[str]:
    """Channels in which not every received file came to rest, or not every one where it belongs."""
    differences = []
    for was, now in zip(before, after, strict=True):
        expected, became = made.expected[now.feed], outcomes(now) - outcomes(was)
        if now.waiting or now.received - was.received != expected.total():
            accounted = f"{now.received - was.received} are accounted for"
            differences.append(f"{now.feed}: {expected.total()} files were received, {accounted}")
        elif not was.waiting and became != expected:
            differences.append(f"{now.feed}: {dict(expected)} was expected, and {dict(became)} came of it")
    return differences


def outcomes(channel: Channel) -> Counter[str]:
    """What became of the channel's files: stored, duplicate, or the code under which they were set aside."""
    return Counter(stored=channel.stored, duplicate=channel.duplicates) + channel.quarantined


def told(made: History) -> str:
    """What was received: whoever sees the same line has received the same bytes."""
    of = ", ".join(f"{name} {value}" for name, value in made.made_of.items())
    dates = f"{made.period.earliest:%Y-%m-%d} to {made.period.latest:%Y-%m-%d}"
    return f"{made.files:,} orders of {of}, {dates}: digest {made.digest}"


def verdict(before: Sequence[Channel], report: Report) -> Iterator[str]:
    """The sum that must hold, in words; then what differs, if anything."""

    def gained(count: Callable[[Channel], int]) -> int:
        return sum(map(count, report.channels)) - sum(map(count, before))

    waited = sum(one.waiting for one in before)
    received, stored = waited + gained(lambda one: one.received), gained(lambda one: one.stored)
    duplicates, set_aside = gained(lambda one: one.duplicates), gained(lambda one: one.quarantined.total())
    sign = "=" if received == stored + duplicates + set_aside else "is not"
    if waited:
        yield f"{waited:,} files waited already and are counted too."
    yield f"{received:,} received {sign} {stored:,} stored + {duplicates:,} duplicate + {set_aside:,} in quarantine"
    if report.right:
        yield f"KPIs recomputed from the archived files agree to the cent (generation {report.generation})."
    yield from (f"WRONG {difference}" for difference in report.differences)


def next_steps(
    python: str, address: str, data_dir: Path | None, first: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Where to look next: these commands first; with the data folder where it is not the usual one."""
    where = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
    steps = {
        **(first or {}),
        "run": f"orders keep coming; the page that shows it all is at {address}",
        "top": "the same flow in a second terminal",
        "report": "every KPI with its chart in one file, report.html",
    }
    yield "Where to look next:"
    for name, told in steps.items():
        yield f"  {python} -m multimarket_async {name}{where}"
        yield f"      {told}"
