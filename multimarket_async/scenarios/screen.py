"""What a scenario shows, for people who see it for the first time: what happens, what was seen, why it is right."""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from multimarket_async.domains import Kpi, Row
from multimarket_async.landing import QuarantinedFile
from multimarket_async.landing.waiting import printable
from multimarket_async.producer import Period
from multimarket_async.readers.source_excerpt import excerpt
from multimarket_async.readers.tables import escape_control_chars, plain, show
from multimarket_async.scenarios.facts import Finding
from multimarket_async.scenarios.scenario import Scenario
from multimarket_async.scenarios.stage import Lived, Stage

PAGE_CHARS = 96
HEADING = "Day          came  so far = waiting + archived + aside   peak   wait"
LEGEND = "peak: most files waiting at one moment; wait: the longest of the day"
AWAY, WIDEST_BAR = "no MongoDB", 24


def opening(console: Console, scenario: Scenario) -> None:
    """The title, and what to look at."""
    _heading(console, f"\n{scenario.title}")
    _prose(console, scenario.watch)


def lines(console: Console, texts: Iterable[str]) -> None:
    """As they are, never cut."""
    for text in texts:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


class Progress:
    """What goes on at this moment, for a terminal."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __rich__(self) -> str:
        """Read anew whenever it is drawn."""
        return f"{self._stage.received:,} received, {self._stage.waiting:,} waiting"


@contextmanager
def days(console: Console, stage: Stage, scenario: Scenario) -> Iterator[Callable[[Lived], None]]:
    """A line a day, when it is over: what came, where everything is by then, and how long files waited."""
    most = max(day.files for day in scenario.calendar()) * len(stage.producers) * (1 + len(scenario.away_on))
    width = max(0, min(WIDEST_BAR, console.width - len(HEADING) - len(AWAY) - 3))
    lines(console, ["", HEADING])
    with console.status(Progress(stage)):
        yield lambda day: lines(console, [_line(day, round(width * min(1, day.max_backlog_files / most)), width)])
    lines(console, [LEGEND, ""])


def _line(lived: Lived, bar: int, width: int) -> str:
    places, wait = lived.places, f"{lived.longest_s:.1f} s" if lived.longest_s else "-"
    sums = f"{places.total:>8,} ={places.waiting:>8,} +{places.archived:>9,} +{places.quarantined:>6,}"
    begins, note = f"{lived.day.period.earliest:%a %d %b}", AWAY if lived.day.away else ""
    drawn = f"{'█' * bar:<{width}} {note}"
    return f"{begins}{lived.received:>7,}{sums}{lived.max_backlog_files:>7,}{wait:>7}  {drawn}".rstrip()


def kpi(console: Console, one: Kpi, rows: Sequence[Row], period: Period) -> None:
    """Its table: of rows that begin a period, those within this one."""
    dated = [row for row in rows if period.earliest <= row.get("period_start", period.earliest) < period.latest]
    show(console, one, dated)


def reasons(console: Console, seen: Counter[str], expected: Counter[str]) -> None:
    """How many files were set aside for which reason, and how many had to be."""
    if not (codes := seen | expected):
        return
    _heading(console, f"{seen.total():,} files set aside, by reason")
    table = plain("Code")
    for heading in ("Files", "Had to be"):
        table.add_column(heading, justify="right")
    for code in sorted(codes, key=lambda one: (-codes[one], one)):
        table.add_row(Text(escape_control_chars(code)), f"{seen[code]:,}", f"{expected[code]:,}")
    console.print(table)


def example(console: Console, one: QuarantinedFile) -> None:
    """One of them: the sentence, and the place in its text."""
    reason, name = one.reason, escape_control_chars(printable(one.path.name))
    where = f" at {escape_control_chars(str(reason['pointer']))}" if reason.get("pointer") else ""
    _heading(console, f"For example {reason.get('feed', '')}/{name}")
    facts = [f"{fact}: {escape_control_chars(str(reason[fact]))}" for fact in reason if fact.startswith("sha256_")]
    drawn = [*excerpt(one.content(), reason), ""]
    lines(
        console,
        [
            f"{reason['code']}{where}",
            escape_control_chars(reason["sentence"]),
            *facts,
            *([""] if drawn[1:] else []),
            *drawn,
        ],
    )


def findings(console: Console, found: Sequence[Finding]) -> None:
    """What was seen beside what was expected."""
    _heading(console, "What was seen")
    table = plain("", "What")
    table.add_column("Seen", justify="right", no_wrap=True)
    table.add_column("Expected", overflow="fold")
    for one in found:
        mark = Text("right", style="green") if one.right else Text("WRONG", style="bold red")
        table.add_row(mark, one.title, one.seen, one.expected)
    console.print(table)


def why(console: Console, scenario: Scenario, *, right: bool) -> None:
    """The explanation; of what went wrong there is none."""
    if right:
        _heading(console, "Why it is right")
        _prose(console, scenario.why)
        lines(console, [""])


def _heading(console: Console, text: str) -> None:
    console.print(Text(text, style="bold"))


def _prose(console: Console, text: str) -> None:
    """Paragraphs, divided by empty lines, as wide as a page."""
    width = min(PAGE_CHARS, console.width)
    lines(console, ["\n\n".join(textwrap.fill(" ".join(one.split()), width) for one in text.strip().split("\n\n"))])
