"""Counts of what the collector has done since it started, and of how long files waited for it."""

import json
import math
from array import array
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from threading import Lock
from typing import Any

import structlog

from multimarket_async.clock import Clock
from multimarket_async.errors import Unavailable
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.landing import WaitingFile
from multimarket_async.meters import Meters
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED

log = structlog.get_logger()

HOUR_S = 3600.0
# Waits of the last hour are kept by size, 2 % apart: however many there were, they take a few kilobytes.
SHORTEST_S, STEP = 0.001, 1.02


@dataclass(frozen=True, slots=True)
class Latency:
    """Waiting times, seconds, of `files` files; `breaches` of them over the budget."""

    files: int
    p50_s: float
    p99_s: float
    max_s: float
    breaches: int


@dataclass(frozen=True, slots=True)
class Breaches:
    """Files that were dealt with too late; `feed` is that of the one that waited longest, `worst_s` seconds."""

    files: int
    worst_s: float
    feed: str


@dataclass
class Tally:
    """Files by feed and outcome (stored, duplicate, superseded, or the code of a rejection).

    budgets_s: of the feeds that have one of their own.
    """

    latency_budget_s: float
    budgets_s: Mapping[str, float] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    meters: Meters = field(init=False)
    _reported: Counter[tuple[str, str]] = field(default_factory=Counter)
    _waits_s: "array[float]" = field(default_factory=lambda: array("d"))  # a fourth of what a list takes
    _late: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meters = Meters(self.outcomes)

    def count(self, feed: str, outcome: str, *waits_s: float) -> None:
        """More files have an outcome, each so many seconds after it could be seen."""
        self.outcomes[feed, outcome] += len(waits_s)
        self._waits_s.extend(waits_s)
        for wait_s in waits_s:
            self.meters.waited_s.observe(wait_s)
        budget_s = self.budgets_s.get(feed, self.latency_budget_s)
        late = [(wait_s, feed) for wait_s in waits_s if wait_s > budget_s]
        self.meters.breaches += len(late)
        self._late += late

    def gained(self, feeds: Container[str]) -> Counter[tuple[str, str]]:
        """The files of these feeds since the last call."""
        now = Counter({key: number for key, number in self.outcomes.items() if key[0] in feeds})
        gained, self._reported = now - self._reported, now
        return gained

    def total(self, *outcomes: str) -> int:
        """Files with one of these outcomes, over all feeds; with none named, all files."""
        return sum(n for (_, outcome), n in self.outcomes.items() if not outcomes or outcome in outcomes)

    def by_outcome(self) -> dict[str, int]:
        """Files stored, duplicate and quarantined, over all feeds."""
        return by_outcome(self.outcomes)

    @property
    def is_late(self) -> bool:
        """True if files were over the budget since the last call of `breaches`."""
        return bool(self._late)

    def breaches(self) -> Breaches | None:
        """The files over the budget since the last call; None if every one was in time."""
        late, self._late = self._late, []
        if not late:
            return None
        worst_s, feed = max(late)
        return Breaches(len(late), round(worst_s, 3), feed)

    def waits(self) -> Sequence[float]:
        """The waits since the last call, seconds."""
        waits_s = self._waits_s[:]
        del self._waits_s[: len(waits_s)]  # and no more: another thread may be counting
        return waits_s


def measured(waits_s: Sequence[float], budget_s: float) -> Latency | None:
    """Exact quantiles of these waits; None of none."""
    if not waits_s:
        return None
    cuts = quantiles(waits_s, n=100, method="inclusive") if len(waits_s) > 1 else [waits_s[0]] * 99
    breaches = sum(wait_s > budget_s for wait_s in waits_s)
    return Latency(len(waits_s), round(cuts[49], 3), round(cuts[98], 3), round(max(waits_s), 3), breaches)


def by_outcome(files: Counter[tuple[str, str]]) -> dict[str, int]:
    """Files stored, duplicate, quarantined and, if there are any, superseded, over all feeds and reasons."""
    counts = dict.fromkeys((STORED, DUPLICATE, "quarantined"), 0)
    for (_, outcome), number in files.items():
        place = outcome if outcome in (*counts, SUPERSEDED) else "quarantined"
        counts[place] = counts.get(place, 0) + number
    return counts


def files_of(files: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """The same files by feed, then by outcome."""
    by_feed: dict[str, dict[str, int]] = {}
    for (feed, outcome), number in files.items():
        by_feed.setdefault(feed, {})[outcome] = number
    return by_feed


# --- The report of every minute ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Window:
    """The waits between two reports."""

    ended_at: float
    seconds: float
    max_s: float
    breaches: int
    quarantined: int
    sizes: Counter[int]


class LatencyReporter:
    """Reports how long files waited for one collector: to the log, and to `status` through a small file.

    file: replaced atomically at each report; of several collectors on one data folder it holds the last report.
    waiting: the files that wait at this moment, longest wait first.
    """

    def __init__(self, tally: Tally, waiting: Callable[[], Sequence[WaitingFile]], file: Path, clock: Clock) -> None:
        self._tally = tally
        self._waiting = waiting
        self._file = file
        self._clock = clock
        self._reported_at = clock.monotonic()
        self._quarantined = 0
        self._windows: deque[_Window] = deque()
        self._lock = Lock()  # a stop reports the last waits, maybe while a thread still reports

    def report(self) -> int | None:
        """Report the waits since the last call, those of the last hour, and the backlog.

        Gives how many files wait, None where a folder cannot be listed.
        """
        with self._lock:
            waits_s, now = self._tally.waits(), self._clock.monotonic()
            newest, backlog = measured(waits_s, self._tally.latency_budget_s), self._backlog()
            quarantined = self._tally.by_outcome()["quarantined"]
            lately, self._quarantined = quarantined - self._quarantined, quarantined
            self._windows.append(_window(waits_s, newest, now, now - self._reported_at, lately))
            self._reported_at = now
            while self._windows[0].ended_at <= now - HOUR_S:
                self._windows.popleft()
            if newest or backlog.get("waiting"):
                log.info("latency.measured", **(asdict(newest) if newest else {"files": 0}), **backlog)
            self._write(newest)
            return backlog.get("waiting")

    def _backlog(self) -> dict[str, Any]:
        """The files that wait now. overdue: longer than the budget already."""
        try:
            waiting, now = self._waiting(), self._clock.now().timestamp()
        except (OSError, Unavailable):  # the collector logs it; a report is no reason to stop
            return {}
        ages_s = [max(0.0, now - file.changed_ns / 1e9) for file in waiting]
        return {
            "waiting": len(waiting),
            "waiting_bytes": sum(file.bytes for file in waiting),
            "oldest_s": round(max(ages_s), 1) if ages_s else None,
            "overdue": sum(age_s > self._tally.latency_budget_s for age_s in ages_s),
        }

    def _write(self, newest: Latency | None) -> None:
        report = {
            "reported_at": self._clock.now().isoformat(),
            "budget_s": self._tally.latency_budget_s,
            "last_minute": newest and {"seconds": round(self._windows[-1].seconds, 1), **asdict(newest)},
            "last_hour": _merged(self._windows),
        }
        try:
            private_folder(self._file.parent)
            atomic_write(self._file, json.dumps(report).encode() + b"\n")
        except OSError as error:  # a full disk stops no collection
            log.warning("latency.report_failed", file=str(self._file), why=error.strerror)


def _window(
    waits_s: Sequence[float], latency: Latency | None, ended_at: float, seconds: float, quarantined: int
) -> _Window:
    sizes = Counter(math.ceil(math.log(max(wait_s, SHORTEST_S) / SHORTEST_S, STEP)) for wait_s in waits_s)
    max_s, breaches = (latency.max_s, latency.breaches) if latency else (0.0, 0)
    return _Window(ended_at, seconds, max_s, breaches, quarantined, sizes)


def _merged(windows: Iterable[_Window]) -> dict[str, Any] | None:
    """Several windows as one: files, max and breaches exact, p50 and p99 up to 2 % above the truth, never below."""
    windows = list(windows)
    sizes: Counter[int] = sum((window.sizes for window in windows), Counter())
    if not sizes:
        return None
    longest_s = max(window.max_s for window in windows)
    return {
        "seconds": round(sum(window.seconds for window in windows), 1),
        "files": sizes.total(),
        "p50_s": min(longest_s, _quantile(sizes, 0.50)),
        "p99_s": min(longest_s, _quantile(sizes, 0.99)),
        "max_s": longest_s,
        "breaches": sum(window.breaches for window in windows),
        "quarantined": sum(window.quarantined for window in windows),
    }


def _quantile(sizes: Counter[int], share: float) -> float:
    left = math.ceil(share * sizes.total())
    for size in sorted(sizes):
        left -= sizes[size]
        if left <= 0:
            return round(SHORTEST_S * STEP**size, 3)
    raise AssertionError("all files are in some size")
