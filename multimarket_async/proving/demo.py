"""Performs a lesson and prints it: day by day the place of every file, what was seen beside what must be, and why."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from multimarket_async.app import Application
from multimarket_async.domains import LoadedDomain
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import QuarantinedFile
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars
from multimarket_async.proving.comparison import summary
from multimarket_async.proving.lessons.run import DayEnd, Lesson, Run, own_server
from multimarket_async.proving.lessons.served import Served
from multimarket_async.readers.tables import plain, show
from multimarket_async.readers.terminal import reason_lines, sink_lines
from multimarket_async.settings import Loaded, Settings
from multimarket_async.simulation import DUPLICATE, STORED

PAGE_CHARS = 96
HEADING = "Day          came  so far = waiting + archived + quarantined   peak   wait"
LEGEND = "peak: most files waiting at the same time; wait: the longest of the day"
WIDEST_BAR, NOTE_CHARS = 24, 12
EXAMPLE = "{example}"


def under(lesson: Lesson, loaded: Loaded) -> Loaded:
    """The settings with those of the lesson. Raises WrongSettings where a flag contradicts it."""
    if lesson.settings is None:
        return loaded
    for name in ("faults", "follow_ups"):
        if loaded.sources[name].startswith("--"):
            flag = name.replace("_", "-")
            raise WrongSettings(f"A lesson itself says what goes wrong: leave out --{flag}.")
    changes = {"faults": "", "follow_ups": False, **lesson.settings}
    return replace(loaded, models={**loaded.models, "": loaded.of(Settings).model_copy(update=changes)})


async def perform(
    lesson: Lesson,
    application: Application,
    console: Console,
    files_per_feed: int | None = None,
    *,
    domain: str | None = None,
    until: datetime | None = None,
    day_s: float = 1.0,
) -> tuple[bool, dict[str, str]]:
    """Perform a lesson: whether everything expected was seen, and the commands to continue with.

    Raises WrongSettings where the lesson stops a MongoDB that is not ours, or is not alone; CannotContinue.
    """
    if lesson.stops_mongodb or (lesson.settings is not None and application.server):
        own_server(application)
    run = _run_of(lesson, application, files_per_feed, domain, until=until, day_s=day_s)
    _lines(console, _idle(application, domain))
    with _opening(console, lesson, run):
        await lesson.perform(run)
    wrong = [f"{title}: {seen}, expected {expected}" for title, seen, expected, right in run.findings if not right]
    run.report.differences += [*wrong, *run.comparison.differences]
    _show_kpis(console, lesson, run)
    _show_quarantined(console, run)
    example = _example(lesson, run) if lesson.example else None
    if example:
        _heading(console, "For example")
        _lines(console, [*list(reason_lines(str(example.reason.get("feed", "")), example))[:-2], ""])
    if lesson.why:
        _show_findings(console, run)
        if run.report.right:
            _heading(console, "Why it is right")
            _lines(console, [*_paragraphs(console, lesson.why), ""])
    _lines(console, [*_computed(run), *_totals(run)])
    name = shlex.quote(printable(example.path.name)) if example else ""
    steps = {step.replace(EXAMPLE, name): why for step, why in lesson.next.items() if name or EXAMPLE not in step}
    return run.report.right, steps


def _run_of(
    lesson: Lesson, application: Application, files_per_feed: int | None, domain: str | None, **traits: Any
) -> Run:
    """A run of so many files, or of as many as the domain, or the lesson, says."""
    alone = None if lesson.why and not lesson.polls else _alone(application, domain)
    rehearsal = alone.rehearsal if alone else None
    files = (
        (lesson if lesson.why or not rehearsal else rehearsal).files_per_feed
        if files_per_feed is None
        else files_per_feed
    )
    served = Served(application, alone) if alone and rehearsal and rehearsal.polled else None
    producers = served.producers if served else application.of(domain).required_producers()
    return Run(application, files, producers, rehearsal=rehearsal, served=served, **traits)


def _alone(application: Application, domain: str | None) -> LoadedDomain | None:
    """The domain that is delivered alone."""
    alone = [each for each in application.domains if domain in (None, each.name)]
    return alone[0] if len(alone) == 1 else None


def _idle(application: Application, domain: str | None) -> Iterator[str]:
    """The feeds that get nothing."""
    computed = {feed for each in application.domains for job in each.jobs for feed in job.feeds}
    feeds = (feed for feed, _ in application.of(domain).feeds)
    if idle := [feed.name for feed in feeds if feed.simulate is None and feed.name not in computed]:
        yield f"Nothing is delivered to {', '.join(idle)}, for want of a simulator."


def domain_of(lesson: Lesson, settings: Settings, domain: str | None) -> str | None:
    """The domain to deliver for; None: all. Raises WrongSettings where the lesson belongs to another one."""
    if not lesson.domain:
        return domain
    if domain not in (None, lesson.domain):
        raise WrongSettings(f"This lesson is one of {lesson.domain}: leave out --domain {domain}.")
    if lesson.domain not in settings.domains:
        raise WrongSettings(f"This lesson is one of {lesson.domain}, which is off: give --domain {lesson.domain}.")
    return lesson.domain


@contextmanager
def _opening(console: Console, lesson: Lesson, run: Run) -> Iterator[None]:
    """The title; then a line for each day when it is over, and on a terminal what happens at this moment."""
    _heading(console, f"\n{lesson.title}")
    width = max(0, min(WIDEST_BAR, console.width - len(HEADING) - NOTE_CHARS - 3))
    run.on_day = lambda end: _lines(console, [_day_line(end, width, run)])
    if lesson.watch:
        _lines(console, [*_paragraphs(console, lesson.watch), "", HEADING])
    with console.status("") as status:
        run.on_sample = lambda: status.update(f"{run.delivered:,} received, {run.waiting:,} waiting")
        yield
    _lines(console, [LEGEND, ""] if lesson.watch else [""])


def _day_line(end: DayEnd, width: int, run: Run) -> str:
    places, wait = end.places, f"{end.longest_s:.1f} s" if end.longest_s else "-"
    sums = f"{sum(places):>8,} ={places.waiting:>8,} +{places.archived:>9,} +{places.quarantined:>12,}"
    bar = "█" * round(width * min(1.0, end.peak / run.files))
    begins = f"{end.period.earliest:%a %d %b}"
    return f"{begins}{end.delivered:>7,}{sums}{end.peak:>7,}{wait:>7}  {bar:<{width}} {end.note}".rstrip()


def _show_kpis(console: Console, lesson: Lesson, run: Run) -> None:
    """The KPIs of a lesson or the headlines: of rows that begin a period, those within the period of the run."""
    earliest, latest = run.backfill.period.earliest, run.backfill.period.latest
    delivered = {producer.feed for producer in run.producers}
    domains = [domain for domain in run.application.domains if delivered & {feed.name for feed in domain.feeds}]
    for kpi in (kpi for domain in domains for kpi in domain.kpis):
        if kpi.name in lesson.kpis or (kpi.headline and not lesson.why):
            rows = run.kpis[kpi.name]
            show(console, kpi, [row for row in rows if earliest <= row.get("period_start", earliest) < latest])


def _show_quarantined(console: Console, run: Run) -> None:
    """The number of files in quarantine by reason, and the number that had to be."""
    expected = Counter({code: files for code, files in run.expected.items() if code not in (STORED, DUPLICATE)})
    if not (codes := run.quarantined | expected):
        return
    _heading(console, f"{run.quarantined.total():,} files in quarantine, by reason")
    table = plain("Code")
    for heading in ("Files", "Expected"):
        table.add_column(heading, justify="right")
    for code in sorted(codes, key=lambda code: (-codes[code], code)):
        table.add_row(Text(escape_control_chars(code)), f"{run.quarantined[code]:,}", f"{expected[code]:,}")
    console.print(table)


def _example(lesson: Lesson, run: Run) -> QuarantinedFile | None:
    """A file that was quarantined in this run: one of the lesson's code, or else any."""
    files = [
        file
        for (_, landing), before, now in zip(run.application.feeds, run.before, run.report.feeds, strict=True)
        for file in landing.quarantine.newest(now.quarantined.total() - before.quarantined.total())
    ]
    return min(files, key=lambda file: bool(file.reason["code"] != lesson.example), default=None)


def _show_findings(console: Console, run: Run) -> None:
    """Observations beside their expected values."""
    _heading(console, "What was seen")
    table = plain("", "What")
    table.add_column("Seen", justify="right", no_wrap=True)
    table.add_column("Expected", overflow="fold")
    for finding in run.findings:
        mark = Text("right", style="green") if finding.right else Text("WRONG", style="bold red")
        table.add_row(mark, finding.title, finding.seen, finding.expected)
    console.print(table)


def _computed(run: Run) -> Iterator[str]:
    """The outcomes of jobs; and how to get what others need."""
    for outcome in run.computed:
        yield escape_control_chars(f"{outcome.job}: {outcome.how}: {outcome.why or outcome.file}")
    for need in sorted(run.lacking):
        yield f"Its models are not computed: they need {need}"


def _totals(run: Run) -> Iterator[str]:
    """The deliveries with their digest, the sum that must hold, and the differences, if any.

    Two people who see the same digest have delivered the same bytes.
    """
    backfill = run.backfill
    made_of = ", ".join(f"{name} {value}" for name, value in backfill.made_of.items())
    dates = f"{backfill.period.earliest:%Y-%m-%d} to {backfill.period.latest:%Y-%m-%d}"
    documents = f"{run.documents:,} documents in {backfill.files:,} files"
    yield f"{documents} of {made_of}, {dates}: digest {backfill.digest}"
    received, quarantined = run.gained(lambda files: files.received), run.quarantined.total()
    places = {"stored": run.stored, "duplicate": run.duplicates, "superseded": run.superseded}
    places = {place: files for place, files in places.items() if files or place != "superseded"}
    sign = "=" if received == sum(places.values()) + quarantined else "is not"
    sums = " + ".join(f"{files:,} {place}" for place, files in {**places, "in quarantine": quarantined}.items())
    yield f"{received:,} received {sign} {sums}"
    if run.report.right:
        yield f"KPIs recomputed from the archived files agree to the cent (generation {run.report.generation})."
    yield from sink_lines(run.report.sinks)
    yield from (f"WRONG {escape_control_chars(difference)}" for difference in run.report.differences)
    if run.report.right:
        yield from summary(run.comparison)


def _heading(console: Console, text: str) -> None:
    console.print(Text(text, style="bold"))


def _lines(console: Console, texts: Iterable[str]) -> None:
    """Print lines as they are, never cut."""
    for text in texts:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _paragraphs(console: Console, text: str) -> list[str]:
    """Paragraphs, separated by empty lines, at most as wide as a page."""
    width = min(PAGE_CHARS, console.width)
    paragraphs = (textwrap.fill(" ".join(paragraph.split()), width) for paragraph in text.strip().split("\n\n"))
    return ["\n\n".join(paragraphs)]
