"""lake: compare the Delta tables with MongoDB, or write them anew."""

import typer

from multimarket_async.app import Application
from multimarket_async.cli.options import Format, OutputFormat, connected, show
from multimarket_async.readers.terminal import sink_differences, sink_lines
from multimarket_async.settings import Loaded
from multimarket_async.sinks import Keeper
from multimarket_async.sinks.kinds import KINDS

LAKE = KINDS["lake"]


def verify(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Compare every table of the lake with MongoDB: the rows of KPIs, and documents one by one."""
    found = {LAKE.name: connected(loaded, lambda application: _keeper(application).compare())}
    generation, differences = found[LAKE.name]
    wrong = [f"WRONG {difference}" for difference in sink_differences(found)]
    data = {"right": not differences, "generation": generation, "differences": differences}
    show(output, data, *sink_lines(found), *wrong, right=not differences)


def rebuild(loaded: Loaded) -> None:
    """Delete the tables of the lake, and write the newest generation and all documents anew."""
    generation = connected(loaded, _rebuilt)
    typer.echo(f"{LAKE.name}: holds generation {generation}" if generation else "There is no generation yet.")


async def _rebuilt(application: Application) -> int | None:
    LAKE.require()
    from multimarket_async.sinks.lake import opened  # noqa: PLC0415 - it needs the packages of an extra

    await (await opened(application.source)).remove()
    return await _keeper(application).catch_up()


def _keeper(application: Application) -> Keeper:
    return Keeper(LAKE, application.source, application.tasks())
