"""Counts that only grow, kept by a stage while it works, and read by others at any moment."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial


class Histogram:
    """The number of values up to each of `bounds` (ascending) and, last in `counts`, of larger ones; and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


WAITS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 15, 30, 60, 300)
FILES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000)
WRITES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass
class Meters:
    """Counts of a collector since it started.

    files: by feed and outcome (stored, duplicate, or the code of a rejection). waited_s: from visible to stored or
    quarantined. breaches: files over the budget. batch_files: files in a batch. write_s: seconds MongoDB took for the
    inserts of a batch.
    """

    files: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaches: int = 0
    waited_s: Histogram = field(default_factory=partial(Histogram, WAITS_S))
    batch_files: Histogram = field(default_factory=partial(Histogram, FILES))
    write_s: Histogram = field(default_factory=partial(Histogram, WRITES_S))
