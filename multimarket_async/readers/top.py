"""The flow at a glance, taken from the directories and MongoDB, so that it works beside any process."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import waiting_in
from multimarket_async.readers.status import Status
from multimarket_async.readers.tables import escape_control_chars, plain

RATE_OVER_S = 60.0
REST = 10  # times what looking took
# The names of the columns of `lines`, and how wide they are.
WIDTHS = {
    "time": -20,
    "channel": -19,
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
HEADINGS = ("Channel", "A minute", "Waiting", "Oldest", "Stored", "Duplicate", "Quarantined")


@dataclass(frozen=True)
class Glance:
    """What was seen. rates: files stored a minute, by feed; empty at first sight. why: MongoDB's absence, in words."""

    status: Status
    rates: Counter[str]
    why: str | None = None


class Observer:
    """Looks as often as it is asked, and remembers the last minute."""

    def __init__(
        self, look: Callable[[], Awaitable[Status]], channels: list[tuple[Feed, Landing]], clock: Clock
    ) -> None:
        self._look = look
        self._channels = channels
        self._clock = clock
        self._stored: deque[tuple[float, Counter[str]]] = deque()
        self._known: Status | None = None
        self.rest_s = 0.0  # before the next look, so that looking costs little

    async def glance(self) -> Glance:
        """Look. Raises Unavailable where MongoDB is away at the first look; later, what was known is told."""
        began = self._clock.monotonic()
        try:
            self._known = await self._look()
        except Unavailable as why:
            if self._known is None:
                raise
            return Glance(self._without_mongodb(self._known), Counter(), str(why))
        finally:
            self.rest_s = REST * (self._clock.monotonic() - began)
        return Glance(self._known, self._rates(self._known))

    def _rates(self, now: Status) -> Counter[str]:
        at = self._clock.monotonic()
        self._stored.append((at, Counter({one.feed: one.stored for one in now.channels})))
        while len(self._stored) > 1 and self._stored[1][0] <= at - RATE_OVER_S:
            self._stored.popleft()
        (then, before), (_, after) = self._stored[0], self._stored[-1]
        return Counter({feed: round((after[feed] - before[feed]) * 60 / (at - then)) for feed in after if at > then})

    def _without_mongodb(self, known: Status) -> Status:
        """Files land all the same."""
        seen = {landing.feed: waiting_in(landing) for _, landing in self._channels}
        fields = ("waiting", "waiting_bytes", "oldest_since")
        channels = [replace(one, **{name: getattr(seen[one.feed], name) for name in fields}) for one in known.channels]
        return replace(known, channels=channels, at=self._clock.now())


def screen(seen: Glance) -> Group:
    """For a terminal: a table, and a sentence each about latency and KPIs."""
    told = [_latency(seen.status.latency), Text(seen.status.freshness(), _alarm(_is_stale(seen.status)))]
    if seen.why:
        told.append(Text(escape_control_chars(f"{seen.why}. What it holds is told as it was known last."), "bold red"))
    return Group(_table(seen), *told)


def _table(seen: Glance) -> Table:
    table = plain(*HEADINGS, title=f"MultiMarket, {seen.status.at:%H:%M:%S} UTC")
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for one in seen.status.channels:
        age_s, set_aside = one.oldest_age_s(seen.status.at), one.quarantined.total()
        late = age_s is not None and age_s > _budget_s(seen.status)
        counts = [Text(f"{number:,}") for number in (one.waiting, one.stored, one.duplicates)]
        counts.insert(1, Text("-" if age_s is None else f"{age_s:,.1f} s", _alarm(late)))
        rate = f"{seen.rates[one.feed]:,}" if one.feed in seen.rates else "-"
        table.add_row(one.feed, rate, *counts, Text(f"{set_aside:,}", "yellow" if set_aside else ""))
    return table


def _latency(report: dict[str, Any] | None) -> Text:
    window = report and (report["last_minute"] or report["last_hour"])
    if not report or not window:
        return Text("No process has told yet how long files waited; one that collects does every minute.")
    waits = ", ".join(f"{name} {window[f'{name}_s']:,.3f} s" for name in ("p50", "p99", "max"))
    late = f"{window['breaches']:,} over {report['budget_s']:g} s"
    files = f"{window['files']:,} files of {window['seconds']:,.0f} s, told {report['age_s']:,.0f} s ago"
    return Text(f"Files waited {waits}; {late} ({files}).", _alarm(window["breaches"]))


def lines(seen: Glance, *, headed: bool) -> Iterator[str]:
    """For a pipe: a line a channel, in columns; - for what is not known."""
    if headed:
        yield _line(WIDTHS)
    status = seen.status
    window = (status.latency or {}).get("last_minute") or {}
    told = [window.get("p50_s"), window.get("p99_s"), (status.generation or {}).get("age_s")]
    for one in status.channels:
        counts = [one.waiting, one.oldest_age_s(status.at), one.stored, one.duplicates, one.quarantined.total()]
        values = [seen.rates.get(one.feed), *counts, *told]
        yield _line([f"{status.at:%Y-%m-%dT%H:%M:%SZ}", one.feed, *map(_cell, values)])


def _line(cells: Iterable[str]) -> str:
    return " ".join(
        f"{cell:>{w}}" if w > 0 else f"{cell:<{-w}}" for cell, w in zip(cells, WIDTHS.values(), strict=True)
    )


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _alarm(wrong: Any) -> str:
    return "bold red" if wrong else ""


def _is_stale(status: Status) -> bool:
    return bool((status.generation or {}).get("stale"))


def _budget_s(status: Status) -> float:
    return float(status.latency["budget_s"]) if status.latency else float("inf")
