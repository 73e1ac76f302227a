"""top: the status, live in the terminal."""

from contextlib import nullcontext
from typing import Annotated

import typer
from rich.live import Live

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.cli.health import read_status
from multimarket_async.cli.language import said
from multimarket_async.cli.options import connected
from multimarket_async.clock import pause
from multimarket_async.readers import tables
from multimarket_async.readers.terminal import status_lines, status_screen
from multimarket_async.readers.top import Observer
from multimarket_async.settings import Loaded


def top(
    loaded: Loaded,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two readings.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Exit after the first reading, which has no rates.")] = False,
) -> None:
    """Show the status live until Ctrl-C.

    Rates, backlog, latency, outcomes of each feed, and the age of the KPIs; one line a feed where there is no terminal.
    """
    connected(loaded, lambda application: _show(application, every, once=once))


async def _show(application: Application, every_s: float, *, once: bool) -> None:
    """One screen, drawn again and again, on a terminal; lines elsewhere."""
    stop, console, heading = composition.stop_on_signals(application.server), tables.console(), True
    observer = Observer(lambda: read_status(application), application.feeds, application.clock)
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while not stop.is_set():
            reading = await observer.reading()
            if live:
                live.update(said(status_screen(reading, live=True)), refresh=True)
            else:
                typer.echo("\n".join(status_lines(reading, heading=heading)))
            if once:
                return
            heading = False
            await pause(max(every_s, observer.rest_s), stop)
