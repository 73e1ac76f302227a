"""simulate: days of the whole system in seconds."""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from multimarket_async import app as composition
from multimarket_async.app import Workspace
from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.options import SEED, OutputFormat, command, finish
from multimarket_async.errors import WrongSettings
from multimarket_async.readers import tables
from multimarket_async.settings import Loaded, Settings
from multimarket_async.simulate import Book, Show, Simulated, drop_only, span
from multimarket_async.simulate import simulate as live_through

# What nobody set: each look and each order costs real time. Looks as rare as ten seconds allow, a tenth of the orders.
PACE = {
    "pause_min_s": 20.0,
    "pause_max_s": 50.0,
    "scan_every_s": 5.0,
    "snapshot_every_s": 3600.0,
    "stale_after_s": 7200.0,
}
LONGEST_BAR, LONGEST_IN_HOURS = 20, 50
Format = Annotated[OutputFormat, typer.Option("--format", help="table or json.")]


def add_simulate(app: typer.Typer) -> None:
    """Add this command."""
    command(app, SEED)(simulate)


def simulate(
    loaded: Loaded,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 1,
    start: Annotated[str, typer.Option(help="The first of them.")] = "2026-03-28",
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Drop the files and leave them: no MongoDB.")
    ] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Live through days in seconds, all of `run` on virtual time, and prove that they went right.

    A seed brings the same files, documents and generations again; their digest is told. What you do not set goes at
    a calmer pace than in `run`. Without --data-dir nothing is kept.
    """
    if files_only and loaded.sources["data_dir"] == "default":
        raise WrongSettings("Where shall the files be? Name a folder with --data-dir.")
    begins, seconds = span(_day(start), days, loaded.of(Settings).timezone)
    with _folder(loaded) as folder, _meter(seconds) as show:
        workspace = composition.workspace(_at_ease(loaded, folder))
        if files_only:
            told, headlines = _counts(finish(_received(workspace, begins, seconds, show))), []
        else:
            done = finish(_lived(workspace, begins, seconds, show))
            told, headlines = {**_counts(done.book), **_proof(done)}, _headlines(workspace, done)
    if output is OutputFormat.JSON:
        typer.echo(tables.terminal_safe_json(told))
    else:
        _say(told, headlines)
    if told.get("differences"):
        sys.exit(FOUND_WRONG)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongSettings(f"{text!r} is not a day such as 2026-03-28.") from None


async def _lived(workspace: Workspace, begins: datetime, seconds: float, show: Show) -> Simulated:
    async with composition.opened(workspace) as application:
        stop = composition.stop_on_signals(application.server)
        return await live_through(application, begins, seconds, stop, show)


async def _received(workspace: Workspace, begins: datetime, seconds: float, show: Show) -> Book:
    return await drop_only(workspace, begins, seconds, composition.stop_on_signals(None), show)


@contextmanager
def _folder(loaded: Loaded) -> Iterator[Path]:
    """The folder named; or one that is removed at the end, far away from real data."""
    if loaded.sources["data_dir"] != "default":
        yield loaded.of(Settings).data_dir
        return
    folder = Path(tempfile.mkdtemp(prefix="multimarket-simulate-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _at_ease(loaded: Loaded, folder: Path) -> Loaded:
    """The settings, with this folder, and this pace where nobody set another."""
    pace = {name: value for name, value in PACE.items() if loaded.sources[name] == "default"}
    changes = {**pace, "data_dir": folder}
    return replace(loaded, models={**loaded.models, "": loaded.of(Settings).model_copy(update=changes)})


@contextmanager
def _meter(seconds: float) -> Iterator[Show]:
    """Hours lived through, on a terminal."""
    columns = TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("hours", total=round(seconds / 3600))
        yield lambda done: progress.update(task, completed=int(done / 3600))


def _counts(book: Book) -> dict[str, Any]:
    """Files received in each hour (of long spans, each day) that has any: by its beginning, then by feed."""
    zone, counts = ZoneInfo(book.timezone), dict[str, Counter[str]]()
    by_day = len({hour for hour, _ in book.received}) > LONGEST_IN_HOURS
    for (hour, feed), files in sorted(book.received.items()):
        local = hour.astimezone(zone)
        name = local.date().isoformat() if by_day else local.isoformat(" ", "minutes")
        counts.setdefault(name, Counter())[feed] += files
    return {"received": sum(book.received.values()), "digest": book.digest.hexdigest(), "files": counts}


def _proof(done: Simulated) -> dict[str, Any]:
    return {
        "right": done.report.right,
        "differences": done.report.differences,
        "channels": [{"feed": one.feed, "stored": one.stored, **dict(one.quarantined)} for one in done.report.channels],
        "generations": done.book.generations,
        "waits": done.waits and asdict(done.waits),
        "kpis": {name: kpi["rows"] for name, kpi in done.generation["kpis"].items()},
    }


def _headlines(workspace: Workspace, done: Simulated) -> list[Table]:
    kpis = [kpi for domain in workspace.domains for kpi in domain.kpis if kpi.headline]
    return [tables.as_table(kpi, done.generation["kpis"][kpi.name]["rows"]) for kpi in kpis]


def _say(told: dict[str, Any], headlines: list[Table]) -> None:
    console = tables.console()
    for table in (_bars(told["files"]), *headlines):
        console.print(table)
    for line in _sentences(told):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _bars(counts: dict[str, Counter[str]]) -> Table:
    """A line an hour or day, a bar a feed."""
    feeds = sorted({feed for files in counts.values() for feed in files})
    most = max((max(files.values()) for files in counts.values()), default=1)
    table = tables.plain("Files received", *feeds)
    for name, files in counts.items():
        table.add_row(name, *(f"{files[feed]:5,} {round(LONGEST_BAR * files[feed] / most) * '█'}" for feed in feeds))
    return table


def _sentences(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['received']:,} files received; the digest of everything is {told['digest'][:16]}"
    if waits := told.get("waits"):
        yield (
            f"Waited for {waits['p50_s']:.1f} s (p50), {waits['p99_s']:.1f} s (p99), at most {waits['max_s']:.1f} s "
            f"of virtual time; {waits['breaches']} longer than promised."
        )
    if "right" in told:
        stored = sum(one["stored"] for one in told["channels"])
        yield f"{stored:,} stored, {told['generations']} KPI generations kept"
        yield from (f"WRONG {tables.escape_control_chars(one)}" for one in told["differences"])
    if told.get("right"):
        yield "Right: every file is accounted for, and the KPIs agree to the cent with the archived files."
