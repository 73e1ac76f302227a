"""kpi history and kpi diff: the kept generations, how a number grew over them, and what changed between two."""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from multimarket_async import generations
from multimarket_async.app import Application
from multimarket_async.cli.kpi import MOST_SHOWN, named
from multimarket_async.cli.language import said, spoken, tell
from multimarket_async.cli.options import Format, OutputFormat, connected, show
from multimarket_async.domains import Column, Kpi
from multimarket_async.errors import WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import changes, spreadsheets, tables
from multimarket_async.readers.charts import drawing
from multimarket_async.settings import Loaded
from multimarket_async.snapshots import Generation

Last = Annotated[int, typer.Option(min=1, help="Only so many of the newest.")]


def history(
    loaded: Loaded,
    name: Annotated[
        str | None, typer.Argument(help="Name of the KPI; none: the generations.", metavar="NAME", show_default=False)
    ] = None,
    *,
    by: Annotated[
        str | None, typer.Option("--by", help="The number to follow. (default: that of its chart)", show_default=False)
    ] = None,
    row: Annotated[
        str | None, typer.Option(help="Only rows that this text is in, such as web.", show_default=False)
    ] = None,
    last: Last = MOST_SHOWN,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Show the changes of a number of a KPI over the kept generations; or these generations."""
    if name is None:
        _list_generations(loaded, last, output)
        return
    kpi = named(loaded, name)
    column = _followed(kpi, by)
    total = 0

    async def work(application: Application) -> deque[changes.Step]:
        nonlocal total
        newest: deque[changes.Step] = deque(maxlen=last)
        async for step in changes.history(application.store, kpi, column.name):
            if row is None or row.casefold() in _words(step.key).casefold():
                newest.append(step)
                total += 1
        return newest

    steps = connected(loaded, work)
    show(output, [_step_data(step) for step in steps], _steps_table(kpi, column, steps))
    if total > last == MOST_SHOWN:
        tell(f"These are the last {last:,} of {total:,} changes.", err=True)


def _followed(kpi: Kpi, by: str | None) -> Column:
    """The number of this name, or that of the chart. Raises WrongSettings."""
    numbers = {column.name: column for column in kpi.columns if column.is_number}
    drawn = drawing(kpi)
    name = by or (drawn.y.name if drawn else next(iter(numbers), ""))
    if name not in numbers:
        raise WrongSettings(f"{kpi.name} has no number {name} to follow. There are: {', '.join(numbers)}.")
    return numbers[name]


def _steps_table(kpi: Kpi, column: Column, steps: Sequence[changes.Step]) -> tables.Table:
    table = tables.plain("Generation", "As of (UTC)", "Row", spoken().heading(column), title=kpi.title)
    for place in (0, 3):
        table.columns[place].justify = "right"
    for step in steps:
        when = f"{step.as_of:%Y-%m-%d %H:%M:%S}"
        table.add_row(f"{step.generation}", when, _text(_words(step.key)), tables.shown(column, step.value))
    return table


def _step_data(step: changes.Step) -> dict[str, Any]:
    return {"generation": step.generation, "as_of": step.as_of, "row": step.key, "value": step.value}


def _list_generations(loaded: Loaded, last: int, output: OutputFormat) -> None:
    async def work(application: Application) -> list[Generation]:
        return [generation async for generation in generations.newest(application.store, last)]

    found = connected(loaded, work)
    table = tables.plain("Generation", "As of (UTC)", "Documents", title="Kept generations")
    for place in (0, 2):
        table.columns[place].justify = "right"
    for generation in found:
        documents = ", ".join(f"{count:,} {name}" for name, count in generation["documents"].items())
        table.add_row(f"{generation['_id']}", f"{generation['as_of']:%Y-%m-%d %H:%M:%S}", _text(documents))
    data = [{"generation": generation.pop("_id"), **generation} for generation in found]
    show(output, data, table)


def diff(
    loaded: Loaded,
    before: Annotated[int, typer.Argument(help="Number of a generation, as in `kpi history`.", metavar="A")],
    after: Annotated[int, typer.Argument(help="Number of a later generation.", metavar="B")],
) -> None:
    """Show the rows that differ between two generations, and the documents that came in between."""
    old, new, entered, changed = connected(loaded, lambda application: _compared(application, before, after))
    table = tables.plain("KPI", "Row", "Changed", title=f"Generation {before} -> {after}")
    for kpi, change in changed[:MOST_SHOWN]:
        table.add_row(kpi.name, _text(_words(change.key)), _text("; ".join(_changed(kpi, change))))
    tables.console().print(said(table))
    if len(changed) > MOST_SHOWN:
        tell(f"These are the first {MOST_SHOWN:,} of {len(changed):,} rows that differ.", err=True)
    for number, generation in ((before, old), (after, new)):
        for name, why in generations.errors(generation).items():
            tell(escape_control_chars(f"{name} is not compared: it failed in generation {number}. {why}"))
    for line in _entered_lines(old, new, entered):
        tell(escape_control_chars(line))


def _changed(kpi: Kpi, change: changes.Change) -> Iterator[str]:
    """Each number that people are shown, where it differs: an amount once, in whole units."""
    old, new = change.before or {}, change.after or {}
    for name, column in spreadsheets.named(kpi.columns):
        if column.is_number and not column.hidden and old.get(column.name) != new.get(column.name):
            yield f"{name} {_value(column, old)} -> {_value(column, new)}"


def _value(column: Column, row: dict[str, Any]) -> str:
    return spoken().shown(column, row)


def _entered_lines(old: Generation, new: Generation, entered: dict[str, changes.Entered]) -> Iterator[str]:
    for name, documents in entered.items():
        dots = ", ..." if documents.documents > len(documents.keys) else ""
        keys = f": {', '.join(documents.keys)}{dots}" if documents.keys else ""
        yield f"{documents.documents:,} {name} came in between{keys}"
        then, now = (generation.get("documents", generation).get(name) for generation in (old, new))
        grown = documents.documents if then is None or now is None else now - then
        if grown != documents.documents:
            yield f"The generations count {grown:,} more: a batch was in flight at one of the two instants."


async def _compared(
    application: Application, before: int, after: int
) -> tuple[Generation, Generation, dict[str, changes.Entered], list[tuple[Kpi, changes.Change]]]:
    store = application.store
    old, new = [await generations.generation(store, number) for number in (before, after)]
    changed = [pair async for pair in _changes(application, old, new)]
    collections = {domain.name: {facts.collection for facts in domain.facts} for domain in application.domains}
    entered = {name: await changes.entered(store, names, old, new) for name, names in collections.items()}
    return old, new, entered, changed


async def _changes(
    application: Application, old: Generation, new: Generation
) -> AsyncIterator[tuple[Kpi, changes.Change]]:
    for kpi in (kpi for domain in application.domains for kpi in domain.kpis):
        async for change in changes.changes(application.store, kpi, old, new):
            yield kpi, change


def _words(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key)) or "all"


def _text(value: str) -> Text:
    return Text(escape_control_chars(value))
