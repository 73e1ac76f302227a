"""produce: made-up orders, a history at full speed and then live ones, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TimeRemainingColumn
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.app import Workspace
from multimarket_async.cli.options import (
    FeedNames,
    Until,
    chosen,
    finish,
)
from multimarket_async.clock import beats
from multimarket_async.errors import WrongSettings
from multimarket_async.producer import LAST_24_MONTHS, ArrivalProcess, Period, Producer, shared_out, write_backfill
from multimarket_async.proving.manifest import recording
from multimarket_async.settings import Loaded

log = structlog.get_logger()

LOOK_EVERY_S = 0.1


def produce(
    loaded: Loaded,
    *,
    orders: Annotated[
        int | None,
        typer.Option(min=0, help="How many orders all channels deliver, by their shares.", show_default=False),
    ] = None,
    orders_per_channel: Annotated[
        int | None, typer.Option(min=0, help="How many orders each channel delivers.", show_default=False)
    ] = None,
    history: Annotated[
        str, typer.Option(help="How long a time they are dated over: 24months, 90days, 8weeks, 2years.")
    ] = LAST_24_MONTHS,
    until: Until = None,
    live: Annotated[bool, typer.Option("--live", help="Go on with orders dated now, until stopped.")] = False,
    feeds: FeedNames = None,
    manifest: Annotated[
        bool, typer.Option("--manifest/--no-manifest", help="Write down what must become of it, for `verify`.")
    ] = True,
) -> None:
    """Drop simulated orders: a history at full speed, then live ones where that is asked for."""
    if (orders is None) == (orders_per_channel is None) and not (live and orders is None):
        raise WrongSettings("Say how many: --orders-per-channel N or --orders N, or --live to go on until stopped.")
    workspace = chosen(loaded, feeds)
    period = Period.before(until or workspace.clock.now(), history)
    producers = workspace.producers()
    each = dict.fromkeys(producers, orders_per_channel or 0)
    finish(_produce(workspace, shared_out(producers, orders) if orders else each, period, live=live, manifest=manifest))


async def _produce(
    workspace: Workspace, wanted: Mapping[Producer, int], period: Period, *, live: bool, manifest: bool
) -> None:
    with recording(workspace, "produce", list(wanted)) if manifest else nullcontext():
        if any(wanted.values()):
            await _history(wanted, period)
        if live:
            stop = composition.stop_on_signals(None)
            await composition.produce(wanted, stop, ArrivalProcess.of(workspace.settings))


async def _history(wanted: Mapping[Producer, int], period: Period) -> None:
    began = time.monotonic()
    async with _meter(wanted, sum(wanted.values())):
        made = await write_backfill(wanted, period)
    seconds = time.monotonic() - began
    log.info("backfill.written", **made.facts(), seconds=round(seconds, 3), files_per_s=round(made.files / seconds))


@asynccontextmanager
async def _meter(producers: Iterable[Producer], files: int) -> AsyncIterator[None]:
    """A progress bar on a terminal, beside the log."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    with Progress(*columns, console=console, speed_estimate_period=5) as progress:
        async with composition.side_task(_watch(producers, progress, progress.add_task("", total=files)), "meter"):
            yield


async def _watch(producers: Iterable[Producer], progress: Progress, task: TaskID) -> None:
    async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
        progress.update(task, completed=sum(producer.delivered for producer in producers))


class _Rate(ProgressColumn):
    """Files per second."""

    def render(self, task: Task) -> Text:
        """Measured over the last seconds."""
        return Text(f"{task.speed or 0:,.0f} files/s")
