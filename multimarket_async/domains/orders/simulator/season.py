"""Arrival times of orders: growth x month x Black Friday x end of month x weekday x hour, over any period."""

import math
from bisect import bisect_right
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from itertools import accumulate
from operator import mul
from zoneinfo import ZoneInfo

from multimarket_async.domains.orders.simulator.profile import Channel, Profile
from multimarket_async.domains.orders.simulator.sampling import Words

HOUR_S = 3600
HOURS_PER_YEAR = 8766
SATURDAY = 5


class Season:
    """Relative rate of orders of one channel of this profile, hour by hour of the business time zone."""

    def __init__(self, profile: Profile, channel: Channel, zone: ZoneInfo) -> None:
        self._profile = profile
        self._zone = zone
        self._hours = [_of_mean_1(channel.hours), _of_mean_1(channel.weekend_hours)]
        self._weekdays = _of_mean_1(channel.weekdays)
        self._day = cache(self._busyness_of)
        self._whole_hours = lru_cache(maxsize=4)(self._hours_between)
        # Growth is a product of equal steps: the only root is taken by Decimal, which is the same everywhere.
        self._hourly = float(Decimal(repr(1 + profile.growth)) ** (1 / Decimal(HOURS_PER_YEAR)))

    def busyness(self, at: datetime) -> float:
        """Rate of orders at that instant, relative to the mean hour of an ordinary week."""
        return self._busyness(at.astimezone(self._zone))

    @property
    def peak(self) -> float:
        """The highest rate."""
        week = max(busy * max(self._hours[day >= SATURDAY]) for day, busy in enumerate(self._weekdays))
        days = max([1.0, *self._profile.black_friday]) * max(1.0, self._profile.end_of_month)
        return week * max(self._profile.months) * days

    def dates(self, earliest: datetime, latest: datetime) -> Callable[[Words], str]:
        """Words -> a local date, ISO 8601 in whole seconds, between the two or the last second before `latest`."""
        # Cut by hours of UTC, in each of which clocks run evenly: no date falls into a gap of daylight saving.
        last = math.floor(latest.timestamp())
        begin = min(last, math.ceil(earliest.timestamp()))
        whole_starts, whole_rates = self._whole_hours(begin // HOUR_S, last // HOUR_S + 1)
        first = whole_starts[0] + timedelta(seconds=begin % HOUR_S)
        starts, rates = [first, *whole_starts[1:]], [self._busyness(first), *whole_rates[1:]]
        seconds = [HOUR_S] * len(starts)
        seconds[0] -= begin % HOUR_S
        seconds[-1] -= HOUR_S - 1 - last % HOUR_S
        growing = accumulate(seconds, lambda factor, _: factor * self._hourly, initial=1.0)
        # A closed shop that is asked for an order has no busy hour: all are alike.
        busy = map(mul, rates, seconds) if any(rates) else map(float, seconds)
        sums = list(accumulate(map(mul, growing, busy)))
        total = sums[-1] / 2**32

        def dated(words: Words) -> str:
            hour = bisect_right(sums, words[0] * total)
            return (starts[hour] + timedelta(seconds=words[1] * seconds[hour] >> 32)).isoformat()

        return dated

    def _hours_between(self, first: int, end: int) -> tuple[list[datetime], list[float]]:
        """Hours since 1970: the start of each as clocks show it, and its rate."""
        instants = (datetime.fromtimestamp(hour * HOUR_S, self._zone) for hour in range(first, end))
        starts = [instant.replace(tzinfo=None) for instant in instants]
        return starts, [self._busyness(start) for start in starts]

    def _busyness(self, local: datetime) -> float:
        return self._day(local.date()) * self._hours[local.weekday() >= SATURDAY][local.hour]

    def _busyness_of(self, day: date) -> float:
        shop, busy = self._profile, self._profile.months[day.month - 1] * self._weekdays[day.weekday()]
        if (day + timedelta(days=shop.end_of_month_days)).month != day.month:
            busy *= shop.end_of_month
        days_after = (day - black_friday(day.year)).days
        return busy * shop.black_friday[days_after] if 0 <= days_after < len(shop.black_friday) else busy


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    earliest = date(year, 11, 23)
    return earliest + timedelta(days=(4 - earliest.weekday()) % 7)


def _of_mean_1(weights: tuple[float, ...]) -> list[float]:
    return [weight * len(weights) / sum(weights) for weight in weights]
