"""verify, status, doctor, config show."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
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
    report, feeds, now = connected(loaded, _verified)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_as_data(report, feeds), ensure_ascii=False, indent=2))
    else:
        tables.console().print(feeds_table(feeds, now))
        for line in _lines(report, feeds):
            typer.echo(line)
    if not report.right:
        sys.exit(FOUND_WRONG)


async def _verified(application: Application) -> tuple[Report, list[reading.FeedStatus], datetime]:
    generation = await application.snapshotter().current()
    files = sum(1 for _, landing in application.channels for _ in landing.archive_files())
    with progress("archived files", total=files) as update:
        report = await compare(
            application.domains,
            application.channels,
            application.store,
            generation,
            lambda done: update("archived files", advance=done),
        )
    now = application.clock.now()
    return report, [reading.feed_status(files, now) for files in report.channels], now


def _lines(report: Report, feeds: Sequence[reading.FeedStatus]) -> list[str]:
    right = f"Right: every file is accounted for, and the KPIs of generation {report.generation} agree to the cent."
    wrong = [f"WRONG {tables.escape_control_chars(difference)}" for difference in report.differences]
    return [*early_lines(feeds), *(wrong or [right])]


def status(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Show the files of each feed, their latency, and the age of the KPIs."""
    found = connected(loaded, read_status)
    if output is OutputFormat.JSON:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=False))
    else:
        tables.console().print(status_screen(found))


async def read_status(application: Application) -> reading.StatusResponse:
    """A reading of the feeds and of the newest generation."""
    now, settings = application.clock.now(), application.settings
    return await reading.read_status(application.channels, application.store, settings, now, application.latency_file)


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


def _as_data(report: Report, feeds: Sequence[reading.FeedStatus]) -> dict[str, Any]:
    return {
        "right": report.right,
        "generation": report.generation,
        "feeds": [feed.model_dump() for feed in feeds],
        "kpis": report.kpis,
        "differences": report.differences,
    }
