"""What the collector has done since it started, and how long files waited for it."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from multimarket_async.meters import Meters


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
    """Files by feed and outcome (stored, duplicate, or the code of a rejection)."""

    latency_budget_s: float
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _told: Counter[tuple[str, str]] = field(default_factory=Counter)
    _waited_s: "array[float]" = field(default_factory=lambda: array("d"))  # a fourth of what a list takes
    _late: list[tuple[float, str]] = field(default_factory=list)
    meters: Meters = field(init=False)

    def __post_init__(self) -> None:
        self.meters = Meters(self.outcomes)

    def count(self, feed: str, outcome: str, *waited_s: float) -> None:
        """More files are where they belong, each so many seconds after it could be seen."""
        self.outcomes[feed, outcome] += len(waited_s)
        self._waited_s.extend(waited_s)
        for wait_s in waited_s:
            self.meters.waited_s.observe(wait_s)
        late = [(wait_s, feed) for wait_s in waited_s if wait_s > self.latency_budget_s]
        self.meters.breaches += len(late)
        self._late += late

    def gained(self) -> Counter[tuple[str, str]]:
        """The files since the last call."""
        now = self.outcomes.copy()
        gained, self._told = now - self._told, now
        return gained

    def total(self, *outcomes: str) -> int:
        """Files with one of these outcomes, over all feeds; with none named, all files."""
        return sum(n for (_, outcome), n in self.outcomes.items() if not outcomes or outcome in outcomes)

    def by_outcome(self) -> dict[str, int]:
        """Files stored, duplicate and quarantined, over all feeds."""
        return by_outcome(self.outcomes)

    def breaches(self) -> Breaches | None:
        """The files over the budget since the last call; None if every one was in time."""
        late, self._late = self._late, []
        if not late:
            return None
        worst_s, feed = max(late)
        return Breaches(len(late), round(worst_s, 3), feed)

    def waits(self) -> Sequence[float]:
        """The waits since the last call, seconds."""
        waited = self._waited_s[:]
        del self._waited_s[: len(waited)]  # and no more: another thread may be counting
        return waited

    def latency(self) -> Latency | None:
        """The waits since the last call, measured; None if no file came."""
        return measured(self.waits(), self.latency_budget_s)


def measured(waited: Sequence[float], budget_s: float) -> Latency | None:
    """What these waits come to; None of none."""
    if not waited:
        return None
    cuts = quantiles(waited, n=100, method="inclusive") if len(waited) > 1 else [waited[0]] * 99
    breaches = sum(wait > budget_s for wait in waited)
    return Latency(len(waited), round(cuts[49], 3), round(cuts[98], 3), round(max(waited), 3), breaches)


def by_outcome(files: Counter[tuple[str, str]]) -> dict[str, int]:
    """The same files by what happened to them, over all feeds and reasons."""
    counts = dict.fromkeys(("stored", "duplicate", "quarantined"), 0)
    for (_, outcome), number in files.items():
        counts[outcome if outcome in counts else "quarantined"] += number
    return counts


def files_of(files: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """The same files by feed, then by outcome."""
    feeds = dict.fromkeys(feed for feed, _ in files)
    return {feed: {outcome: number for (one, outcome), number in files.items() if one == feed} for feed in feeds}
