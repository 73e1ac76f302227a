"""How long files waited, told every minute: to the log, and to `status` through a small file."""

import json
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.tally import Latency, Tally, measured
from multimarket_async.errors import Unavailable
from multimarket_async.files_io import atomic_write
from multimarket_async.landing import WaitingFile

log = structlog.get_logger()

HOUR_S = 3600.0
# Waits of the last hour are kept by size, 2 % apart: however many there were, they take a few kilobytes.
SHORTEST_S, STEP = 0.001, 1.02


@dataclass(frozen=True, slots=True)
class _Slice:
    """The waits between two reports."""

    ended_at: float
    seconds: float
    max_s: float
    breaches: int
    sizes: Counter[int]


class LatencyReporter:
    """Tells of one collector's files. Of several collectors on one data folder the file holds the last report.

    file: replaced as a whole at each report, so that a reader never sees half of it.
    waiting: the files that wait at this moment, longest wait first.
    """

    def __init__(self, tally: Tally, waiting: Callable[[], Sequence[WaitingFile]], file: Path, clock: Clock) -> None:
        self._tally = tally
        self._waiting = waiting
        self._file = file
        self._clock = clock
        self._told_at = clock.monotonic()
        self._slices: deque[_Slice] = deque()
        self._one_at_a_time = Lock()  # a stop tells the last waits, maybe while a thread still tells

    def tell(self) -> int | None:
        """Report the waits since the last call, those of the last hour, and what waits now.

        Gives how many files wait, None where a folder cannot be listed.
        """
        with self._one_at_a_time:
            return self._tell()

    def _tell(self) -> int | None:
        waited, now = self._tally.waits(), self._clock.monotonic()
        newest, backlog = measured(waited, self._tally.latency_budget_s), self._backlog()
        self._slices.append(_slice(waited, newest, now, now - self._told_at))
        self._told_at = now
        while self._slices[0].ended_at <= now - HOUR_S:
            self._slices.popleft()
        if newest or backlog.get("waiting"):
            log.info("latency.measured", **(asdict(newest) if newest else {"files": 0}), **backlog)
        self._leave(newest)
        return backlog.get("waiting")

    def _backlog(self) -> dict[str, Any]:
        """What waits now. overdue: files that wait longer than the budget already."""
        try:
            waiting, now = self._waiting(), self._clock.now().timestamp()
        except (OSError, Unavailable):  # who collects says so; a report is no reason to stop
            return {}
        ages_s = [max(0.0, now - file.changed_ns / 1e9) for file in waiting]
        return {
            "waiting": len(waiting),
            "waiting_bytes": sum(file.bytes for file in waiting),
            "oldest_s": round(max(ages_s), 1) if ages_s else None,
            "overdue": sum(age_s > self._tally.latency_budget_s for age_s in ages_s),
        }

    def _leave(self, newest: Latency | None) -> None:
        report = {
            "told_at": self._clock.now().isoformat(),
            "budget_s": self._tally.latency_budget_s,
            "last_minute": newest and {"seconds": round(self._slices[-1].seconds, 1), **asdict(newest)},
            "last_hour": _merged(self._slices),
        }
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._file, json.dumps(report).encode() + b"\n")
        except OSError as error:  # a full disk stops no collection
            log.warning("latency.report_failed", file=str(self._file), why=error.strerror)


def _slice(waited: Sequence[float], told: Latency | None, ended_at: float, seconds: float) -> _Slice:
    sizes = Counter(math.ceil(math.log(max(wait, SHORTEST_S) / SHORTEST_S, STEP)) for wait in waited)
    return _Slice(ended_at, seconds, told.max_s if told else 0.0, told.breaches if told else 0, sizes)


def _merged(slices: Iterable[_Slice]) -> dict[str, Any] | None:
    """Several slices as one: files, max and breaches exact, p50 and p99 up to 2 % above the truth, never below."""
    slices = list(slices)
    sizes: Counter[int] = sum((one.sizes for one in slices), Counter())
    if not sizes:
        return None
    longest_s = max(one.max_s for one in slices)
    return {
        "seconds": round(sum(one.seconds for one in slices), 1),
        "files": sizes.total(),
        "p50_s": min(longest_s, _quantile(sizes, 0.50)),
        "p99_s": min(longest_s, _quantile(sizes, 0.99)),
        "max_s": longest_s,
        "breaches": sum(one.breaches for one in slices),
    }


def _quantile(sizes: Counter[int], share: float) -> float:
    left = math.ceil(share * sizes.total())
    for size in sorted(sizes):
        left -= sizes[size]
        if left <= 0:
            return round(SHORTEST_S * STEP**size, 3)
    raise AssertionError("all files are in some size")
