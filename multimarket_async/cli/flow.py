"""run, demo, collect."""

import logging
import sys
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from multimarket_async import app as composition
from multimarket_async import logs, scenarios
from multimarket_async.cli.addresses import http_address, this_python
from multimarket_async.cli.options import (
    FeedNames,
    Until,
    chosen,
    finish,
)
from multimarket_async.demo import demo as demonstrate
from multimarket_async.demo import next_steps
from multimarket_async.errors import WrongSettings
from multimarket_async.proving.manifest import recording
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded, Settings

FOUND_WRONG = 4
ORDERS_PER_CHANNEL = 500
PerChannel = Annotated[
    int | None,
    typer.Option(
        min=0,
        help=f"How many orders each channel delivers. (default: {ORDERS_PER_CHANNEL}, or as the scenario says)",
        show_default=False,
    ),
]
Lesson = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        help="A lesson instead: one that --list-scenarios names, or your own lesson.toml.",
        show_default=False,
    ),
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
    orders_per_channel: PerChannel = None,
    until: Until = None,
    scenario: Lesson = None,
    list_scenarios: Annotated[bool, typer.Option("--list-scenarios", help="Name the scenarios, and end.")] = False,
) -> None:
    """Drop a burst into every channel, follow it into the KPI tables, and verify all of it; or perform a scenario."""
    console = tables.console()
    if list_scenarios:
        console.print(_listed())
        return
    if scenario:
        right, steps = _performed(loaded, scenario, orders_per_channel, until, console)
    else:
        right, steps = _demonstrated(loaded, orders_per_channel, until, console), {}
    if not right:
        sys.exit(FOUND_WRONG)
    settings = loaded.of(Settings)
    data_dir = settings.data_dir if loaded.sources["data_dir"] == "--data-dir" else None
    for line in next_steps(this_python(), http_address(settings), data_dir, steps):
        typer.echo(line)


def _listed() -> Table:
    table = tables.plain("Scenario", "What happens")
    for one in scenarios.every():
        table.add_row(one.name, one.title)
    return table


def _demonstrated(loaded: Loaded, orders_per_channel: int | None, until: datetime | None, console: Console) -> bool:
    files = ORDERS_PER_CHANNEL if orders_per_channel is None else orders_per_channel

    async def work() -> bool:
        async with composition.opened(composition.workspace(loaded)) as application:
            return (await demonstrate(application, files, console, until)).right

    return finish(work())


def _performed(
    loaded: Loaded, name: str, orders_per_channel: int | None, until: datetime | None, console: Console
) -> tuple[bool, dict[str, str]]:
    if until:
        raise WrongSettings("A scenario has days of its own: leave out --until.")
    if orders_per_channel == 0:
        raise WrongSettings("A scenario without orders shows nothing: give --orders-per-channel a larger number.")
    scenario = scenarios.find(name)
    if orders_per_channel:
        scenario = scenario.model_copy(update={"orders_per_channel": orders_per_channel})

    async def work() -> tuple[bool, dict[str, str]]:
        async with composition.opened(composition.workspace(scenario.under(loaded))) as application:
            return await scenarios.Play(scenario, application, console).perform()

    logs.configure(loaded.of(Settings).log_format, sys.stderr, None, logging.ERROR)  # what goes wrong is the lesson
    return finish(work())


def collect(
    loaded: Loaded,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Exit when no file waits.")] = False,
    feeds: FeedNames = None,
) -> None:
    """Store the files that arrive, until stopped; nothing else."""

    async def work() -> None:
        async with composition.opened(chosen(loaded, feeds)) as application:
            stop = composition.stop_on_signals(application.server)
            await composition.collect(application, stop, until_empty=until_empty)

    finish(work())
