"""kpi list, refresh, rebuild, show, history, diff; report and bi: KPIs in files and at addresses for other programs."""

import sys
from collections.abc import Mapping
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
from multimarket_async.readers import generations, tables
from multimarket_async.readers import report as writing
from multimarket_async.readers.bi import kit
from multimarket_async.readers.http.address import http_address
from multimarket_async.readers.terminal import progress
from multimarket_async.settings import Loaded, Settings
from multimarket_async.snapshots import Generation

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
    _found(generations.errors(generation))


def rebuild(loaded: Loaded) -> None:
    """Publish a generation that is computed from scratch."""
    generation = connected(loaded, _rebuilt)
    typer.echo(f"Generation {generation['_id']} was computed from scratch in {generation['seconds']} s.")
    _found(generations.errors(generation))


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
    generation = connected(loaded, lambda application: generations.generation(application.store, number, moment))
    rows = generations.rows(kpi, generation)
    if output == "json":
        typer.echo(tables.terminal_safe_json(tables.as_object(kpi, generation, rows)))
    elif output == "csv":
        typer.echo(tables.as_csv(kpi, rows), nl=False)
    else:
        tables.show(tables.console(), kpi, rows)
    why = generations.error(kpi, generation)
    _found({kpi.name: why} if why else {})


def history(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI.")],
    by: Annotated[str, typer.Option("--by", help="A column of the KPI with numbers.")],
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
        language = writing.FRENCH if lang == "fr" else writing.ENGLISH
        return writing.report(application.domains, generation, language, ZoneInfo(application.settings.timezone))

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
) -> tuple[dict[str, Any], dict[str, Any], dict[str, generations.Entered]]:
    old, new = [await generations.generation(application.store, number) for number in (before, after)]
    return (
        old,
        new,
        {
            domain.name: await generations.entered(
                application.store, [cube.collection for cube in domain.cubes], old, new
            )
            for domain in application.domains
        },
    )


def _failed_now(loaded: Loaded) -> dict[str, str]:
    """The KPIs that failed in the newest generation, if there is a database that answers."""
    settings = loaded.of(Settings)
    if not settings.mongo_uri and not (settings.data_dir / "mongo").is_dir():
        return {}
    try:
        return generations.errors(connected(loaded, lambda application: generations.generation(application.store)))
    except (CannotContinue, Unavailable):
        return {}


def _found(failed: Mapping[str, str]) -> None:
    """Exit with 4 if KPIs failed, and say why."""
    for name, why in failed.items():
        typer.echo(escape_control_chars(f"{name} failed, and has no rows: {why}"), err=True)
    if failed:
        sys.exit(FOUND_WRONG)


def _words(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key)) or "all"


def _text(value: Any) -> Text:
    return Text("-" if value is None else escape_control_chars(str(value)))


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
    """Every KPI of every domain that is on."""
    return [kpi for domain in declared(loaded) for kpi in domain.kpis]
