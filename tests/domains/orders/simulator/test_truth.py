"""Simulated orders have the distributions of the profile, in orders of two years under tolerances.

A share of n orders has a standard error of sqrt(p (1 - p) / n); each tolerance is four of them or more.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import log
from typing import Any

import pytest

from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.domains.orders.simulator.profile import read_profile
from multimarket_async.domains.orders.simulator.season import black_friday

OPEN_RULES = OrderSettings(delivery_required=("web",), delivery_forbidden=("boutique",))
EARLIEST, LATEST = datetime(2024, 7, 1, tzinfo=UTC), datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
COUNT = 20_000
PROFILE = read_profile("")
Orders = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def orders() -> Orders:
    return {canal: list(_of(Simulator(canal, OPEN_RULES))) for canal in PROFILE.channels}


def _of(simulator: Simulator) -> Iterator[dict[str, Any]]:
    for number in range(COUNT):
        order = json.loads(simulator(1, number, EARLIEST, LATEST).content)
        yield {**order, "at": datetime.fromisoformat(order["date_commande"])}


@pytest.fixture(params=list(PROFILE.channels))
def canal(request: pytest.FixtureRequest) -> str:
    return request.param


def of_all(orders: Orders) -> list[dict[str, Any]]:
    return [order for channel in orders.values() for order in channel]


def shares(counts: Counter[Any], keys: Any) -> list[float]:
    return [counts[key] / counts.total() for key in keys]


def of_sum_1(weights: tuple[float, ...]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def test_hours_follow_the_curve(orders: Orders, canal: str) -> None:
    """On weekdays and at weekends; a closed shop sells nothing."""
    channel = PROFILE.channels[canal]
    for weekend, curve in ((False, channel.hours), (True, channel.weekend_hours)):
        found = Counter(order["at"].hour for order in orders[canal] if (order["at"].weekday() >= 5) is weekend)
        assert shares(found, range(24)) == pytest.approx(of_sum_1(curve), abs=0.012)
        assert [hour for hour in found if not curve[hour]] == []


def test_weekdays_follow_the_curve(orders: Orders, canal: str) -> None:
    """In months without a Black Friday, away from the end of the month."""
    found = Counter(
        order["at"].weekday() for order in orders[canal] if order["at"].month != 11 and order["at"].day < 28
    )
    assert shares(found, range(7)) == pytest.approx(of_sum_1(PROFILE.channels[canal].weekdays), abs=0.015)


def test_each_channel_cancels_as_much_as_it_does(orders: Orders, canal: str) -> None:
    cancelled = sum(order["statut_commande"] == "annulée" for order in orders[canal])
    assert cancelled / COUNT == pytest.approx(PROFILE.channels[canal].cancelled, abs=0.01)


def test_baskets_have_their_sizes(orders: Orders, canal: str) -> None:
    """A product drawn twice makes one line, so a few baskets are smaller than drawn."""
    found = Counter(len(order["produits"]) for order in orders[canal])
    basket = PROFILE.channels[canal].basket
    assert shares(found, range(1, len(basket) + 1)) == pytest.approx(of_sum_1(basket), abs=0.025)


def test_click_and_collect_is_as_frequent_as_it_is_where_it_is_allowed(orders: Orders) -> None:
    collected = sum("livraison" not in order for order in orders["mobile"])
    assert collected / COUNT == pytest.approx(PROFILE.channels["mobile"].click_and_collect, abs=0.014)


def test_products_sell_by_their_rank(orders: Orders) -> None:
    """The slope of log quantity over log rank, by least squares, is that of the profile."""
    sold = Counter(line["nom"] for item in of_all(orders) for line in item["produits"])
    points = [(log(rank), log(count)) for rank, (_, count) in enumerate(sold.most_common(), 1)]
    middle_x, middle_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / sum((x - middle_x) ** 2 for x, _ in points)
    assert slope == pytest.approx(-PROFILE.catalogue.zipf, abs=0.06)
    assert len(sold) == sum(kind.products for kind in PROFILE.catalogue.categories)


def test_prices_stay_within_their_category(orders: Orders) -> None:
    """A product is called by its category and a family name, which may have two words."""
    limits = {kind.name: (kind.lowest, kind.highest + 1) for kind in PROFILE.catalogue.categories}
    for line in (line for item in of_all(orders) for line in item["produits"]):
        [(lowest, highest)] = [between for name, between in limits.items() if line["nom"].startswith(f"{name} ")]
        assert lowest <= line["prix_unitaire"] < highest


def test_few_customers_buy_often_and_many_once(orders: Orders) -> None:
    """The share of the first ranks is that of the sum of 1 / (rank + regulars); nobody lives in the shop."""
    ranks, regulars = PROFILE.customers.pool, PROFILE.customers.regulars
    bought = Counter(item["client_id"] for item in of_all(orders))
    for first in (10, 100, 1000, 10_000):
        share = sum(bought[rank] for rank in range(1, first + 1)) / bought.total()
        assert share == pytest.approx(log(1 + first / regulars) / log(1 + ranks / regulars), abs=0.01)
    counts = sorted(bought.values(), reverse=True)
    assert sum(counts[: len(counts) // 10]) / bought.total() > 0.5
    assert 0.4 < counts.count(1) / len(counts) < 0.6
    assert 60 < counts[0] < 140


def test_customers_buy_through_all_channels_and_live_in_one_place(orders: Orders) -> None:
    homes: dict[int, set[str]] = {}
    for item in of_all(orders):
        if "livraison" in item:
            homes.setdefault(item["client_id"], set()).add(json.dumps(item["livraison"]))
    assert {len(workspace) for workspace in homes.values()} == {1}
    web, mobile, boutique = ({item["client_id"] for item in channel} for channel in orders.values())
    assert len(web & mobile & boutique) > 2000


def test_cities_are_french_and_moroccan(orders: Orders) -> None:
    """Seven to three; the largest city of a country first; addresses of its own streets."""
    cities = Counter(item["livraison"]["ville"] for item in of_all(orders) if "livraison" in item)
    morocco = PROFILE.countries["morocco"]
    assert sum(cities[city] for city in morocco.cities) / cities.total() == pytest.approx(0.3, abs=0.06)
    assert [city for city in cities if city in morocco.cities] != []
    assert {"Paris", "Casablanca"} <= {city for city, _ in cities.most_common(4)}
    addresses = [order["livraison"]["adresse"] for order in orders["web"] if order["livraison"]["ville"] == "Rabat"]
    assert {re.sub(r"^\d+ ", "", address) for address in addresses} == set(morocco.streets)


def test_the_shop_grows(orders: Orders) -> None:
    """Each month has 1.3 times the orders of the same month a year before."""
    years = Counter(item["at"] < datetime(2025, 7, 1) for item in of_all(orders))  # noqa: DTZ001 - dates are local
    assert years[False] / years[True] == pytest.approx(1 + PROFILE.growth, abs=0.05)


def test_months_have_their_season(orders: Orders) -> None:
    """December over August, both of one year, as in the profile, but for growth and the length of months."""
    found = Counter((item["at"].year, item["at"].month) for item in of_all(orders) if item["at"].day <= 27)
    expected = PROFILE.months[11] / PROFILE.months[7] * (1 + PROFILE.growth) ** (4 / 12)
    assert found[2025, 12] / found[2025, 8] == pytest.approx(expected, rel=0.1)


def test_black_friday_is_a_peak(orders: Orders) -> None:
    """The busiest day of the year, about four times the Fridays before."""
    days = Counter(item["at"].date() for item in of_all(orders))
    friday = black_friday(2025)
    before = [days[friday - timedelta(weeks=weeks)] for weeks in (1, 2, 3)]
    assert days.most_common(1)[0][0] == friday
    end_of_month = PROFILE.end_of_month if friday.day > 27 else 1.0
    assert days[friday] / (sum(before) / 3) == pytest.approx(PROFILE.black_friday[0] * end_of_month, rel=0.15)


def test_the_end_of_a_month_is_busier(orders: Orders) -> None:
    """Its last three days, beside the days before; in February too."""
    found: Counter[bool] = Counter()
    days: Counter[bool] = Counter()
    for item in of_all(orders):
        if item["at"].month != 11:
            found[(item["at"] + timedelta(days=3)).month != item["at"].month] += 1
    for number in range((LATEST - EARLIEST).days + 1):
        day = EARLIEST + timedelta(days=number)
        if day.month != 11:
            days[(day + timedelta(days=3)).month != day.month] += 1
    assert found[True] / days[True] / (found[False] / days[False]) == pytest.approx(PROFILE.end_of_month, abs=0.07)


@pytest.mark.parametrize(
    ("year", "day"), [(2023, 24), (2024, 29), (2025, 28), (2026, 27), (2027, 26), (2028, 24), (2029, 23)]
)
def test_black_friday_is_the_day_after_thanksgiving(year: int, day: int) -> None:
    assert black_friday(year) == date(year, 11, day)


def test_no_instant_is_busier_than_the_peak(canal: str) -> None:
    """And the mean hour of an ordinary week is 1, times its month."""
    simulator = Simulator(canal, OPEN_RULES)
    monday = datetime(2026, 5, 4, tzinfo=UTC)
    week = [simulator.busyness(monday + timedelta(hours=hour)) for hour in range(168)]
    year = [simulator.busyness(EARLIEST + timedelta(hours=hour)) for hour in range(8766)]
    assert sum(week) / 168 == pytest.approx(PROFILE.months[4], rel=0.01)
    assert max(year) <= simulator.peak
