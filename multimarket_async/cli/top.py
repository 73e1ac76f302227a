"""top: the status, live in the terminal."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.cli.health import read_status
from multimarket_async.cli.options import connected
from multimarket_async.clock import pause
from multimarket_async.readers import tables
from multimarket_async.readers.status import StatusResponse
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

    async def work(application: Application) -> None:
        stop = composition.stop_on_signals(application.server)
        await _show(_readings(application, stop, every_s=every, once=once), tables.console())

    connected(loaded, work)


async def _readings(
    application: Application, stop: asyncio.Event, *, every_s: float, once: bool
) -> AsyncIterator[StatusResponse]:
    observer = Observer(lambda: read_status(application), application.channels, application.clock)
    while not stop.is_set():
        yield await observer.reading()
        if once:
            return
        await pause(max(every_s, observer.rest_s), stop)


async def _show(readings: AsyncIterator[StatusResponse], console: Console) -> None:
    """One screen, drawn again and again, on a terminal; lines elsewhere."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            async for reading in readings:
                live.update(status_screen(reading, live=True), refresh=True)
        return
    heading = True
    async for reading in readings:
        for line in status_lines(reading, heading=heading):
            typer.echo(line)
        heading = False
