"""The simulated shop is one: what one source says agrees with what the others say."""

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from multimarket_async.domains.omnishop.settings import OmniSettings
from multimarket_async.domains.omnishop.simulator import simulated
from multimarket_async.domains.omnishop.simulator.days import Days
from multimarket_async.domains.omnishop.simulator.shop import Shop

SETTINGS = OmniSettings(shoppers=150)
LAST, DAYS = datetime(2026, 11, 30, tzinfo=UTC), 14


@cache
def records(feed: str) -> list[dict[str, Any]]:
    """All records of two weeks."""
    files = range(1 if feed in ("omni_products", "omni_clients", "omni_promotions") else DAYS)
    made = (simulated(feed, SETTINGS)(1, number, LAST - timedelta(days=DAYS), LAST) for number in files)
    return [record for each in made for record in json.loads(each.content)]


def test_a_client_is_the_same_in_every_source() -> None:
    known = {record["client"] for record in records("omni_clients")}
    for feed in ("omni_orders", "omni_events", "omni_social"):
        assert {record["client"] for record in records(feed)} - {None} <= known, feed
    both = defaultdict(set)
    for order in records("omni_orders"):
        both[order["client"]].add(order["channel"])
    assert {"web", "store"} in both.values()
    bought = {event["order"] for event in records("omni_events") if event["kind"] == "purchase"}
    assert bought <= {order["order"] for order in records("omni_orders") if order["channel"] == "web"}


def test_stock_falls_by_what_is_sold() -> None:
    sold: Counter[tuple[str, str, str]] = Counter()
    for order in records("omni_orders"):
        for line in order["lines"] if order["kind"] == "sale" else ():
            place = "W1" if order["channel"] == "web" else order["place"]
            sold[place, line["product"], order["at"][:10]] += line["quantity"]
    shelves = {(row["place"], row["product"], row["day"]): row for row in records("omni_stock")}
    for (place, product, day), row in shelves.items():
        assert row["sold"] == sold[place, product, day]
        before = shelves.get((place, product, f"{date.fromisoformat(day) - timedelta(days=1)}"))
        assert before is None or row["stock"] == before["stock"] + row["received"] - row["sold"]


def test_reviews_are_of_products_bought_and_refunds_of_orders() -> None:
    days = Days(Shop(1, 150, SETTINGS.campaign_every_days))
    first = (LAST - timedelta(days=DAYS)).date()
    orders = [order for number in range(-8, DAYS) for order in days[first + timedelta(days=number)].orders]
    names = [product.id for product in days.shop.products]
    bought = {(order.client, names[line.product]) for order in orders for line in order.lines}
    reviews = [post for post in records("omni_social") if post["kind"] == "review"]
    assert reviews
    assert {(post["client"], post["product"]) for post in reviews} <= bought
    frauds = {record["key"] for record in records("omni_truth") if record["kind"] == "fraud"}
    refunds = {record["refund_of"] for record in records("omni_orders") if record["order"][0] == "R"}
    assert refunds
    assert refunds <= {order.id for order in orders} | frauds


def test_a_campaign_changes_demand_by_its_factor() -> None:
    """Over many campaigns, as each is a chance of its own."""
    days = Days(Shop(3, 400, SETTINGS.campaign_every_days))
    shop, usual, raised = days.shop, 0, 0.0
    for campaign in shop.campaigns(date(2026, 1, 1), date(2026, 5, 1)):
        base = days._drawn("day", campaign.starts)
        extra = [order for order in days._of_campaigns(campaign.starts) if order.lines]
        units = sum(_units(shop, order, campaign) for order in base)
        usual += units
        raised += (sum(_units(shop, order, campaign) for order in extra)) / (campaign.uplift - 1)
    assert 0.8 < raised / usual < 1.25


def _units(shop: Shop, order: Any, campaign: Any) -> int:
    of = [line for line in order.lines if shop.products[line.product].category == campaign.category]
    return sum(line.quantity for line in of) if campaign.is_in(order.channel) else 0


def test_the_same_number_gives_the_same_bytes() -> None:
    """In any order, and whatever was made before."""
    first = simulated("omni_orders", SETTINGS)(2, 5, LAST - timedelta(days=DAYS), LAST)
    simulated("omni_orders", SETTINGS)(2, 6, LAST - timedelta(days=DAYS), LAST)
    assert simulated("omni_orders", SETTINGS)(2, 5, LAST - timedelta(days=DAYS), LAST) == first
    days = Days(Shop(2, 150, SETTINGS.campaign_every_days))
    again = days[(LAST - timedelta(days=6)).date()].orders
    assert [order.id for order in again] == [record["order"] for record in json.loads(first.content)]
