"""run, demo, collect: orders on the move."""

import sys
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async.cli.addresses import http_address, this_python
from multimarket_async.cli.options import FAULTS, LIVES, PACE, SEED, SPEED, Channels, Until, chosen, command, finish
from multimarket_async.demo import demo as demonstrate
from multimarket_async.demo import next_steps
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded, Settings

FOUND_WRONG = 4
PerChannel = Annotated[int, typer.Option(min=0, help="How many orders each channel drops.")]


def add_flow(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, SEED, PACE, SPEED, FAULTS, LIVES, log_to="stdout")(run)
    command(app, SEED, FAULTS, LIVES)(demo)
    command(app, log_to="stdout")(collect)


def run(
    loaded: Loaded,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="Stop by itself after so many seconds.")] = None,
    no_produce: Annotated[bool, typer.Option("--no-produce", help="Leave the dropping to real systems.")] = False,
    no_http: Annotated[bool, typer.Option("--no-http", help="Without the page and the HTTP API.")] = False,
) -> None:
    """Produce, collect and measure until stopped (Ctrl-C: collect what waits, measure it, exit 0)."""

    async def work() -> None:
        if not no_http:
            composition.load_http_ahead()
        async with composition.opened(composition.places(loaded)) as parts:
            stop = composition.stop_on_signals(parts.server)
            await composition.run(parts, stop, seconds=seconds, produce=not no_produce, http=not no_http)

    finish(work())


def demo(loaded: Loaded, orders_per_channel: PerChannel = 500, until: Until = None) -> None:
    """Drop a burst into every channel, follow it into the KPI tables, and verify all of it."""
    console = tables.console()

    async def work() -> bool:
        async with composition.opened(composition.places(loaded)) as parts:
            return (await demonstrate(parts, orders_per_channel, console, until)).right

    if not finish(work()):
        sys.exit(FOUND_WRONG)
    settings = loaded.of(Settings)
    data_dir = settings.data_dir if loaded.sources["data_dir"] == "--data-dir" else None
    for line in next_steps(this_python(), http_address(settings), data_dir):
        typer.echo(line)


def collect(
    loaded: Loaded,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Exit when no file waits any more.")] = False,
    channels: Channels = None,
) -> None:
    """Store what lands: landing directories to MongoDB, without producing or measuring."""

    async def work() -> None:
        async with composition.opened(chosen(loaded, channels)) as parts:
            stop = composition.stop_on_signals(parts.server)
            await composition.collect(parts, stop, until_empty=until_empty)

    finish(work())
