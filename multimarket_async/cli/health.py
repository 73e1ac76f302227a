"""verify, status, doctor, config show."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.cli.options import Format, OutputFormat, connected, finish, show
from multimarket_async.discovery import unusable
from multimarket_async.errors import CannotContinue
from multimarket_async.logs import escape_control_chars
from multimarket_async.proving.checker import check
from multimarket_async.proving.comparison import Comparison
from multimarket_async.proving.comparison import report as sentences
from multimarket_async.proving.manifest import choose
from multimarket_async.readers import status as reading
from multimarket_async.readers import tables
from multimarket_async.readers.doctor import examine
from multimarket_async.readers.terminal import early_lines, feeds_table, progress, status_screen
from multimarket_async.readers.verify import Report
from multimarket_async.readers.verify import verify as compare
from multimarket_async.settings import Loaded, Settings, shown

Manifests = Annotated[
    list[str] | None,
    typer.Option(help="Compare with a run's manifest: a path, latest or all; may be repeated.", show_default=False),
]


def verify(loaded: Loaded, manifest: Manifests = None, output: Format = OutputFormat.TABLE) -> None:
    """Prove that nothing is lost and that the KPIs are right.

    Every file is accounted for, archived means stored, and the KPIs equal a recomputation from the archived files.
    With --manifest: every file, document and KPI is as the simulated runs delivered them that wrote these manifests.
    """
    if manifest:
        _verify_manifests(loaded, manifest, output)
        return
    report, now = connected(loaded, _verified)
    budget_s = loaded.of(Settings).latency_budget_s
    feeds = [reading.feed_status(files, now, budget_s) for files in report.feeds]
    right = f"Right: every file is accounted for, and the KPIs of generation {report.generation} agree to the cent."
    wrong = [f"WRONG {escape_control_chars(difference)}" for difference in report.differences]
    data = {
        "right": report.right,
        "generation": report.generation,
        "feeds": [feed.model_dump() for feed in feeds],
        "kpis": report.kpis,
        "differences": report.differences,
    }
    show(output, data, feeds_table(feeds, now), *early_lines(feeds), *(wrong or [right]), right=report.right)


async def _verified(application: Application) -> tuple[Report, datetime]:
    generation = await application.snapshotter().current()
    files = sum(1 for _, landing in application.feeds for _ in landing.archive_files())
    with progress("archived files", total=files) as update:
        parts = application.domains, application.feeds, application.store, generation
        report = await compare(*parts, lambda done: update("archived files", advance=done))
    return report, application.clock.now()


def _verify_manifests(loaded: Loaded, names: Sequence[str], output: OutputFormat) -> None:
    workspace = composition.workspace(loaded)
    manifests = choose(workspace, names)

    async def work(application: Application) -> Comparison:
        generation = await application.snapshotter().current()
        with progress("files") as update:
            return await check(application, manifests, generation, checked=lambda: update("files", advance=1))

    comparison = connected(loaded, work)
    paths = {name: [str(path) for path in getattr(comparison, name)] for name in ("manifests", "killed")}
    data = {"right": comparison.right, **asdict(comparison), **paths}
    show(output, data, *map(escape_control_chars, sentences(comparison)), right=comparison.right)


def status(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Show the files of each feed, their latency, and the age of the KPIs."""
    reading_now = connected(loaded, read_status)
    show(output, reading_now.model_dump(mode="json"), status_screen(reading_now))


async def read_status(application: Application) -> reading.StatusResponse:
    """A reading of the feeds and of the newest generation."""
    now, settings = application.clock.now(), application.settings
    tasks = application.tasks().everywhere()
    return await reading.read_status(
        application.feeds, application.store, settings, now, application.latency_file, tasks=tasks
    )


def doctor(loaded: Loaded) -> None:
    """Check what this machine lacks to run MultiMarket."""
    findings = finish(examine(composition.workspace(loaded).settings, unusable(loaded)))
    table = tables.plain("", "Check", "Found")
    for finding in findings:
        mark = "warning" if finding.warning else "ok"
        table.add_row(mark if finding.ok else "WRONG", finding.check, Text(escape_control_chars(finding.found)))
    tables.console().print(table)
    if not all(finding.ok for finding in findings):
        sys.exit(CannotContinue.exit_code)


def show_settings(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Show every setting: its value and its origin, without passwords."""
    values = shown(loaded)
    table = tables.plain("Setting", "Value", "From", "Meaning")
    for value in values:
        table.add_row(*map(Text, value.values()))
    show(output, values, table)
