"""verify, status, doctor, config show."""

import json
import sys
from dataclasses import asdict
from typing import Any

import typer
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.manifest import Manifests, verify_manifests
from multimarket_async.cli.options import Format, OutputFormat, connected, finish
from multimarket_async.errors import CannotContinue
from multimarket_async.readers import status as reading
from multimarket_async.readers import tables
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.doctor import examine
from multimarket_async.readers.terminal import early_lines, feeds_table, progress, status_screen
from multimarket_async.readers.verify import Report
from multimarket_async.readers.verify import verify as compare
from multimarket_async.settings import Loaded, shown


def verify(loaded: Loaded, manifest: Manifests = None, output: Format = OutputFormat.TABLE) -> None:
    """Prove that nothing is lost and that the KPIs are right.

    Every file is accounted for, archived means stored, and the KPIs equal a recomputation from the archived files.
    With --manifest: every file, order and KPI is as the simulated runs delivered them that wrote these manifests.
    """
    if manifest:
        verify_manifests(loaded, manifest, output)
        return
    report = connected(loaded, _verified)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_as_data(report), ensure_ascii=False, indent=2))
    else:
        tables.console().print(feeds_table(report.channels, composition.workspace(loaded).clock.now()))
        for line in _lines(report):
            typer.echo(line)
    if not report.right:
        sys.exit(FOUND_WRONG)


async def _verified(application: Application) -> Report:
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


def _lines(report: Report) -> list[str]:
    right = f"Right: every file is accounted for, and the KPIs of generation {report.generation} agree to the cent."
    wrong = [f"WRONG {tables.escape_control_chars(difference)}" for difference in report.differences]
    return [*early_lines(report.channels), *(wrong or [right])]


def status(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Show the files of each feed, their latency, and the age of the KPIs."""
    found = connected(loaded, read_status)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_status_data(found), ensure_ascii=False, indent=2))
    else:
        tables.console().print(status_screen(found))


async def read_status(application: Application) -> reading.Status:
    """A reading of the feeds and of the newest generation."""
    now, stale_after_s = application.clock.now(), application.settings.stale_after_s
    return await reading.status(application.channels, application.store, now, stale_after_s, application.latency_file)


def doctor(loaded: Loaded) -> None:
    """Check what this machine lacks to run MultiMarket."""
    findings = finish(examine(composition.workspace(loaded).settings))
    table = tables.plain("", "Check", "Found")
    for finding in findings:
        table.add_row("ok" if finding.ok else "WRONG", finding.check, Text(finding.found))
    tables.console().print(table)
    if not all(finding.ok for finding in findings):
        sys.exit(CannotContinue.exit_code)


def show_settings(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Show every setting: its value and its origin, without passwords."""
    values = shown(loaded)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    table = tables.plain("Setting", "Value", "From", "Meaning")
    for value in values:
        table.add_row(*map(Text, value.values()))
    tables.console().print(table)


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
