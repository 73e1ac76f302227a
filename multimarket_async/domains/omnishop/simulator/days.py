"""Days of the shop, a week at a time: orders, with the campaigns' and the frauds', and the stock that they leave."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from math import ceil
from random import Random
from threading import Lock
from typing import NamedTuple

from multimarket_async.domains.omnishop.simulator.frauds import frauds
from multimarket_async.domains.omnishop.simulator.orders import Line, Order, card_of, device_of
from multimarket_async.domains.omnishop.simulator.shop import PLACES, WEB, Campaign, Client, Shop, digest
from multimarket_async.simulation import between, keyed

STAPLE, ANOTHER, CASH, RETURNED = 0.35, 0.5, 0.3, 0.03
RETURN_DAYS, REFERENCE_WEEKS = 7, 3
OPENS = {WEB: (7, 23), "store": (9, 20)}
MOST_LINES = 6
Stock = dict[tuple[str, int], int]  # by place and product


class Day(NamedTuple):
    """A day. frauds: by order, their pattern. lost: units that were asked for in vain. received: units, by shelf."""

    orders: Sequence[Order]
    frauds: Mapping[str, str]
    lost: Counter[tuple[str, int]]
    received: Stock
    stock: Stock


class Days:
    """The days of a shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self._lock = shop, Lock()
        self._levels: Stock = {}
        self._asked = lru_cache(maxsize=64)(self._asked_on)
        self._week = lru_cache(maxsize=64)(self._week_of)
        self._sold = lru_cache(maxsize=64)(self._sold_in)

    def __getitem__(self, day: date) -> Day:
        """A day; thread-safe."""
        with self._lock:
            return self._week(day - timedelta(days=day.weekday()))[day.weekday()]

    def _week_of(self, monday: date) -> list[Day]:
        """Shelves are filled up each Monday, by what was sold in the week before."""
        days, stock = [], dict(self._level())
        sold, earlier = self._sold(monday - timedelta(days=RETURN_DAYS))
        for number in range(7):
            day = monday + timedelta(days=number)
            asked, labels = self._asked(day)
            lost: Counter[tuple[str, int]] = Counter()
            served = [*_served(asked, stock, lost), *self._refunds(day, earlier[number])]
            orders = sorted(served, key=lambda order: order.second)
            labels = {order.id: labels[order.id] for order in orders if order.id in labels}
            days.append(Day(orders, labels, lost, {} if number else dict(sold), dict(stock)))
        return days

    def _sold_in(self, monday: date) -> tuple[Stock, list[list[Order]]]:
        """Units sold in a week, and its orders by day."""
        stock, level = dict(self._level()), self._level()
        asked = [self._asked(monday + timedelta(days=number))[0] for number in range(7)]
        served = [list(_served(orders, stock, Counter())) for orders in asked]
        return {shelf: level[shelf] - left for shelf, left in stock.items()}, served

    def _level(self) -> Stock:
        """Units of each shelf on a Monday: twice those of a usual week, and three more."""
        if not self._levels:
            asked: Counter[tuple[str, int]] = Counter()
            for number in range(7 * REFERENCE_WEEKS):
                for order in self._drawn("reference", date(2024, 1, 1) + timedelta(days=number)):
                    asked.update({(order.source, line.product): line.quantity for line in order.lines})
            shelves = ((place, product) for place in PLACES for product in range(len(self.shop.products)))
            self._levels = {shelf: 3 + ceil(2 * asked[shelf] / REFERENCE_WEEKS) for shelf in shelves}
        return self._levels

    def _asked_on(self, day: date) -> tuple[list[Order], dict[str, str]]:
        """The orders as clients want them, and the fraudulent ones among them."""
        orders = [*self._drawn("day", day), *self._of_campaigns(day)]
        bad = frauds(self.shop, day, self.shop.active(day))
        orders += [order for order, _ in bad]
        return sorted(orders, key=lambda order: order.second), {order.id: pattern for order, pattern in bad}

    def _drawn(self, stream: str, day: date) -> Iterator[Order]:
        rng, busy = keyed(self.shop.seed, stream, day), self.shop.busyness(day)
        campaigns = self.shop.campaigns(day, day) if stream != "reference" else []
        for number, client in enumerate(self.shop.active(day)):
            channel = WEB if rng.random() < client.web else "store"
            if rng.random() < client.rate * busy[channel]:
                lines = [
                    Line(product, pieces, self._price(product, channel, campaigns))
                    for product, pieces in self._basket(rng, client).items()
                ]
                key = digest(self.shop.seed, day, stream, number)
                yield _order(rng, key, day, client, lines, web=channel == WEB)

    def _basket(self, rng: Random, client: Client) -> dict[int, int]:
        size = 1
        while size < MOST_LINES and rng.random() < ANOTHER:
            size += 1
        basket: dict[int, int] = {}
        for _ in range(size):
            own = rng.random() < STAPLE
            product = (
                client.staples[int(rng.random() ** 2 * len(client.staples))] if own else self.shop.drawn(rng, client)
            )
            basket[product] = basket.get(product, 0) + (1 if rng.random() < 0.8 else 2)  # noqa: PLR2004
        return basket

    def _price(self, number: int, channel: str, campaigns: Sequence[Campaign]) -> int:
        """Of campaigns of the same category that of the first one counts."""
        product = self.shop.products[number]
        discounts = (
            each.discount for each in campaigns if (each.category, True) == (product.category, each.is_in(channel))
        )
        return round(product.price_minor * (1 - next(discounts, 0.0)))

    def _of_campaigns(self, day: date) -> Iterator[Order]:
        """Orders of the same kind once more, as far as they are of a campaign: so its effect is exactly its factor."""
        for campaign in self.shop.campaigns(day, day):
            rng = keyed(self.shop.seed, campaign.id, day, "kept")
            for order in self._drawn(campaign.id, day):
                kept = [
                    line
                    for line in order.lines
                    if self.shop.products[line.product].category == campaign.category
                    and rng.random() < campaign.uplift - 1
                ]
                if kept and campaign.is_in(order.channel):
                    yield order._replace(lines=kept)

    def _refunds(self, day: date, earlier: Sequence[Order]) -> Iterator[Order]:
        """Some of the orders of a week ago are given back."""
        rng = keyed(self.shop.seed, "refunds", day)
        for order in earlier:
            if rng.random() < RETURNED and order.kind == "sale":
                second = int(between(rng, 9 * 3600, 20 * 3600))
                yield order._replace(id=f"R{order.id}", kind="refund", day=day, second=second, refund_of=order.id)


def _order(rng: Random, key: str, day: date, client: Client, lines: Sequence[Line], *, web: bool) -> Order:
    opens, closes = OPENS[WEB if web else "store"]
    second = int(between(rng, opens, closes) * 3600)
    cash = rng.random() < CASH and not web
    return Order(
        id=f"O{key}",
        kind="sale",
        client=client.id,
        channel=WEB if web else "store",
        place=WEB if web else client.store,
        day=day,
        second=second,
        card=None if cash else card_of(client),
        device=device_of(client) if web else None,
        address=f"{client.address}, {client.city}" if web else None,
        refund_of=None,
        lines=lines,
    )


def _served(asked: Sequence[Order], stock: Stock, lost: Counter[tuple[str, int]]) -> Iterator[Order]:
    """The orders as far as there is stock, which they take."""
    for order in asked:
        if order.kind == "refund":
            yield order
            continue
        lines = []
        for line in order.lines:
            shelf = (order.source, line.product)
            pieces = min(line.quantity, stock[shelf])
            stock[shelf] -= pieces
            lost[shelf] += line.quantity - pieces
            if pieces:
                lines.append(line._replace(quantity=pieces))
        if lines:
            yield order._replace(lines=lines)
