"""The shop that is simulated: its products, stores, clients and campaigns, of a seed."""

import math
from bisect import bisect
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import NamedTuple, TypeVar

from multimarket_async.simulation import between, keyed

T = TypeVar("T")
EPOCH = date(2020, 1, 6)  # a Monday, before all simulated days
WEB, STORES, WAREHOUSE = "web", ("S1", "S2", "S3", "S4"), "W1"
PLACES = (*STORES, WAREHOUSE)
CITIES = ("Lyon", "Nantes", "Lille", "Toulouse")  # of the stores
FIRST = ("Amina", "Bruno", "Chloé", "David", "Élise", "Farid", "Grace", "Hugo", "Inès", "Jules", "Karima", "Léo")
LAST = ("Martin", "Bernard", "Petit", "Durand", "Moreau", "Benali", "Fournier", "Girard", "Lopez", "Nguyen", "Roux")
STREETS = ("rue des Lilas", "avenue Foch", "place du Marché", "chemin Vert", "quai Nord", "rue Haute")
# Category: how likely a line is of it, and the range of its prices in cents.
CATEGORIES = {
    "grocery": (0.34, 90, 1200),
    "hygiene": (0.2, 150, 1800),
    "fashion": (0.16, 900, 9000),
    "home": (0.12, 600, 15000),
    "toys": (0.1, 700, 6000),
    "electronics": (0.08, 1900, 60000),
}
PRODUCTS_EACH, STYLES, STAPLES = 16, 4, 5
LIKED = 8  # times as likely, a product of the own style
LIFE_DAYS, GAP_DAYS = 160, 15
WEEK = {WEB: (1.1, 0.9, 0.9, 0.9, 0.95, 0.95, 1.3), "store": (0.7, 0.8, 0.95, 0.9, 1.15, 1.8, 0.7)}
UPLIFTS = 1.25, 1.9


class Product(NamedTuple):
    """A product. quality: the mean of its stars."""

    id: str
    name: str
    category: str
    price_minor: int
    weight: float
    style: int
    quality: float


class Client(NamedTuple):
    """A client. rate: orders a day. web: share of these. gone: the first day without them. tastes: accumulated."""

    id: str
    name: str
    city: str
    store: str
    joined: date
    gone: date
    loyal: bool
    rate: float
    web: float
    tastes: Sequence[float]
    style: int
    staples: Sequence[int]
    address: str


class Campaign(NamedTuple):
    """A campaign. uplift: the factor by which it raises the demand for the category in its channels."""

    id: str
    category: str
    channel: str
    starts: date
    ends: date
    uplift: float
    discount: float
    cost_minor: int

    def is_in(self, channel: str) -> bool:
        """True for one of its channels."""
        return self.channel in (channel, "all")


def digest(*key: object) -> str:
    """12 digits of a key."""
    return blake2b(":".join(map(str, key)).encode(), digest_size=6).hexdigest()


def chosen(rng: Random, values: Sequence[T]) -> T:
    """One of these values."""
    return values[int(rng.random() * len(values))]


def weighted(rng: Random, accumulated: Sequence[float]) -> int:
    """The place of one of these weights."""
    return bisect(accumulated, rng.random() * accumulated[-1], hi=len(accumulated) - 1)


def count(rng: Random, mean: float) -> int:
    """A number of independent events."""
    limit, product, events = math.exp(-mean), rng.random(), 0
    while product > limit:
        product, events = product * rng.random(), events + 1
    return events


class Shop:
    """Everything but its days. clients: their number at any one time."""

    def __init__(self, seed: int, clients: int, campaign_every_days: int) -> None:
        self.seed, self.clients, self._every = seed, clients, campaign_every_days
        self._lives: list[list[tuple[date, date]]] = [[] for _ in range(clients)]
        self._client = lru_cache(maxsize=50_000)(self._client_of)
        self.active = lru_cache(maxsize=64)(self._active)

    @cached_property
    def products(self) -> list[Product]:
        """The catalogue, category by category."""
        return [self._product(category, n) for category in CATEGORIES for n in range(PRODUCTS_EACH)]

    def _product(self, category: str, number: int) -> Product:
        rng = keyed(self.seed, "product", category, number)
        _, lowest, highest = CATEGORIES[category]
        price = int(lowest * (highest / lowest) ** rng.random())
        name = f"{category.title()} {digest(self.seed, category, number)[:4]}"
        quality = between(rng, 3.2, 4.8)
        return Product(f"{category[:2].upper()}{number + 1:02}", name, category, price, 1 / (number + 2), int(
            STYLES * rng.random()), quality)  # fmt: skip

    @cached_property
    def shelves(self) -> list[list[list[float]]]:
        """By category and style of a client, accumulated weights of the products of the category."""
        rows = []
        for category in CATEGORIES:
            of = [product for product in self.products if product.category == category]
            rows.append([list(accumulate(p.weight * (LIKED if p.style == style else 1) for p in of))
                         for style in range(STYLES)])  # fmt: skip
        return rows

    def drawn(self, rng: Random, client: Client) -> int:
        """The place of a product that the client may like."""
        category = weighted(rng, client.tastes)
        return category * PRODUCTS_EACH + weighted(rng, self.shelves[category][client.style])

    def _active(self, day: date) -> list[Client]:
        """The clients of a day."""
        clients = (self.client(slot, day) for slot in range(self.clients))
        return [client for client in clients if client.joined <= day < client.gone]

    def client(self, slot: int, day: date) -> Client:
        """The client of a slot on a day, or the one before: when somebody leaves, somebody else comes, some days later.

        On the days before its first one it is that.
        """
        lives = self._lives[slot]
        while not lives or lives[-1][0] <= day:
            lives.append(self._life(slot, len(lives)))
        number = max(0, bisect([joined for joined, _ in lives], day) - 1)
        return self._client(slot, number)

    def _life(self, slot: int, number: int) -> tuple[date, date]:
        """The first day of a client, and the first one without."""
        rng = keyed(self.seed, "life", slot, number)
        if number:
            joined = self._lives[slot][-1][1] + timedelta(days=int(-math.log(rng.random()) * GAP_DAYS))
        else:
            joined = EPOCH - timedelta(days=int(rng.random() * LIFE_DAYS))
        stays = 14 + int(-math.log(rng.random()) * LIFE_DAYS * (1.4 if self._is_loyal(slot, number) else 0.8))
        return joined, joined + timedelta(days=stays)

    def _is_loyal(self, slot: int, number: int) -> bool:
        return digest(self.seed, "loyal", slot, number) < "8"

    def _client_of(self, slot: int, number: int) -> Client:
        rng = keyed(self.seed, "client", slot, number)
        place, style = int(len(STORES) * rng.random()), int(STYLES * rng.random())
        tastes = list(accumulate(share * between(rng, 0.1, 2) ** 2 for share, _, _ in CATEGORIES.values()))
        rate, web = 0.02 + 0.22 * rng.random() ** 2, rng.random()
        staples = [
            category * PRODUCTS_EACH + weighted(rng, self.shelves[category][style])
            for category in (weighted(rng, tastes) % 2 for _ in range(STAPLES))
        ]
        name = f"{chosen(rng, FIRST)} {chosen(rng, LAST)}"
        address = f"{1 + int(99 * rng.random())} {chosen(rng, STREETS)}"
        key = f"C{digest(self.seed, 'client', slot, number)}"
        return Client(key, name, CITIES[place], STORES[place], *self._lives[slot][number], self._is_loyal(slot, number),
                      rate, web, tastes, style, staples, address)  # fmt: skip

    def busyness(self, day: date) -> dict[str, float]:
        """Orders of a day relative to the mean one, by channel: the week, the season, and what nobody foresees."""
        shock = math.exp(between(keyed(self.seed, "shock", day), -0.2, 0.2))
        season = 1 + 0.12 * math.sin((day - EPOCH).days / 9)
        return {channel: week[day.weekday()] * shock * season for channel, week in WEEK.items()}

    def campaigns(self, first: date, last: date) -> list[Campaign]:
        """The campaigns that have a day of this period."""
        numbers = range(max(0, (first - EPOCH).days // self._every - 2), (last - EPOCH).days // self._every + 1)
        found = map(self._campaign, numbers)
        return [campaign for campaign in found if campaign.starts <= last and campaign.ends >= first]

    def _campaign(self, number: int) -> Campaign:
        rng = keyed(self.seed, "campaign", number)
        starts = EPOCH + timedelta(days=number * self._every + int(3 * rng.random()))
        category, channel = [*CATEGORIES][number * 5 % len(CATEGORIES)], chosen(rng, (WEB, "store", "all"))
        uplift, discount = between(rng, *UPLIFTS), round(between(rng, 0.05, 0.25), 2)
        ends, cost = starts + timedelta(days=3 + int(3 * rng.random())), 100 * int(between(rng, 50, 400))
        return Campaign(f"K{number:04}", category, channel, starts, ends, round(uplift, 3), discount, cost)
