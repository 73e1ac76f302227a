"""kpi list, refresh, rebuild, show: the measured numbers."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from multimarket_async import app as composition
from multimarket_async.app import Parts
from multimarket_async.cli.options import command, finish
from multimarket_async.domains import Kpi, discover
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded
from multimarket_async.snapshots import Generation
from multimarket_async.store import LEDGER

T = TypeVar("T")


class KpiFormat(StrEnum):
    """The values of `kpi show --format`."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def add_kpi(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="The measured numbers: list, refresh, rebuild, show.", no_args_is_help=True)
    command(group, name="list")(list_all)
    command(group)(refresh)
    command(group)(rebuild)
    command(group)(show)
    app.add_typer(group, name="kpi")
    command(app)(bi)


def list_all(loaded: Loaded) -> None:
    """What is measured, and how each number is defined."""
    table = tables.plain("KPI", "Columns", "Definition", title="KPIs")
    for kpi in _kpis(loaded):
        table.add_row(f"{kpi.name}\n{kpi.title}", "\n".join(column.name for column in kpi.columns), kpi.definition)
    tables.console().print(table)


def refresh(loaded: Loaded) -> None:
    """Publish a new generation if the stored orders have changed."""
    generation = _with_parts(loaded, lambda parts: parts.snapshotter().refresh())
    typer.echo(f"The newest generation is {generation['_id']}, as of {generation['as_of']:%Y-%m-%d %H:%M:%S} UTC.")


def rebuild(loaded: Loaded) -> None:
    """Compute everything from scratch and publish it as a new generation."""
    generation = _with_parts(loaded, _rebuilt)
    typer.echo(f"Generation {generation['_id']} was computed from scratch in {generation['seconds']} s.")


def show(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI; `kpi list` tells them all.")],
    output: Annotated[KpiFormat, typer.Option("--format", help="table, json or csv.")] = KpiFormat.TABLE,
) -> None:
    """Show the rows of one KPI from the newest generation."""
    kpi = _named(loaded, name)
    generation = _with_parts(loaded, _newest)
    rows = generation["kpis"][kpi.name]["rows"]
    if output is KpiFormat.JSON:
        typer.echo(tables.as_json(kpi, generation))
    elif output is KpiFormat.CSV:
        typer.echo(tables.as_csv(kpi, rows), nl=False)
    else:
        tables.console().print(tables.as_table(kpi, rows))


def bi(loaded: Loaded) -> None:
    """Print the read-only connection string for BI tools; it works as long as `run` does."""
    typer.echo(_with_parts(loaded, _reader_uri))


async def _rebuilt(parts: Parts) -> Generation:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("partitions", total=None)
        return await parts.snapshotter().rebuild(lambda done, of: progress.update(task, completed=done, total=of))


async def _reader_uri(parts: Parts) -> str:
    if parts.server is None:
        raise WrongSettings("With mongo_uri set, the users are yours: give BI tools a user with the role read.")
    return parts.server.reader_uri


async def _newest(parts: Parts) -> Generation:
    newest = await parts.store.newest(LEDGER)
    if newest is None:
        raise CannotContinue("Nothing has been measured yet. `kpi refresh` measures what is stored.")
    return newest


def _named(loaded: Loaded, name: str) -> Kpi:
    kpis = {kpi.name: kpi for kpi in _kpis(loaded)}
    if name not in kpis:
        raise WrongSettings(f"There is no KPI {name}. There are: {', '.join(kpis)}.")
    return kpis[name]


def _kpis(loaded: Loaded) -> list[Kpi]:
    return [kpi for domain in discover() for kpi in domain.under(loaded).kpis]


def _with_parts(loaded: Loaded, work: Callable[[Parts], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with composition.opened(composition.places(loaded)) as parts:
            return await work(parts)

    return finish(opened())
