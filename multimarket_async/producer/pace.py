"""Arrival process: the instants at which simulated deliveries arrive."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from multimarket_async.settings import Pace, Settings
from multimarket_async.simulation import Simulate

FAST_FOR, MOST_PAST = timedelta(hours=1), timedelta(days=730)


@dataclass(frozen=True, slots=True)
class SimulatedTime:
    """Time that passes faster than that of the clock, from an instant in the past on, until it is the same.

    So nothing is dated ahead of the clock, which would be refused.
    """

    began: datetime
    scale: float

    def at(self, now: datetime) -> datetime:
        """Simulated time at an instant of the clock."""
        past = min(max(self.scale - 1, 0) * FAST_FOR, MOST_PAST)
        return min(now, self.began - past + (now - self.began) * self.scale)


@dataclass(frozen=True, slots=True)
class ArrivalProcess:
    """Pauses between arrivals, in simulated seconds, of which `time_scale` pass in a real one.

    A Poisson process whose rate follows the day is thinned from one at the highest rate: an arrival is kept with the
    probability rate / highest rate (Lewis and Shedler, 1979).
    """

    pace: Pace
    shortest_s: float
    longest_s: float
    burst_files: int = 1
    time_scale: float = 1.0

    @classmethod
    def of(cls, settings: Settings) -> "ArrivalProcess":
        """The arrival process of the settings."""
        pauses_s = settings.pause_min_s, settings.pause_max_s
        return cls(settings.pace, *pauses_s, settings.burst_files, settings.time_scale)

    def files(self, rng: Random, simulate: Simulate, at: datetime) -> int:
        """Number of deliveries at an instant of simulated time."""
        if self.pace is Pace.DAY:
            return int(rng.random() * simulate.peak < simulate.busyness(at))
        return self.burst_files if self.pace is Pace.BURST else 1

    def pause_s(self, rng: Random, simulate: Simulate) -> float:
        """Real seconds until the next instant."""
        if self.pace is Pace.RANDOM:
            return rng.uniform(self.shortest_s, self.longest_s) / self.time_scale
        mean_s = (self.shortest_s + self.longest_s) / 2
        if self.pace is Pace.DAY:
            mean_s /= simulate.peak
        elif self.pace is Pace.BURST:
            mean_s *= self.burst_files
        return mean_s * rng.expovariate(1) / self.time_scale
