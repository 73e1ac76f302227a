"""produce: simulated deliveries alone, a backfill at full speed and then live ones."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Annotated

import structlog
import typer

from multimarket_async import app as composition
from multimarket_async.app import Workspace
from multimarket_async.cli.options import DomainName, FeedNames, Until, chosen, finish
from multimarket_async.clock import beats
from multimarket_async.errors import WrongSettings
from multimarket_async.producer import LAST_24_MONTHS, ArrivalProcess, Period, Producer, by_share, write_backfill
from multimarket_async.proving.manifest import recording
from multimarket_async.readers.terminal import Update, progress
from multimarket_async.settings import Loaded

log = structlog.get_logger()

UPDATE_EVERY_S = 0.1
FilesPerFeed = Annotated[
    int | None,
    typer.Option(
        "--files-per-feed", "--orders-per-channel", min=0, help="Number of files of each feed.", show_default=False
    ),
]


def produce(
    loaded: Loaded,
    *,
    number: Annotated[
        int | None,
        typer.Option(
            "--files", "--orders", min=0, help="Number of files of all feeds, by their shares.", show_default=False
        ),
    ] = None,
    files_per_feed: FilesPerFeed = None,
    history: Annotated[
        str, typer.Option(help="Period of their dates: 24months, 90days, 8weeks, 2years.")
    ] = LAST_24_MONTHS,
    until: Until = None,
    serve_api: Annotated[
        bool, typer.Option("--serve-api", help="Instead of files, serve them as the API of the domain, until stopped.")
    ] = False,
    api_port: Annotated[int, typer.Option(min=0, max=65535, help="Its port, or the next free one.")] = 8001,
    live: Annotated[bool, typer.Option("--live", help="Continue with files dated now, until stopped.")] = False,
    feeds: FeedNames = None,
    domain: DomainName = None,
    manifest: Annotated[
        bool, typer.Option("--manifest/--no-manifest", help="Record the expected outcome of each file, for `verify`.")
    ] = True,
) -> None:
    """Deliver simulated files: a backfill at full speed, then live ones with --live."""
    if serve_api:
        finish(composition.serve_simulated(chosen(loaded, feeds, domain), api_port))
        return
    if (number is None) == (files_per_feed is None) and not (live and number is None):
        raise WrongSettings("Say how many: --files-per-feed N or --files N, or --live to go on until stopped.")
    workspace = chosen(loaded, feeds, domain)
    period = Period.before(until or workspace.clock.now(), history)
    producers = workspace.required_producers()
    each = dict.fromkeys(producers, files_per_feed or 0)
    finish(_produce(workspace, by_share(producers, number) if number else each, period, live=live, manifest=manifest))


async def _produce(
    workspace: Workspace, files: Mapping[Producer, int], period: Period, *, live: bool, manifest: bool
) -> None:
    with recording(workspace, "produce", list(files)) if manifest else nullcontext():
        if any(files.values()) or not live:
            await _backfill(files, period)
        if live:
            stop = composition.stop_on_signals(None)
            await composition.produce(files, stop, ArrivalProcess.of(workspace.settings))


async def _backfill(files: Mapping[Producer, int], period: Period) -> None:
    began = time.monotonic()
    with progress("files", total=sum(files.values())) as update:
        async with composition.side_task(_watch(files, update), "progress"):
            made = await write_backfill(files, period)
    seconds = time.monotonic() - began
    log.info("backfill.written", **made.facts(), seconds=round(seconds, 3), files_per_s=round(made.files / seconds))


async def _watch(producers: Iterable[Producer], update: Update) -> None:
    async for _ in beats(UPDATE_EVERY_S, asyncio.Event()):
        update("files", completed=sum(producer.delivered for producer in producers))
