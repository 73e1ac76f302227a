"""top: the flow, live in the terminal."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.cli.options import command, finish
from multimarket_async.clock import pause
from multimarket_async.readers import status, tables
from multimarket_async.readers import top as seeing
from multimarket_async.settings import Loaded


def add_top(app: typer.Typer) -> None:
    """Add this command."""
    command(app)(top)


def top(
    loaded: Loaded,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and exit; rates need two looks.")] = False,
) -> None:
    """Watch the flow until Ctrl-C: rates, backlog, latency, outcomes and the age of the KPIs of each channel."""

    async def work() -> None:
        async with composition.opened(composition.workspace(loaded)) as application:
            stop = composition.stop_on_signals(application.server)
            await _show(_glances(application, stop, every_s=every, once=once), tables.console())

    finish(work())


async def _glances(
    application: Application, stop: asyncio.Event, *, every_s: float, once: bool
) -> AsyncIterator[seeing.Glance]:
    observer = seeing.Observer(lambda: _looked(application), list(application.channels), application.clock)
    while not stop.is_set():
        yield await observer.glance()
        if once:
            return
        await pause(max(every_s, observer.rest_s), stop)


async def _looked(application: Application) -> status.Status:
    stale_after_s = application.settings.stale_after_s
    return await status.status(
        application.channels, application.store, application.clock.now(), stale_after_s, application.latency_file
    )


async def _show(glances: AsyncIterator[seeing.Glance], console: Console) -> None:
    """A picture that is drawn over on a terminal; lines that follow each other elsewhere."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            async for seen in glances:
                live.update(seeing.screen(seen), refresh=True)
        return
    headed = True
    async for seen in glances:
        for line in seeing.lines(seen, headed=headed):
            typer.echo(line)
        headed = False
