"""verify --manifest: everything against the manifests of simulated runs."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from multimarket_async import app as composition
from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.options import OutputFormat, finish
from multimarket_async.proving.checker import check
from multimarket_async.proving.comparison import Comparison, report
from multimarket_async.proving.manifest import choose
from multimarket_async.readers import tables
from multimarket_async.readers.terminal import progress
from multimarket_async.settings import Loaded

Manifests = Annotated[
    list[str] | None,
    typer.Option(help="Compare with a run's manifest: a path, latest or all; may be repeated.", show_default=False),
]


def verify_manifests(loaded: Loaded, names: Sequence[str], output: OutputFormat) -> None:
    """Compare, print the result, and exit with 4 if it is not right."""
    comparison = finish(_compared(loaded, names))
    if output is OutputFormat.JSON:
        paths = {name: [str(path) for path in getattr(comparison, name)] for name in ("manifests", "killed")}
        typer.echo(tables.terminal_safe_json({"right": comparison.right, **asdict(comparison), **paths}))
    else:
        for line in report(comparison):
            typer.echo(tables.escape_control_chars(line))
    if not comparison.right:
        sys.exit(FOUND_WRONG)


async def _compared(loaded: Loaded, names: Sequence[str]) -> Comparison:
    workspace = composition.workspace(loaded)
    manifests = choose(workspace, names)
    async with composition.opened(workspace) as application:
        generation = await application.snapshotter().current()
        with progress("files") as update:
            return await check(application, manifests, generation, checked=lambda files: update("files", advance=files))
