"""kpi history, kpi diff: KPIs over time."""

from typing import Annotated, Any

import typer
from rich.text import Text

from multimarket_async.app import Application
from multimarket_async.cli.kpi import measured, named
from multimarket_async.cli.options import connected
from multimarket_async.errors import WrongSettings
from multimarket_async.readers import generations, tables
from multimarket_async.settings import Loaded


def history(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI.")],
    by: Annotated[str, typer.Option("--by", help="Column of the KPI to follow, a number.")],
) -> None:
    """Show the changes of a column over the kept generations."""
    kpi = named(loaded, name)
    numbers = [column.name for column in kpi.columns if column.type in ("integer", "double")]
    if by not in numbers:
        raise WrongSettings(f"{name} has no number {by} to follow. There are: {', '.join(numbers)}.")

    async def work(application: Application) -> list[generations.Step]:
        return [step async for step in generations.history(application.store, kpi, by)]

    table = tables.plain("Generation", "As of", "Row", by, title=kpi.title)
    for step in connected(loaded, work):
        table.add_row(
            f"{step.generation}", f"{step.as_of:%Y-%m-%d %H:%M:%S}", _text(_words(step.key)), _text(step.value)
        )
    tables.console().print(table)


def diff(
    loaded: Loaded,
    before: Annotated[int, typer.Argument(help="Number of a generation.", metavar="A")],
    after: Annotated[int, typer.Argument(help="Number of a later generation.", metavar="B")],
) -> None:
    """Show the rows that differ between two generations, and the documents that came in between."""
    old, new, entered = connected(loaded, lambda application: _compared(application, before, after))
    table = tables.plain("KPI", "Row", "Changed", title=f"Generation {before} -> {after}")
    for kpi in measured(loaded):
        for change in generations.changes(kpi, old, new):
            table.add_row(change.kpi, _text(_words(change.key)), _text("; ".join(change.columns())))
    tables.console().print(table)
    for name, found in entered.items():
        dots = ", ..." if found.documents > len(found.keys) else ""
        typer.echo(
            f"{found.documents:,} {name} came in between: {tables.escape_control_chars(', '.join(found.keys))}{dots}"
        )
        grown = new.get(name, 0) - old.get(name, 0)
        if grown != found.documents:
            typer.echo(f"The generations count {grown:,} more: a batch was on its way at one of the two instants.")


async def _compared(
    application: Application, before: int, after: int
) -> tuple[dict[str, Any], dict[str, Any], dict[str, generations.Entered]]:
    old, new = [await generations.generation(application.store, number) for number in (before, after)]
    cubes = [(domain.name, cube) for domain in application.domains for cube in domain.cubes]
    return old, new, {name: await generations.entered(application.store, cube, old, new) for name, cube in cubes}


def _words(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key)) or "all"


def _text(value: Any) -> Text:
    return Text("-" if value is None else tables.escape_control_chars(str(value)))
