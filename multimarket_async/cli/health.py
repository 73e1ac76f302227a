"""verify, status, doctor, config show: is it right, how is it, what does it lack, what is set."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.manifest import Manifests, verify_manifests
from multimarket_async.cli.options import OutputFormat, command, finish
from multimarket_async.errors import CannotContinue
from multimarket_async.readers import status as reading
from multimarket_async.readers import tables
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.doctor import examine
from multimarket_async.readers.terminal import progress
from multimarket_async.readers.verify import Report
from multimarket_async.readers.verify import verify as compare
from multimarket_async.settings import Loaded, shown

UNTOLD = "No process has told yet how long files waited; one that collects does every minute, and at its end."
Format = Annotated[OutputFormat, typer.Option("--format", help="table or json.")]


def add_health(app: typer.Typer) -> None:
    """Add these commands."""
    command(app)(verify)
    command(app)(status)
    command(app)(doctor)
    config = typer.Typer(help="The settings in force.", no_args_is_help=True)
    command(config, name="show")(show_config)
    app.add_typer(config, name="config")


def verify(loaded: Loaded, manifest: Manifests = None, output: Format = OutputFormat.TABLE) -> None:
    """Prove it: every file accounted for, archived means stored, KPIs equal to a recompute from the archived files.

    With --manifest: every file, order and KPI is what the simulated runs received that left these manifests.
    """
    if manifest:
        verify_manifests(loaded, manifest, output)
        return
    report = finish(_verified(loaded))
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_as_data(report), ensure_ascii=False, indent=2))
    else:
        tables.console().print(_table(report.channels))
        _say(report)
    if not report.right:
        sys.exit(FOUND_WRONG)


async def _verified(loaded: Loaded) -> Report:
    async with composition.opened(composition.workspace(loaded)) as application:
        generation = await application.snapshotter().current()
        files = sum(1 for _, landing in application.channels for _ in landing.archive_files())
        with progress("archived files", total=files) as update:
            return await compare(
                application.domains,
                application.channels,
                application.store,
                generation,
                lambda done: update("archived files", advance=done),
            )


def status(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Where the files of each channel are, how long they wait, how fast they went, how old the newest KPIs are."""

    async def work() -> reading.Status:
        async with composition.opened(composition.workspace(loaded)) as application:
            stale_after_s = application.settings.stale_after_s
            return await reading.status(
                application.channels,
                application.store,
                application.clock.now(),
                stale_after_s,
                application.latency_file,
            )

    found = finish(work())
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_status_data(found), ensure_ascii=False, indent=2))
        return
    tables.console().print(_table(found.channels))
    tables.console().print(_waiting_table(found))
    tables.console().print(_latency_table(found.latency) if found.latency else UNTOLD)
    for line in _early(found.channels):
        typer.echo(line)
    typer.echo(found.freshness())


def doctor(loaded: Loaded) -> None:
    """What this machine lacks to run MultiMarket, and what to do about it."""
    findings = finish(examine(composition.workspace(loaded).settings))
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
    table = tables.plain("Channel", "Received", "Waiting", "Stored", "Duplicate", "Quarantined", "Why")
    for column in table.columns[1:6]:
        column.justify = "right"
    for one in channels:
        counts = (one.received, one.waiting, one.stored, one.duplicates, one.quarantined.total())
        why = ", ".join(f"{files} {code}" for code, files in one.quarantined.most_common())
        table.add_row(one.feed, *(f"{count:,}" for count in counts), Text(tables.escape_control_chars(why)))
    return table


def _early(channels: list[Channel]) -> Iterator[str]:
    for one in channels:
        if one.early:
            yield f"{one.feed}: follow-ups stored whose order has not come: {one.early:,}."


def _waiting_table(found: reading.Status) -> Table:
    table = tables.plain("Channel", "Files", "Bytes", "Oldest waits for", title="Waiting now")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found.channels:
        age_s = one.oldest_age_s(found.at)
        table.add_row(
            one.feed, f"{one.waiting:,}", f"{one.waiting_bytes:,}", "-" if age_s is None else f"{age_s:,.1f} s"
        )
    return table


def _latency_table(report: dict[str, Any]) -> Table:
    """p50, p99 and max from visible to stored or set aside, as the collecting process told them last."""
    late = f"Over {report['budget_s']:g} s"
    title = f"How long files waited, told {report['age_s']:,.0f} s ago"
    table = tables.plain("Within", "Covers", "Files", "p50", "p99", "Max", late, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("last_minute", "last_hour"):
        table.add_row(name.replace("_", " "), *_latency_cells(report[name]))
    return table


def _latency_cells(window: dict[str, Any] | None) -> list[str]:
    if window is None:
        return ["-", "0", "-", "-", "-", "0"]
    waits = [f"{window[name]:,.3f} s" for name in ("p50_s", "p99_s", "max_s")]
    return [f"{window['seconds']:,.0f} s", f"{window['files']:,}", *waits, f"{window['breaches']:,}"]


def _say(report: Report) -> None:
    for line in _early(report.channels):
        typer.echo(line)
    for difference in report.differences:
        typer.echo(f"WRONG {tables.escape_control_chars(difference)}")
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
    channels = [{**_channel_data(one), "oldest_age_s": one.oldest_age_s(found.at)} for one in found.channels]
    return {"channels": channels, "latency": found.latency, "generation": found.generation}


def _channel_data(one: Channel) -> dict[str, Any]:
    oldest = one.oldest_since.isoformat() if one.oldest_since else None
    derived = {"oldest_since": oldest, "duplicates": one.duplicates, "received": one.received}
    return {**asdict(one), **derived, "quarantined": dict(one.quarantined)}
