"""What a scenario shows, for people who see it for the first time: what happens, what was seen, why it is right."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from multimarket_async.domains import Kpi, Row
from multimarket_async.landing import SetAside
from multimarket_async.landing.directory import printable
from multimarket_async.producer import Period
from multimarket_async.readers.excerpt import excerpt
from multimarket_async.readers.tables import harmless, plain, show
from multimarket_async.scenarios.facts import Finding
from multimarket_async.scenarios.scenario import Scenario
from multimarket_async.scenarios.stage import Lived, Stage

PAGE, BAR = 96, 30


def opening(console: Console, scenario: Scenario) -> None:
    """The title, and what to look at."""
    console.print(Text(f"\n{scenario.title}", style="bold"))
    _prose(console, scenario.watch)


def lines(console: Console, texts: Iterable[str]) -> None:
    """As they are, never cut."""
    for text in texts:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def days(console: Console, stage: Stage, scenario: Scenario) -> Iterator[Callable[[Lived], None]]:
    """A line a day, when it is over."""
    busiest = max(scenario.days) * scenario.orders_per_channel / sum(scenario.days) * len(stage.producers)
    lines(console, [f"\n{'Day':<11}{'dropped':>9}{'waited at once':>16}  {'':<{BAR}}{'longest wait':>14}"])
    yield lambda day: lines(console, [_line(day, busiest)])
    lines(console, [""])


def _line(lived: Lived, busiest: float) -> str:
    bar = "█" * min(BAR, round(BAR * lived.most_waiting / busiest))
    wait = f"{lived.longest_s:.1f} s" if lived.longest_s else "-"
    note = "  MongoDB is stopped" if lived.day.away else ""
    begins = f"{lived.day.period.earliest:%a %d %b}"
    return f"{begins:<11}{lived.dropped:>9,}{lived.most_waiting:>16,}  {bar:<{BAR}}{wait:>14}{note}"


def kpi(console: Console, one: Kpi, rows: Sequence[Row], period: Period) -> None:
    """Its table: of rows that begin a period, those within this one."""
    dated = [row for row in rows if period.earliest <= row.get("period_start", period.earliest) < period.latest]
    show(console, one, dated)


def reasons(console: Console, counts: Counter[str]) -> None:
    """How many files were set aside, and why."""
    if not counts:
        return
    table = plain("Code", title=f"{counts.total():,} files set aside, by reason")
    table.add_column("Files", justify="right")
    for code, files in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        table.add_row(Text(harmless(code)), f"{files:,}")
    console.print(table)


def example(console: Console, one: SetAside) -> None:
    """One of them: the sentence, and the place in its text."""
    reason, name = one.reason, harmless(printable(one.path.name))
    where = f" at {harmless(str(reason['pointer']))}" if reason.get("pointer") else ""
    console.print(Text(f"For example {reason.get('feed', '')}/{name}", style="bold"))
    facts = [f"{fact}: {harmless(str(reason[fact]))}" for fact in reason if fact.startswith("sha256_")]
    drawn = excerpt(one.content(), reason)
    lines(console, [f"{reason['code']}{where}", harmless(reason["sentence"]), *facts, "", *drawn, ""])


def findings(console: Console, found: Sequence[Finding]) -> None:
    """What was seen beside what was expected."""
    table = plain("", "What", title="What was seen")
    table.add_column("Seen", justify="right", no_wrap=True)
    table.add_column("Expected", overflow="fold")
    for one in found:
        mark = Text("right", style="green") if one.right else Text("WRONG", style="bold red")
        table.add_row(mark, one.title, one.seen, one.expected)
    console.print(table)


def why(console: Console, scenario: Scenario, *, right: bool) -> None:
    """The explanation; of what went wrong there is none."""
    if right:
        console.print(Text("Why it is right", style="bold"))
        _prose(console, scenario.why)
        console.print()


def _prose(console: Console, text: str) -> None:
    """Paragraphs, divided by empty lines, as wide as a page."""
    width = min(PAGE, console.width)
    for paragraph in text.strip().split("\n\n"):
        console.print(Padding(Text(" ".join(paragraph.split())), (0, 0, 0, 0)), width=width)
