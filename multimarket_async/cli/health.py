"""verify, status, doctor, config show: is it right, how is it, what does it lack, what is set."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.options import OutputFormat, command, finish
from multimarket_async.errors import CannotContinue
from multimarket_async.readers import status as reading
from multimarket_async.readers import tables
from multimarket_async.readers.conservation import Channel
from multimarket_async.readers.doctor import examine
from multimarket_async.readers.verify import Report
from multimarket_async.readers.verify import verify as compare
from multimarket_async.settings import Loaded, shown

Format = Annotated[OutputFormat, typer.Option("--format", help="table or json.")]


def add_health(app: typer.Typer) -> None:
    """Add these commands."""
    command(app)(verify)
    command(app)(status)
    command(app)(doctor)
    config = typer.Typer(help="The settings in force.", no_args_is_help=True)
    command(config, name="show")(show_config)
    app.add_typer(config, name="config")


def verify(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Prove it: every file accounted for, archived means stored, KPIs equal to a recompute from the archived files."""
    report = finish(_verified(loaded))
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_as_data(report), ensure_ascii=False, indent=2))
    else:
        tables.console().print(_table(report.channels))
        _say(report)
    if not report.right:
        sys.exit(FOUND_WRONG)


async def _verified(loaded: Loaded) -> Report:
    async with composition.opened(composition.places(loaded)) as parts:
        generation = await parts.snapshotter().refresh()
        with Progress(console=Console(stderr=True), transient=True) as progress:
            files = sum(1 for _, landing in parts.channels for _ in landing.archive_files())
            task = progress.add_task("archived files", total=files)
            return await compare(
                parts.subjects,
                parts.channels,
                parts.store,
                generation,
                lambda done: progress.advance(task, done),
            )


def status(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """What is waiting, stored, duplicate and set aside, channel by channel; how old the newest generation is."""

    async def work() -> reading.Status:
        async with composition.opened(composition.places(loaded)) as parts:
            return await reading.status(parts.channels, parts.store, parts.clock.now(), parts.settings.stale_after_s)

    found = finish(work())
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_status_data(found), ensure_ascii=False, indent=2))
        return
    tables.console().print(_table(found.channels))
    typer.echo(found.freshness())


def doctor(loaded: Loaded) -> None:
    """What this machine lacks to run MultiMarket, and what to do about it."""
    findings = finish(examine(composition.places(loaded).settings))
    table = tables.plain("", "Check", "Found")
    for finding in findings:
        table.add_row("ok" if finding.ok else "WRONG", finding.check, Text(finding.found))
    tables.console().print(table)
    if not all(finding.ok for finding in findings):
        sys.exit(CannotContinue.exit_code)


def show_config(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Every setting: its value, and where it came from. Passwords are not shown."""
    values = shown(loaded)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps([asdict(value) for value in values], ensure_ascii=False, indent=2))
        return
    table = tables.plain("Setting", "Value", "From", "Meaning")
    for value in values:
        table.add_row(value.name, Text(value.text), Text(value.source), Text(value.description))
    tables.console().print(table)


def _table(channels: list[Channel]) -> Table:
    table = tables.plain("Channel", "Dropped", "Waiting", "Stored", "Duplicate", "Quarantined", "Why")
    for column in table.columns[1:6]:
        column.justify = "right"
    for one in channels:
        counts = (one.dropped, one.waiting, one.stored, one.duplicates, one.quarantined.total())
        why = ", ".join(f"{files} {code}" for code, files in one.quarantined.most_common())
        table.add_row(one.feed, *(f"{count:,}" for count in counts), why)
    return table


def _say(report: Report) -> None:
    for difference in report.differences:
        typer.echo(f"WRONG {tables.harmless(difference)}")
    if report.right:
        typer.echo(
            f"Right: every file is accounted for, and the KPIs of generation {report.generation} agree to the cent."
        )


def _as_data(report: Report) -> dict[str, Any]:
    channels = [_channel_data(one) for one in report.channels]
    return {
        "right": report.right,
        "generation": report.generation,
        "channels": channels,
        "kpis": report.kpis,
        "differences": report.differences,
    }


def _status_data(found: reading.Status) -> dict[str, Any]:
    return {"channels": [_channel_data(one) for one in found.channels], "generation": found.generation}


def _channel_data(one: Channel) -> dict[str, Any]:
    oldest = one.oldest_since.isoformat() if one.oldest_since else None
    derived = {"oldest_since": oldest, "duplicates": one.duplicates, "dropped": one.dropped}
    return {**asdict(one), **derived, "quarantined": dict(one.quarantined)}
