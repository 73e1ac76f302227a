"""Drawings for the terminal: progress bars, the status of the feeds, files in quarantine."""

import logging
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.filesize import decimal
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from multimarket_async.landing import QuarantinedFile, RejectsFile, UnknownFiles
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers.rejects import by_code, sentence_of, title
from multimarket_async.readers.source_excerpt import excerpt
from multimarket_async.readers.status import FeedDisk, FeedStatus, StatusResponse
from multimarket_async.readers.tables import plain

# update(step, completed=, advance=, total=), as in rich.progress.Progress.update.
Update: TypeAlias = Callable[..., None]

MOST_COLUMNS, SHORTEST_WHY = 1000, 12
WINDOWS = ("last_minute", "last_hour")
NO_LATENCY = "No latency report yet: a collecting process writes one every minute and when it ends."
# The columns of `status_lines` and their widths; negative: left-aligned.
LINE_WIDTHS = {
    "time": -20,
    "feed": -19,
    "per_min": 7,
    "waiting": 7,
    "oldest_s": 8,
    "stored": 9,
    "duplicate": 9,
    "quarantined": 11,
    "p50_s": 7,
    "p99_s": 7,
    "kpi_age_s": 9,
}
# Facts of a reason that `reason_lines` shows in a place of their own, or not at all.
_SHOWN_APART = frozenset(
    ("code", "sentence", "pointer", "line", "column", "file", "feed", "attempts", "changed_ns", "also")
)


@contextmanager
def progress(*steps: str, total: float | None = None) -> Iterator[Update]:
    """A progress bar for each step on standard error, removed at the end; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    handlers = logging.getLogger().handlers
    logged = [  # on the same terminal
        handler
        for handler in handlers
        if console.is_terminal and isinstance(handler, logging.StreamHandler) and handler.stream.isatty()
    ]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars, _above(logged):
        tasks = {step: bars.add_task(step, total=total) for step in steps}
        yield lambda step, **change: bars.update(tasks[step], **change)


@contextmanager
def _above(handlers: Sequence["logging.StreamHandler[Any]"]) -> Iterator[None]:
    """Log lines of a terminal above the bars: sys.stderr is the stream that knows of these meanwhile."""
    before = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            handler.setStream(stream or sys.stderr)


class _Rate(ProgressColumn):
    """Completed per second."""

    def render(self, task: Task) -> Text:
        """Average over the last seconds."""
        return Text(f"{task.speed or 0:,.0f}/s")


def status_screen(status: StatusResponse, *, live: bool = False) -> Group:
    """The feeds, their latency, and the age of the KPIs. live: one of several readings, with rates."""
    beside = UnknownFiles(status.without_feed, status.without_feed_example)
    notes = (
        *early_lines(status.feeds),
        *records_lines(status.feeds),
        *unseen_lines(status.feeds),
        *unknown_lines(status.feeds, beside),
        *disk_lines(status),
    )
    lines = [*_latency(status.latency), *map(Text, notes)]
    lines.append(Text(status.freshness(), _alarm(status.kpi.stale)))
    lines += [
        Text(f"{count:,} documents of others in the tables of {name}: no figure counts them.")
        for name, count in status.kpi.foreign.items()
    ]
    lines += [Text(escape_control_chars(sentence), "bold red") for sentence in refusal_lines(status.feeds)]
    lines += [Text(escape_control_chars(alert.said()), "bold red") for alert in status.alerts]
    lines += [Text(escape_control_chars(sentence), "bold red") for sentence in status.failures()]
    if status.mongo.why:
        why = f"{status.mongo.why}. Stored and KPIs are as they were last known."
        lines.append(Text(escape_control_chars(why), "bold red"))
    lines += [Text(escape_control_chars(line), _alarm(wrong)) for line, wrong in _polls(status)]
    lines += [
        Text(escape_control_chars(f"Sink {sink.sentence()}."), _alarm(sink.state == "failing")) for sink in status.sinks
    ]
    table = feeds_table(status.feeds, status.at, live=live)
    return Group(Fitting(table, Text("\n".join(_feed_lines(status.feeds, status.at)))), *lines)


@dataclass(frozen=True)
class Fitting:
    """A table where it fits, and else the same in lines, which lose nothing however narrow the terminal is."""

    table: Table
    lines: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose by the width of the table; its last column may be folded."""
        last = self.table.columns[-1]
        last.max_width = max(len(str(last.header)), SHORTEST_WHY)
        needed = Measurement.get(console, options.update_width(MOST_COLUMNS), self.table).maximum
        last.max_width = None
        yield self.table if needed <= options.max_width else self.lines


def _feed_lines(feeds: Iterable[FeedStatus], at: datetime) -> Iterator[str]:
    yield f"MultiMarket, {at:%Y-%m-%d %H:%M:%S} UTC\n"
    for feed in feeds:
        oldest = "" if feed.oldest_s is None else f" (oldest {feed.oldest_s:,.1f} s)"
        rate = "" if feed.rate_per_minute is None else f", {feed.rate_per_minute:,} a minute"
        stored, duplicate = ("-" if number is None else f"{number:,}" for number in (feed.stored, feed.duplicate))
        yield f"{feed.feed}: {feed.received:,} received{rate}; {feed.waiting:,} waiting{oldest}, {stored} stored,"
        why = ", ".join(f"{files} {code}" for code, files in feed.by_reason.items())
        yield f"  {duplicate} duplicate, {feed.superseded or 0:,} superseded, {feed.quarantined:,} quarantined"
        yield escape_control_chars(f"  {why}") if why else ""


def _polls(status: StatusResponse) -> Iterator[tuple[str, bool]]:
    """A sentence a polled source, and whether it is an alarm."""
    for source in status.polls:
        instants = {"last answer": source.answered_at, "last change": source.changed_at, "next poll": source.next_at}
        facts = [f"{word} {_instant(at)}" for word, at in instants.items() if at]
        why = f" since {_instant(source.failing_since)}: {source.why}" if source.failing_since else ""
        yield f"{source.feed}: {source.state}{why}; {', '.join(facts)}.", source.state in ("failing", "overdue")


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def feeds_table(feeds: Sequence[FeedStatus], at: datetime, *, live: bool = False) -> Table:
    """A row a feed: if `live` its files per minute, else all received files and the reasons of those quarantined."""
    first, last = ("A minute", []) if live else ("Received", ["Why"])
    superseded = ["Superseded"] if any(feed.superseded for feed in feeds) else []
    headings = ("Feed", first, "Waiting", "Oldest", "Stored", "Duplicate", *superseded, "Quarantined", *last)
    table = plain(*headings, title=f"MultiMarket, {at:%Y-%m-%d %H:%M:%S} UTC")
    table.columns[0].no_wrap = True  # else the names vanish where it is narrow
    for column in table.columns[1 : 7 + len(superseded)]:
        column.justify, column.no_wrap = "right", True
    for feed in feeds:
        age_s, quarantined = feed.oldest_s, feed.quarantined
        oldest = Text("-" if age_s is None else f"{age_s:,.1f} s", _alarm(age_s is not None and age_s > feed.budget_s))
        numbers = (feed.rate_per_minute if live else feed.received, feed.waiting, feed.stored, feed.duplicate)
        more = [feed.superseded] if superseded else []
        counts = [Text("-" if number is None else f"{number:,}") for number in (*numbers, *more)]
        counts.insert(2, oldest)
        why = ", ".join(f"{files} {code}" for code, files in feed.by_reason.items())
        reasons = [] if live else [Text(escape_control_chars(why))]
        table.add_row(feed.feed, *counts, Text(f"{quarantined:,}", "yellow" if quarantined else ""), *reasons)
    return table


def sink_lines(sinks: Mapping[str, tuple[int, Sequence[str]]]) -> Iterator[str]:
    """The sinks that hold what they should."""
    for name, (generation, differences) in sinks.items():
        if not differences:
            yield f"The {name} holds generation {generation}: all of it, to the cent."


def sink_differences(sinks: Mapping[str, tuple[int, Sequence[str]]]) -> Iterator[str]:
    """Differences of sinks from the generation that they hold."""
    return (f"{name}: {difference}" for name, (_, differences) in sinks.items() for difference in differences)


def early_lines(feeds: Iterable[FeedStatus]) -> Iterator[str]:
    """The feeds with follow-ups that were stored before their document."""
    return (f"{feed.feed}: {feed.early:,} follow-ups wait for their document." for feed in feeds if feed.early)


def refusal_lines(feeds: Iterable[FeedStatus]) -> Iterator[str]:
    """The feeds most of whose files are refused alike."""
    return (f"{feed.feed}: {feed.refusal.sentence()}" for feed in feeds if feed.refusal)


def records_lines(feeds: Iterable[FeedStatus]) -> Iterator[str]:
    """The records of feeds with several in a file, and the rejected ones of files that were accepted without them."""
    for feed in feeds:
        if feed.records and feed.records.received != feed.received - feed.waiting - feed.quarantined:
            received, *others = ((name, number) for name, number in feed.records.model_dump().items())
            sums = " + ".join(f"{number:,} {name}" for name, number in others)
            yield f"{feed.feed}: {received[1]:,} records received = {sums}."
        if feed.rejects:
            codes = escape_control_chars(by_code(feed.rejects))
            yield f"{feed.feed}: {sum(feed.rejects.values()):,} rejected records are in quarantine ({codes})."


def disk_lines(status: StatusResponse) -> Iterator[str]:
    """The disk use of all feeds, by place, and what is free."""
    if used := [(feed.feed, feed.disk) for feed in status.feeds if feed.disk]:
        feeds = ", ".join(f"{name} {decimal(disk.total)}" for name, disk in used)
        sums = {place: sum(getattr(disk, place) for _, disk in used) for place in FeedDisk.model_fields}
        places = ", ".join(f"{place} {decimal(size)}" for place, size in sums.items())
        yield f"Disk: {feeds} ({places}); {decimal(status.disk_free_bytes or 0)} free."


def unseen_lines(feeds: Iterable[FeedStatus]) -> Iterator[str]:
    """The feeds of which files were accepted that are not in the archive here."""
    for feed in feeds:
        if feed.unseen:
            yield f"{feed.feed}: {feed.unseen:,} accepted files are not in the archive; `verify` cannot see them."
        if feed.expired or feed.expired_quarantined:
            places = f"{feed.expired:,} of the archive, {feed.expired_quarantined:,} in quarantine"
            yield f"{feed.feed}: files were removed because of their age: {places}."
        if feed.expired_documents:
            yield f"{feed.feed}: {feed.expired_documents:,} documents were removed because of their age."
        if feed.late_writes:
            yield (
                f"{feed.feed}: {feed.late_writes:,} files were written to after they were stored; what was written is"
                " in quarantine (written_after_storing) or was delivered again."
            )
        if feed.elsewhere:
            yield f"{feed.feed}: {feed.elsewhere:,} more files were accepted into the archives of other data folders."


def unknown_lines(feeds: Iterable[FeedStatus], beside: UnknownFiles) -> Iterator[str]:
    """The feeds in whose landing directory something else lies, and what lies beside these directories."""
    for feed in feeds:
        if feed.unknown:
            example = escape_control_chars(feed.unknown_example or "")
            yield f"{feed.feed}: {feed.unknown:,} files of another kind, such as {example}, stay where they are."
    if beside.files:
        example = escape_control_chars(beside.example or "")
        yield f"{beside.files:,} entries beside the landing directories, such as {example}, belong to no feed."


def _latency(report: Mapping[str, Any] | None) -> Iterator[Text]:
    """p50, p99 and maximum from visible to stored or quarantined, of the last report of a collecting process."""
    if report is None:
        yield Text(NO_LATENCY)
        return
    for name in WINDOWS:
        if window := report[name]:
            waits = ", ".join(f"{share} {window[f'{share}_s']:,.3f} s" for share in ("p50", "p99", "max"))
            late = f"{window['breaches']:,} of {window['files']:,} files over {report['budget_s']:g} s"
            text = f"Latency, {name.replace('_', ' ')}: {waits}; {late} (reported {report['age_s']:,.0f} s ago)."
            yield Text(text, _alarm(window["breaches"]))


def status_lines(status: StatusResponse, *, heading: bool) -> Iterator[str]:
    """The status for a pipe: a line a feed, in columns; - for an unknown value."""
    if heading:
        yield _line(LINE_WIDTHS)
    window = (status.latency or {}).get("last_minute") or {}
    common = [window.get("p50_s"), window.get("p99_s"), status.kpi.age_s]
    for feed in status.feeds:
        counts = [feed.waiting, feed.oldest_s, feed.stored, feed.duplicate, feed.quarantined]
        values = [feed.rate_per_minute, *counts, *common]
        yield _line([f"{status.at:%Y-%m-%dT%H:%M:%SZ}", feed.feed, *map(_cell, values)])


def _line(cells: Iterable[str]) -> str:
    widths = LINE_WIDTHS.values()
    return " ".join(f"{cell:>{w}}" if w > 0 else f"{cell:<{-w}}" for cell, w in zip(cells, widths, strict=True))


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _alarm(wrong: Any) -> str:
    return "bold red" if wrong else ""


def quarantine_table(
    files: Sequence[tuple[str, QuarantinedFile]], lists: Sequence[tuple[str, RejectsFile]] = ()
) -> Table:
    """A row for each file, and for each list of rejected records, with its feed."""
    records = sum(rejects.records for _, rejects in lists)
    heading = f"{len(files)} files in quarantine" + (f", and {records:,} records of other files" if lists else "")
    table = plain("Quarantined", "Feed", "File", "Code", "Why", "Since", title=heading)
    for feed, file in files:
        when, name = str(file.reason.get("quarantined_at", ""))[:19], printable(file.path.name)
        changed, again = "changed" if file.changed() else "", file.deliveries - 1
        since = ", ".join(filter(None, (changed, f"delivered {again:,} more times" if again else "")))
        cells = (when, feed, name, file.reason["code"], file.reason["sentence"], since)
        table.add_row(*(Text(escape_control_chars(cell)) for cell in cells))
    for feed, rejects in lists:
        when, name = rejects.written_at.isoformat()[:19], printable(rejects.path.name)
        cells = (when, feed, name, by_code(rejects.codes), title(rejects), "")
        table.add_row(*(Text(escape_control_chars(cell)) for cell in cells))
    return table


def reason_data(feed: str, file: QuarantinedFile) -> dict[str, Any]:
    """The reason and the place of a file, with names as text that any JSON can hold."""
    name = {"file": printable(str(file.reason["file"]))} if "file" in file.reason else {}
    facts = {**file.reason, **name, "deliveries": file.deliveries, "changed": file.changed()}
    return {"feed": feed, "path": printable(str(file.path)), **facts}


def reason_lines(feed: str, file: QuarantinedFile, flags: str = "") -> Iterator[str]:
    """The reason for people: code, sentence, place in the text, facts, earlier attempts, and what to do, with flags."""
    name, reason = printable(file.path.name), file.reason
    pointer = f" at {reason['pointer']}" if reason.get("pointer") else ""
    head = [f"{feed}/{name}: {reason['code']}{pointer}", reason["sentence"]]
    facts = [f"{fact}: {value}" for fact, value in reason.items() if fact not in _SHOWN_APART and value is not None]
    attempts = (
        "replayed before: {replayed_at}, was {code} {pointer}".format_map({"pointer": "", **attempt})
        for attempt in reason.get("attempts", [])
    )
    also = (f"also {sentence_of(other)}" for other in reason.get("also", []))
    tail = [*also, *facts, *attempts, f"file: {printable(str(file.path))}"]
    yield from map(escape_control_chars, head)
    yield from _excerpt(file)
    yield from map(escape_control_chars, tail)
    yield f"Correct it there, then send it back: quarantine replay {shlex.quote(escape_control_chars(name))}{flags}"


def _excerpt(file: QuarantinedFile) -> list[str]:
    """The place in the text, if the text is still the one that was quarantined."""
    if file.changed():
        return ["The file has been changed since it was quarantined; the place is that in its old text."]
    try:
        lines = excerpt(file.content(), file.reason)
    except OSError as error:
        return [f"Its text cannot be shown: {error.strerror}."]
    return ["", *lines, ""] if lines else []
