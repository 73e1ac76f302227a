"""kpi list, refresh, rebuild, show, history, diff; report and bi: KPIs in files and at addresses for other programs."""

import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer
from rich.console import Group
from rich.text import Text

from multimarket_async.app import Application
from multimarket_async.cli.options import FOUND_WRONG, GenerationNumber, connected
from multimarket_async.discovery import declared
from multimarket_async.domains import Kpi
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import generations, streams, tables
from multimarket_async.readers import report as writing
from multimarket_async.readers.bi import kit
from multimarket_async.readers.http.address import http_address
from multimarket_async.readers.terminal import progress
from multimarket_async.settings import Loaded, Settings
from multimarket_async.snapshots import Generation

MOST_SHOWN = 2_500  # rows of a table on a terminal; more are for other programs
OWN_MONGODB = "mongo_uri is set: create a user with the role read for BI tools in your MongoDB."


def list_all(loaded: Loaded) -> None:
    """List the KPIs of each domain with their columns and definitions."""
    failed = _failed_now(loaded)
    for domain in declared(loaded):
        table = tables.plain("KPI", "Columns", "Definition", title=f"KPIs of {domain.name}")
        for kpi in domain.kpis:
            why = [Text(f"FAILED: {escape_control_chars(failed[kpi.name])}", "bold red")] if kpi.name in failed else []
            names = "\n".join(column.name for column in kpi.columns)
            table.add_row(f"{kpi.name}\n{kpi.title}", names, Group(kpi.definition, *why))
        tables.console().print(table)


def refresh(loaded: Loaded) -> None:
    """Publish a new generation if the stored data has changed."""
    generation = connected(loaded, lambda application: application.snapshotter().refresh())
    typer.echo(f"The newest generation is {generation['_id']}, as of {generation['as_of']:%Y-%m-%d %H:%M:%S} UTC.")
    _found(generation)


def rebuild(loaded: Loaded) -> None:
    """Publish a generation that is computed from scratch."""
    generation = connected(loaded, _rebuilt)
    typer.echo(f"Generation {generation['_id']} was computed from scratch in {generation['seconds']} s.")
    _found(generation)


def show(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI, as in `kpi list`.")],
    output: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="Format of the output.")
    ] = "table",
    number: GenerationNumber = None,
    at: Annotated[
        str | None,
        typer.Option(help="Show the generation of this time, such as 2026-05-01T12:00 (UTC).", show_default=False),
    ] = None,
) -> None:
    """Show the rows of a KPI, of the newest generation or an older one."""
    kpi, moment = named(loaded, name), _moment(at)

    async def work(application: Application) -> Generation:
        generation = await generations.generation(application.store, number, moment)
        generations.check_measured(kpi, generation)
        await _print(application, kpi, generation, output)
        return generation

    _found(connected(loaded, work), kpi.name)


async def _print(application: Application, kpi: Kpi, generation: Generation, output: str) -> None:
    if output == "table":
        rows = await generations.first_rows(application.store, kpi, generation, MOST_SHOWN)
        tables.show(tables.console(), kpi, rows)
        if len(rows) < (count := generations.count(kpi, generation)):
            typer.echo(
                f"These are the first {len(rows):,} of {count:,} rows: --format csv or json gives all.", err=True
            )
        return
    chunks = generations.chunks(application.store, kpi, generation)
    json = output == "json"
    texts = streams.as_json(kpi, generation, chunks, for_terminal=True) if json else streams.as_csv(kpi, chunks)
    async for text in texts:
        typer.echo(text, nl=False)
    typer.echo(nl=json, message="")


def history(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI.")],
    by: Annotated[str, typer.Option("--by", help="A column of the KPI with numbers.")],
) -> None:
    """Show the changes of a column over the kept generations."""
    kpi = named(loaded, name)
    numbers = [column.name for column in kpi.columns if column.is_number]
    if by not in numbers:
        raise WrongSettings(f"{name} has no number {by} to follow. There are: {', '.join(numbers)}.")

    total = 0

    async def work(application: Application) -> deque[generations.Step]:
        nonlocal total
        newest: deque[generations.Step] = deque(maxlen=MOST_SHOWN)
        async for step in generations.history(application.store, kpi, by):
            newest.append(step)
            total += 1
        return newest

    table = tables.plain("Generation", "As of", "Row", by, title=kpi.title)
    for step in connected(loaded, work):
        table.add_row(
            f"{step.generation}", f"{step.as_of:%Y-%m-%d %H:%M:%S}", _text(_words(step.key)), _text(step.value)
        )
    tables.console().print(table)
    if total > MOST_SHOWN:
        typer.echo(f"These are the last {MOST_SHOWN:,} of {total:,} changes.", err=True)


def diff(
    loaded: Loaded,
    before: Annotated[int, typer.Argument(help="Number of a generation.", metavar="A")],
    after: Annotated[int, typer.Argument(help="Number of a later generation.", metavar="B")],
) -> None:
    """Show the rows that differ between two generations, and the documents that came in between."""
    old, new, entered, changed = connected(loaded, lambda application: _compared(application, before, after))
    table = tables.plain("KPI", "Row", "Changed", title=f"Generation {before} -> {after}")
    for change in changed[:MOST_SHOWN]:
        table.add_row(change.kpi, _text(_words(change.key)), _text("; ".join(change.columns())))
    tables.console().print(table)
    if len(changed) > MOST_SHOWN:
        typer.echo(f"These are the first {MOST_SHOWN:,} of {len(changed):,} rows that differ.", err=True)
    for number, generation in ((before, old), (after, new)):
        for name, why in generations.errors(generation).items():
            typer.echo(escape_control_chars(f"{name} is not compared: it failed in generation {number}. {why}"))
    for name, documents in entered.items():
        dots = ", ..." if documents.documents > len(documents.keys) else ""
        keys = f": {', '.join(documents.keys)}{dots}" if documents.keys else ""
        typer.echo(escape_control_chars(f"{documents.documents:,} {name} came in between{keys}"))
        then, now = (generation.get("documents", generation).get(name) for generation in (old, new))
        grown = documents.documents if then is None or now is None else now - then
        if grown != documents.documents:
            typer.echo(f"The generations count {grown:,} more: a batch was in flight at one of the two instants.")


def report(
    loaded: Loaded,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    lang: Annotated[Literal["en", "fr"], typer.Option(help="Language of the report.")] = "en",
    number: GenerationNumber = None,
) -> None:
    """Write the KPIs of a generation, with charts, into an HTML file to mail or print."""

    async def work(application: Application) -> str:
        generation = await generations.generation(application.store, number)
        rows = {
            kpi.name: await generations.first_rows(application.store, kpi, generation, writing.MOST_WRITTEN)
            for kpi in measured(loaded)
            if kpi.name in generation["kpis"]
        }
        language = writing.FRENCH if lang == "fr" else writing.ENGLISH
        return writing.report(application.domains, generation, rows, language, ZoneInfo(application.settings.timezone))

    text = connected(loaded, work)
    out.write_text(text, "utf-8")
    typer.echo(f"{out}: {len(text.encode()) / 1000:,.0f} kB.")


def bi(
    loaded: Loaded,
    write: Annotated[
        Path | None, typer.Option(help="Write files for BI tools into this folder instead.", show_default=False)
    ] = None,
) -> None:
    """Print the read-only addresses for BI tools.

    The connection string of MongoDB and the address of the HTTP API; both work while `run` does.
    """
    address = http_address(loaded.of(Settings))
    if write:
        for name, text in kit(declared(loaded), address).items():
            file = write / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            typer.echo(str(file))
        return
    uri = connected(loaded, _reader_uri)
    typer.echo(uri or OWN_MONGODB, err=not uri)
    typer.echo(f"{address}/api/kpis")


async def _reader_uri(application: Application) -> str | None:
    return application.server.reader_uri if application.server else None


async def _compared(
    application: Application, before: int, after: int
) -> tuple[Generation, Generation, dict[str, generations.Entered], list[generations.Change]]:
    store = application.store
    old, new = [await generations.generation(store, number) for number in (before, after)]
    kpis = [kpi for domain in application.domains for kpi in domain.kpis]
    changed = [change for kpi in kpis async for change in generations.changes(store, kpi, old, new)]
    collections = {domain.name: {facts.collection for facts in domain.facts} for domain in application.domains}
    entered = {name: await generations.entered(store, names, old, new) for name, names in collections.items()}
    return old, new, entered, changed


def _failed_now(loaded: Loaded) -> dict[str, str]:
    """The KPIs that failed in the newest generation, if there is a database that answers."""
    settings = loaded.of(Settings)
    if not settings.mongo_uri and not (settings.data_dir / "mongo").is_dir():
        return {}
    try:
        return generations.errors(connected(loaded, lambda application: generations.generation(application.store)))
    except (CannotContinue, Unavailable):
        return {}


def _found(generation: Generation, name: str | None = None) -> None:
    """Exit with 4 if KPIs failed (or the one of this name), and say why."""
    stale = generations.stale(generation)
    failed = {kpi: why for kpi, why in generations.errors(generation).items() if name in (None, kpi)}
    for kpi, why in failed.items():
        typer.echo(escape_control_chars(generations.failure(kpi, why, stale.get(kpi))), err=True)
    if failed:
        sys.exit(FOUND_WRONG)


def _words(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key)) or "all"


def _text(value: Any) -> Text:
    return Text("-" if value is None else escape_control_chars(str(value)))


async def _rebuilt(application: Application) -> Generation:
    with progress("documents") as update:
        return await application.snapshotter().rebuild(lambda done, of: update("documents", completed=done, total=of))


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
    """Every KPI of every domain that is on."""
    return [kpi for domain in declared(loaded) for kpi in domain.kpis]
