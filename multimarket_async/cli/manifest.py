"""verify --manifest: all of it against what was received."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from multimarket_async import app as composition
from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.options import OutputFormat, finish
from multimarket_async.manifest import chosen
from multimarket_async.readers import tables
from multimarket_async.readers.oracle import Judgement, compare, sentences
from multimarket_async.settings import Loaded

Manifests = Annotated[
    list[str] | None,
    typer.Option(help="Compare with a run's manifest: a path, latest or all; may be repeated.", show_default=False),
]


def verify_manifests(loaded: Loaded, names: Sequence[str], output: OutputFormat) -> None:
    """Compare, tell, and end with 4 where it is not right."""
    judgement = finish(_judged(loaded, names))
    if output is OutputFormat.JSON:
        paths = {name: [str(path) for path in getattr(judgement, name)] for name in ("manifests", "killed")}
        typer.echo(tables.terminal_safe_json({"right": judgement.right, **asdict(judgement), **paths}))
    else:
        for line in sentences(judgement):
            typer.echo(tables.escape_control_chars(line))
    if not judgement.right:
        sys.exit(FOUND_WRONG)


async def _judged(loaded: Loaded, names: Sequence[str]) -> Judgement:
    workspace = composition.workspace(loaded)
    manifests = chosen(workspace.manifests, names)
    async with composition.opened(workspace) as application:
        generation = await application.snapshotter().current()
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("files", total=None)
            read = lambda done: progress.advance(task, done)  # noqa: E731
            return await compare(
                manifests, application.domains, application.channels, application.store, generation, counted_one=read
            )
