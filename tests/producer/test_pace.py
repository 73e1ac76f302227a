"""Paces: how many come when, and how long the pauses are."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from multimarket_async.producer import ArrivalProcess
from multimarket_async.settings import Pace, Settings

MIDNIGHT = datetime(2026, 5, 20, tzinfo=UTC)


@dataclass
class Shop:
    """Closed at night, three times as busy as the mean in the evening."""

    peak: float = 3.0

    def busyness(self, at: datetime) -> float:
        return {20: 3.0, 3: 0.0}.get(at.hour, 1.0)


def pauses(arrivals: ArrivalProcess, count: int = 20_000, seed: int = 1) -> list[float]:
    rng: Any = Random(seed)
    return [arrivals.pause_s(rng, Shop()) for _ in range(count)]


@pytest.mark.parametrize(("pace", "mean_s"), [("random", 3.5), ("poisson", 3.5), ("day", 3.5 / 3), ("burst", 350)])
def test_the_mean_pause_is_that_of_the_settings(pace: str, mean_s: float) -> None:
    """Between bursts of a hundred, a hundred times as long; by day, as at the busiest instant."""
    found = pauses(ArrivalProcess(Pace(pace), 2, 5, burst_files=100))
    assert sum(found) / len(found) == pytest.approx(mean_s, rel=0.03)


def test_pauses_of_a_poisson_process_have_no_memory() -> None:
    """Its standard deviation is its mean, and about 1 in 2.7 is longer than that."""
    found = pauses(ArrivalProcess(Pace.POISSON, 2, 5))
    assert sum(pause > 3.5 for pause in found) / len(found) == pytest.approx(0.368, abs=0.01)


def test_the_day_is_followed() -> None:
    """Three times as many in the evening, none at night, the mean in the mean hour."""
    arrivals, rng, now, came = ArrivalProcess(Pace.DAY, 2, 5), Random(1), MIDNIGHT, Counter[int]()
    while now < MIDNIGHT + timedelta(days=1):
        came[now.hour] += arrivals.files(rng, Shop(), now)
        now += timedelta(seconds=arrivals.pause_s(rng, Shop()))
    assert came[3] == 0
    assert came[12] == pytest.approx(3600 / 3.5, rel=0.1)
    assert came[20] == pytest.approx(3 * 3600 / 3.5, rel=0.1)


def test_speed_shortens_pauses() -> None:
    """An hour a minute."""
    slow, fast = (
        pauses(ArrivalProcess(Pace.RANDOM, 2, 5), 10),
        pauses(ArrivalProcess(Pace.RANDOM, 2, 5, time_scale=60), 10),
    )
    assert fast == [pause / 60 for pause in slow]


def test_a_seed_gives_its_pauses() -> None:
    """Again and again; another seed gives others."""
    assert pauses(ArrivalProcess(Pace.DAY, 2, 5), 10) == pauses(ArrivalProcess(Pace.DAY, 2, 5), 10)
    assert pauses(ArrivalProcess(Pace.DAY, 2, 5), 10) != pauses(ArrivalProcess(Pace.DAY, 2, 5), 10, seed=2)


def test_the_default_is_the_contract() -> None:
    """One delivery every two to five seconds, in real time."""
    assert ArrivalProcess.of(Settings()) == ArrivalProcess(Pace.RANDOM, 2.0, 5.0, 50, 1.0)
