"""run, demo, and the stages alone: collect, measure, serve."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.app import Application
from multimarket_async.cli.options import (
    FOUND_WRONG,
    DomainName,
    FeedNames,
    Until,
    connected,
    data_dir_flag,
    finish,
    turned_on,
)
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.proving.demo import domain_of, perform, under
from multimarket_async.proving.lessons import LESSONS
from multimarket_async.proving.manifest import recording
from multimarket_async.readers import tables
from multimarket_async.readers.http.address import http_address
from multimarket_async.settings import Loaded, Settings, variable

FilesPerFeed = Annotated[
    int | None,
    typer.Option(
        "--files-per-feed",
        "--orders-per-channel",
        min=0,
        help=f"Number of files of each feed. (default: {LESSONS['burst'].files_per_feed}, or the lesson's)",
        show_default=False,
    ),
]
LessonName = Annotated[
    str | None,
    typer.Option("--lesson", help="Perform this lesson instead: one that --list-lessons names.", show_default=False),
]


def run(
    loaded: Loaded,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="Stop after so many seconds.")] = None,
    no_produce: Annotated[bool, typer.Option("--no-produce", help="Without simulated deliveries.")] = False,
    no_http: Annotated[bool, typer.Option("--no-http", help="Without the page and the HTTP API.")] = False,
) -> None:
    """Produce, collect, measure and serve until stopped.

    After Ctrl-C it collects the waiting files, publishes a last KPI generation and exits with 0.
    """

    async def work() -> None:
        if not no_http:
            composition.load_http_ahead()
        async with composition.opened(composition.workspace(loaded)) as application:
            stop = composition.stop_on_signals(application.server)
            producers = [] if no_produce else application.producers()
            with recording(application, "run", producers) if producers else nullcontext():
                await composition.run(application, stop, seconds=seconds, producers=producers, http=not no_http)

    finish(work())


def demo(
    loaded: Loaded,
    *,
    files_per_feed: FilesPerFeed = None,
    domain: DomainName = None,
    until: Until = None,
    lesson: LessonName = None,
    list_lessons: Annotated[bool, typer.Option("--list-lessons", help="List the lessons, and exit.")] = False,
) -> None:
    """Follow a burst of files to the last cent, or perform a lesson.

    The burst is delivered into every feed that has a simulator, collected, measured and verified.
    """
    console = tables.console()
    if list_lessons:
        table = tables.plain("Lesson", "What happens")
        for name, listed in LESSONS.items():
            table.add_row(name, listed.title)
        console.print(table)
        return
    if lesson:
        _check_lesson(lesson, files_per_feed, until)
        logs.configure(loaded.of(Settings).log_format, sys.stderr, None, logging.ERROR)  # faults are the lesson
    chosen_lesson, on = LESSONS[lesson or "burst"], turned_on(loaded, domain)
    domain = domain_of(chosen_lesson, on.of(Settings), domain)

    async def work() -> tuple[bool, dict[str, str]]:
        async with composition.opened(composition.workspace(under(chosen_lesson, on))) as application:
            return await perform(chosen_lesson, application, console, files_per_feed, domain=domain, until=until)

    right, steps = finish(work())
    if not right:
        sys.exit(FOUND_WRONG)
    domains = ",".join(on.of(Settings).domains) if on is not loaded else ""
    for line in _next_steps(http_address(loaded.of(Settings)), data_dir_flag(loaded), steps, domains):
        typer.echo(line)


def _check_lesson(name: str, files_per_feed: int | None, until: datetime | None) -> None:
    if name not in LESSONS:
        raise WrongSettings(f"There is no lesson {name}; there are {', '.join(LESSONS)}.{did_you_mean(name, LESSONS)}")
    if until and name != "burst":
        raise WrongSettings("A lesson has days of its own: leave out --until.")
    if files_per_feed == 0:
        raise WrongSettings("A lesson without files shows nothing: give --files-per-feed a larger number.")


def _next_steps(address: str, where: str, first: Mapping[str, str], domains: str) -> Iterator[str]:
    """Commands to continue with, with the flag `where` of the data folder, and domains that are off otherwise."""
    here = Path(sys.executable)
    python = os.path.relpath(here) if here.is_relative_to(Path.cwd()) else "python"
    steps = {
        **first,
        "run": f"files keep coming; the page that shows it all is at {address}",
        "top": "the same flow in a second terminal",
        "report": "every KPI with its chart in one file, report.html",
    }
    yield "Where to look next:"
    python = f"{variable('domains')}={domains} {python}" if domains else python
    for command_line, purpose in steps.items():
        yield f"  {python} -m multimarket_async {command_line}{where}"
        yield f"      {purpose}"


def collect(
    loaded: Loaded,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Exit when no file waits.")] = False,
    feeds: FeedNames = None,
) -> None:
    """Store the files that arrive, until stopped; nothing else."""
    until_stopped(loaded, partial(composition.collect, until_empty=until_empty), feeds, create=True)


def measure(loaded: Loaded) -> None:
    """Publish KPI generations of what is stored, until stopped; nothing else."""
    until_stopped(loaded, composition.measure, create=True)


def serve(loaded: Loaded) -> None:
    """Serve the page and the HTTP API, until stopped; nothing else."""
    until_stopped(loaded, composition.serve)


def until_stopped(
    loaded: Loaded,
    stage: Callable[[Application, asyncio.Event], Awaitable[None]],
    feeds: str | None = None,
    *,
    create: bool = False,
) -> None:
    """Run one stage until a signal. create: the directories that are not there."""

    def work(application: Application) -> Awaitable[None]:
        return stage(application, composition.stop_on_signals(application.server))

    connected(loaded, work, feeds, create=create)
