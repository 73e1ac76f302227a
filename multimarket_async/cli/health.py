"""verify, status, doctor, config show."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.cli.language import said
from multimarket_async.cli.options import Format, OutputFormat, connected, finish, show
from multimarket_async.discovery import unusable
from multimarket_async.errors import CannotContinue
from multimarket_async.logs import escape_control_chars
from multimarket_async.proving.checker import check
from multimarket_async.proving.comparison import Comparison
from multimarket_async.proving.comparison import report as sentences
from multimarket_async.proving.manifest import choose, others
from multimarket_async.readers import status as reading
from multimarket_async.readers import tables
from multimarket_async.readers.doctor import FAULT, Finding, examine_machine, ports
from multimarket_async.readers.terminal import (
    early_lines,
    feeds_table,
    progress,
    sink_differences,
    sink_lines,
    status_screen,
    unknown_lines,
    unseen_lines,
)
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
    whole = f"Right: every file is accounted for, and the KPIs of generation {report.generation} agree to the cent."
    right = "Right, as far as it can be seen here." if report.unseen(feed.feed for feed in feeds) else whole
    wrong = [f"WRONG {escape_control_chars(difference)}" for difference in report.differences]
    data = {
        "right": report.right,
        "generation": report.generation,
        "feeds": [feed.model_dump() for feed in feeds],
        "kpis": report.kpis,
        "differences": report.differences,
        "without_feed": report.without_feed.files,
        "sinks": {name: generation for name, (generation, _) in report.sinks.items()},
    }
    equal = sink_lines(report.sinks)
    notes = (*equal, *early_lines(feeds), *unseen_lines(feeds), *unknown_lines(feeds, report.without_feed))
    show(output, data, feeds_table(feeds, now), *notes, *(wrong or [right]), right=report.right)


async def _verified(application: Application) -> tuple[Report, datetime]:
    generation = await application.snapshotter().current()
    files = sum(landing.archived_files() for _, landing in application.feeds)
    with progress("archived files", total=files) as update:
        parts = application.domains, application.feeds, application.store, generation
        report = await compare(*parts, lambda done: update("archived files", advance=done))
    report.sinks = await composition.compare_sinks(application)
    report.differences += sink_differences(report.sinks)
    return report, application.clock.now()


def _verify_manifests(loaded: Loaded, names: Sequence[str], output: OutputFormat) -> None:
    workspace = composition.places(loaded)
    manifests = choose(workspace, names)
    known = others(workspace, manifests) if "latest" in names else []

    async def work(application: Application) -> Comparison:
        generation = await application.snapshotter().current()
        with progress("files") as update:
            checked = partial(update, "files", advance=1)
            return await check(application, manifests, generation, known=known, checked=checked)

    comparison = connected(loaded, work)
    paths = {name: [str(path) for path in getattr(comparison, name)] for name in ("manifests", "known", "killed")}
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
    findings = finish(_findings(loaded))
    table = tables.plain("", "Check", "Found")
    for finding in findings:
        table.add_row(finding.level, finding.check, Text(escape_control_chars(finding.found.replace("\n", " "))))
    tables.console().print(said(table))
    if any(finding.level == FAULT for finding in findings):
        sys.exit(CannotContinue.exit_code)


async def _findings(loaded: Loaded) -> list[Finding]:
    """All findings; the embedded server is started where its files are, since what it holds may be in the way."""
    at, faults = composition.places(loaded), unusable(loaded)
    settings = at.settings
    listening = [*ports(settings)]
    if settings.mongo_uri or not (settings.data_dir / "mongo" / "db").is_dir():
        return [*await composition.examined(at, faults), *listening]
    try:
        async with composition.opened(at) as application:
            return [*await composition.examined(application, faults, application.store), *listening]
    except CannotContinue as why:
        machine = examine_machine(settings, [landing for _, landing in at.feeds], faults)
        return [*machine, Finding("MongoDB", FAULT, str(why), ends=True), *listening]


def show_settings(loaded: Loaded, output: Format = OutputFormat.TABLE) -> None:
    """Show every setting: its value and its origin, without passwords."""
    values = shown(loaded)
    table = tables.plain("Setting", "Value", "From", "Meaning")
    for value in values:
        table.add_row(*map(Text, value.values()))
    show(output, values, table)
