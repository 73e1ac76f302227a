"""What the collector has done since it started, and how long files waited for it."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import quantiles


@dataclass(frozen=True, slots=True)
class Latency:
    """Waiting times, seconds, of `files` files; `breaches` of them over the budget."""

    files: int
    p50_s: float
    p99_s: float
    max_s: float
    breaches: int


@dataclass
class Tally:
    """Files by feed and outcome (stored, duplicate, or the code of a rejection)."""

    latency_budget_s: float
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _waited_s: list[float] = field(default_factory=list)

    def count(self, feed: str, outcome: str, waited_s: float) -> None:
        """One more file is where it belongs, `waited_s` after it could be seen."""
        self.outcomes[feed, outcome] += 1
        self._waited_s.append(waited_s)

    def total(self, *outcomes: str) -> int:
        """Files with one of these outcomes, over all feeds; with none named, all files."""
        return sum(n for (_, outcome), n in self.outcomes.items() if not outcomes or outcome in outcomes)

    def by_outcome(self) -> dict[str, int]:
        """Files stored, duplicate and quarantined, over all feeds."""
        return by_outcome(self.outcomes)

    def latency(self) -> Latency | None:
        """The waits since the last call; None if no file came."""
        waited, self._waited_s = self._waited_s, []
        if not waited:
            return None
        cuts = quantiles(waited, n=100, method="inclusive") if len(waited) > 1 else waited * 99
        breaches = sum(wait > self.latency_budget_s for wait in waited)
        return Latency(len(waited), round(cuts[49], 3), round(cuts[98], 3), round(max(waited), 3), breaches)


def by_outcome(files: Counter[tuple[str, str]]) -> dict[str, int]:
    """The same files by what happened to them, over all feeds and reasons."""
    counts = dict.fromkeys(("stored", "duplicate", "quarantined"), 0)
    for (_, outcome), number in files.items():
        counts[outcome if outcome in counts else "quarantined"] += number
    return counts
