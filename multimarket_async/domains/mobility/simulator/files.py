"""Made-up files: the answers that the simulated city gives to a poll each hour; and what is bad about bad ones."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.domains.mobility.simulator.city import City
from multimarket_async.simulation import Corruptions, Delivery, Simulate

POLLS_A_DAY, DAYS = 24, 7


def _points(city: City, at: datetime) -> dict[str, Any]:
    records = city.records(at)
    return {"total_count": len(records), "results": records}


# By feed: the name of its files, its answers a day, and how an answer is made.
FEEDS: Mapping[str, tuple[str, int, Callable[[City, datetime], dict[str, Any]]]] = {
    "mobility_statuses": ("points", POLLS_A_DAY, _points),
    "mobility_weather": ("infoclimat", 8, City.infoclimat),
}


class Simulator:
    """Files of one feed. Where both instants are the same, they are of now; else each is of an earlier poll."""

    share = peak = 1.0

    def __init__(self, feed: str, settings: MobilitySettings) -> None:
        self._settings = settings
        self._name, self._a_day, self._make = FEEDS[feed]
        self._city = lru_cache(maxsize=4)(self._of_seed)

    def _of_seed(self, seed: int) -> City:
        return City(seed, self._settings.simulated_points, ZoneInfo(self._settings.local_timezone))

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        """The file of this number."""
        polls = max(int((latest - earliest) / timedelta(days=1) * self._a_day), 1)
        at = latest - timedelta(days=1) / self._a_day * (number % polls)
        answer = self._make(self._city(seed), at)
        again = f"-{number}" if number >= polls or earliest == latest else ""
        name = f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z_{self._name}{again}.json"
        records = len(answer["results"]) if "results" in answer else sum(key[0] == "2" for key in answer)
        return Delivery(name, json.dumps(answer, ensure_ascii=False).encode(), records=records)

    def busyness(self, at: datetime) -> float:  # noqa: ARG002
        """The same at all times."""
        return 1.0

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """Inputs that determine a file, besides its feed, its number and its period."""
        return {"seed": seed, "points": self._settings.simulated_points, "zone": self._settings.local_timezone}


def simulated(feed: str, settings: MobilitySettings) -> Simulate:
    """The simulator of a feed."""
    return Simulator(feed, settings)


INVALID: Mapping[str, Callable[[bytes], tuple[bytes, str]]] = {
    "empty": lambda _: (b"", "empty_file"),
    "latin-1": lambda content: (b"\xe9" + content, "not_utf8"),
}


def corruptions() -> Corruptions:
    """Bad files, of any of the feeds."""
    return Corruptions(INVALID, lambda content: content)
