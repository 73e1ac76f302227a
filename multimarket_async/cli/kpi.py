"""kpi list, refresh, rebuild, show."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from multimarket_async.app import Application
from multimarket_async.cli.options import GenerationNumber, connected
from multimarket_async.domains import Kpi, discover
from multimarket_async.errors import WrongSettings
from multimarket_async.readers import generations, tables
from multimarket_async.readers.terminal import progress
from multimarket_async.settings import Loaded
from multimarket_async.snapshots import Generation


def list_all(loaded: Loaded) -> None:
    """List the KPIs with their columns and definitions."""
    table = tables.plain("KPI", "Columns", "Definition", title="KPIs")
    for kpi in measured(loaded):
        table.add_row(f"{kpi.name}\n{kpi.title}", "\n".join(column.name for column in kpi.columns), kpi.definition)
    tables.console().print(table)


def refresh(loaded: Loaded) -> None:
    """Publish a new generation if the stored data has changed."""
    generation = connected(loaded, lambda application: application.snapshotter().refresh())
    typer.echo(f"The newest generation is {generation['_id']}, as of {generation['as_of']:%Y-%m-%d %H:%M:%S} UTC.")


def rebuild(loaded: Loaded) -> None:
    """Publish a generation that is computed from scratch."""
    generation = connected(loaded, _rebuilt)
    typer.echo(f"Generation {generation['_id']} was computed from scratch in {generation['seconds']} s.")


def show(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI, as in `kpi list`.")],
    output: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="Output format: table, json or csv.")
    ] = "table",
    number: GenerationNumber = None,
    at: Annotated[
        str | None, typer.Option(help="Show the newest generation of this time, UTC.", show_default=False)
    ] = None,
) -> None:
    """Show the rows of a KPI, of the newest generation or an older one."""
    kpi, moment = named(loaded, name), _moment(at)
    generation = connected(loaded, lambda application: generations.generation(application.store, number, moment))
    rows = generations.rows(kpi, generation)
    if output == "json":
        typer.echo(tables.terminal_safe_json(tables.as_object(kpi, generation, rows)))
    elif output == "csv":
        typer.echo(tables.as_csv(kpi, rows), nl=False)
    else:
        tables.show(tables.console(), kpi, rows)


async def _rebuilt(application: Application) -> Generation:
    with progress("partitions") as update:
        return await application.snapshotter().rebuild(lambda done, of: update("partitions", completed=done, total=of))


def _moment(text: str | None) -> datetime | None:
    """A time as given on the command line, by default in UTC. Raises WrongSettings."""
    try:
        given = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise WrongSettings(f"{text} is not a time. Expected 2026-05-01T12:00") from None
    return given.replace(tzinfo=given.tzinfo or UTC) if given else None


def named(loaded: Loaded, name: str) -> Kpi:
    """The KPI of this name. Raises WrongSettings."""
    kpis = {kpi.name: kpi for kpi in measured(loaded)}
    if name not in kpis:
        raise WrongSettings(f"There is no KPI {name}. There are: {', '.join(kpis)}.")
    return kpis[name]


def measured(loaded: Loaded) -> list[Kpi]:
    """Every KPI of every domain."""
    return [kpi for domain in discover() for kpi in domain.under(loaded).kpis]
