"""kpi list, refresh, rebuild, show; report: KPIs in a file."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer
from rich.console import Group
from rich.text import Text

from multimarket_async import generations
from multimarket_async.app import Application
from multimarket_async.cli import options
from multimarket_async.cli.found import check_found
from multimarket_async.cli.language import spoken, tell
from multimarket_async.cli.options import FOUND_WRONG, Format, GenerationNumber, OutputFormat, connected
from multimarket_async.cli.output import put, write_file
from multimarket_async.discovery import declared
from multimarket_async.domains import Kpi, LoadedDomain
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings, did_you_mean
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers import report as writing
from multimarket_async.readers import streams, tables
from multimarket_async.readers.exports import FOR, Export, For
from multimarket_async.readers.terminal import progress
from multimarket_async.settings import Loaded, Settings
from multimarket_async.snapshots import Generation

MOST_SHOWN = 2_500  # rows of a table on a terminal; more are for other programs


def list_all(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """List the KPIs of each domain with their columns and definitions."""
    failed = _failed_now(loaded)
    domains = declared(loaded)
    data = [_kpi_data(domain.name, kpi, failed) for domain in domains for kpi in domain.kpis]
    options.show(output, data, *(_kpis_table(domain, failed) for domain in domains))


def _kpis_table(domain: LoadedDomain, failed: Mapping[str, str]) -> tables.Table:
    table = tables.plain("KPI", "Definition and columns", title=f"KPIs of {domain.name}")
    for kpi in domain.kpis:
        why = [Text(f"FAILED: {escape_control_chars(failed[kpi.name])}", "bold red")] if kpi.name in failed else []
        names = ", ".join(column.name for column in kpi.columns)
        definition = spoken().words.get(kpi.name, kpi.definition)
        table.add_row(f"{kpi.name}\n{spoken().say(kpi.title)}", Group(Text(definition), Text(names, "dim"), *why))
    return table


def _kpi_data(domain: str, kpi: Kpi, failed: Mapping[str, str]) -> dict[str, Any]:
    facts = {"domain": domain, "name": kpi.name, "title": kpi.title, "unit": kpi.unit, "definition": kpi.definition}
    return {**facts, "columns": [asdict(column) for column in kpi.columns], "error": failed.get(kpi.name)}


def refresh(loaded: Loaded) -> None:
    """Publish a new generation if the stored data has changed."""
    generation = connected(loaded, lambda application: application.snapshotter().refresh())
    tell(f"The newest generation is {generation['_id']}, as of {generation['as_of']:%Y-%m-%d %H:%M:%S} UTC.")
    _found(generation)


def rebuild(loaded: Loaded) -> None:
    """Publish a generation that is computed from scratch."""
    generation = connected(loaded, _rebuilt)
    tell(f"Generation {generation['_id']} was computed from scratch in {generation['seconds']} s.")
    _found(generation)


def show(
    loaded: Loaded,
    name: Annotated[str, typer.Argument(help="Name of the KPI, as in `kpi list`.", metavar="NAME")],
    *,
    output: Annotated[
        Literal["table", "json", "csv", "xlsx"], typer.Option("--format", help="Format of the output.")
    ] = "table",
    language: Annotated[For | None, typer.Option("--for", help=FOR, show_default=False)] = None,
    number: GenerationNumber = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Show the generation of this time, such as 2026-05-01T12:00 (UTC), or of the end of a day.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the rows of a KPI, of the newest generation or an older one."""
    kpi, moment = named(loaded, name), _moment(at)
    _check_output(output, language)

    async def work(application: Application) -> Generation:
        generation = await generations.generation(application.store, number, moment)
        generations.check_measured(kpi, generation)
        await _print(application, kpi, generation, output, language)
        return generation

    _found(connected(loaded, work), kpi.name)


def _check_output(output: str, language: For | None) -> None:
    if language and output != "csv":
        raise WrongSettings(f"--for {language} is a kind of CSV: add --format csv.")
    if output == "xlsx" and sys.stdout.isatty():
        raise WrongSettings("A workbook is no text for a terminal: write it into a file, as in > kpi.xlsx")


async def _print(application: Application, kpi: Kpi, generation: Generation, output: str, language: For | None) -> None:
    if output == "table":
        await _print_table(application, kpi, generation)
        return
    chunks = generations.chunks(application.store, kpi, generation)
    if output == "json":
        async for text in streams.as_json(kpi, generation, chunks, for_terminal=True):
            typer.echo(text, nl=False)
        typer.echo()
        return
    export = Export(kpi, generation, chunks, ZoneInfo(application.settings.timezone))
    async for piece in export.pieces(output, language):
        put(piece)


async def _print_table(application: Application, kpi: Kpi, generation: Generation) -> None:
    rows = await generations.first_rows(application.store, kpi, generation, MOST_SHOWN)
    tables.show(tables.console(), kpi, rows, spoken())
    if not rows:
        tell("It has no rows yet.", err=True)
    if len(rows) < (count := generations.count(kpi, generation)):
        tell(f"These are the first {len(rows):,} of {count:,} rows: --format csv or json gives all.", err=True)


def report(
    loaded: Loaded,
    out: Annotated[Path, typer.Option(help="The file to write; -: standard output.")] = Path("report.html"),
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
        zone = ZoneInfo(application.settings.timezone)
        return writing.report(application.domains, generation, rows, spoken(), zone)

    text = connected(loaded, work)
    if str(out) == "-":
        put(text.encode())
        return
    write_file(out, text, "--out")
    tell(f"{out}: {len(text.encode()) / 1000:,.0f} kB.")


def _failed_now(loaded: Loaded) -> dict[str, str]:
    """The KPIs that failed in the newest generation, if there is a database that answers."""
    try:
        check_found(loaded.of(Settings), "database")
        return generations.errors(connected(loaded, lambda application: generations.generation(application.store)))
    except (CannotContinue, Unavailable):
        return {}


def _found(generation: Generation, name: str | None = None) -> None:
    """Exit with 4 if KPIs failed (or the one of this name), and say why."""
    stale = generations.stale(generation)
    failed = {kpi: why for kpi, why in generations.errors(generation).items() if name in (None, kpi)}
    for kpi, why in failed.items():
        tell(escape_control_chars(generations.failure(kpi, why, stale.get(kpi))), err=True)
    if failed:
        sys.exit(FOUND_WRONG)


async def _rebuilt(application: Application) -> Generation:
    with progress("documents") as update:
        return await application.snapshotter().rebuild(lambda done, of: update("documents", completed=done, total=of))


def _moment(text: str | None) -> datetime | None:
    """A time as given on the command line, by default in UTC; a date is its last instant. Raises WrongSettings."""
    try:
        given = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise WrongSettings(f"{text} is not a time. Expected 2026-05-01T12:00 or 2026-05-01") from None
    if given and text and len(text) <= len("2026-05-01"):
        given = datetime.combine(given, time.max)
    return given.replace(tzinfo=given.tzinfo or UTC) if given else None


def named(loaded: Loaded, name: str) -> Kpi:
    """The KPI of this name. Raises WrongSettings."""
    kpis = {kpi.name: kpi for kpi in measured(loaded)}
    if name not in kpis:
        raise WrongSettings(f"There is no KPI {name}; there are {', '.join(kpis)}.{did_you_mean(name, kpis)}")
    return kpis[name]


def measured(loaded: Loaded) -> list[Kpi]:
    """Every KPI of every domain that is on."""
    return [kpi for domain in declared(loaded) for kpi in domain.kpis]
