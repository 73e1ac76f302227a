"""Frauds that are hidden among the orders: five patterns, each of which is a label of its orders."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from random import Random
from typing import Any

from multimarket_async.domains.omnishop.simulator.orders import Line, Order, card_of, device_of
from multimarket_async.domains.omnishop.simulator.shop import STREETS, WEB, Client, Shop, chosen, count, digest
from multimarket_async.simulation import between, keyed

CHEAPEST, DEAREST = 4, 12  # of the products


class Scene:
    """The day of a pattern: its random numbers, its clients, and orders that look like those of others."""

    def __init__(self, shop: Shop, day: date, pattern: str, clients: Sequence[Client]) -> None:
        self.shop, self.day, self.pattern, self.clients = shop, day, pattern, clients
        self.rng: Random = keyed(shop.seed, "fraud", pattern, day)
        by_price = sorted(range(len(shop.products)), key=lambda place: shop.products[place].price_minor)
        self.cheap, self.dear = by_price[:CHEAPEST], by_price[-DEAREST:]
        self._orders = 0

    def client(self) -> Client:
        """A client whose name is used."""
        return chosen(self.rng, self.clients)

    def order(self, client: Client, second: float, lines: Sequence[Line], **changed: Any) -> Order:
        """An order on the web."""
        self._orders += 1
        key = f"O{digest(self.shop.seed, self.day, self.pattern, self._orders)}"
        fields = (key, "sale", client.id, WEB, WEB, self.day, int(second), card_of(client), device_of(client),
                  f"{client.address}, {client.city}", None, lines)  # fmt: skip
        return Order(*fields)._replace(**changed)

    def line(self, product: int, quantity: int = 1) -> Line:
        """Pieces at the full price."""
        return Line(product, quantity, self.shop.products[product].price_minor)

    def liked(self, client: Client, lines: int = 2) -> list[Line]:
        """Lines as the client may have ordered them."""
        drawn = dict.fromkeys(self.shop.drawn(self.rng, client) for _ in range(lines))
        return [self.line(product) for product in drawn]

    def start(self) -> float:
        """A second of the day, hours before its end."""
        return between(self.rng, 6 * 3600, 18 * 3600)


def _card_testing(scene: Scene) -> Iterator[Order]:
    """One browser tries one stolen card after the other with amounts that nobody notices."""
    client, second = scene.client(), scene.start()
    device = digest("device", scene.day, second)
    for number in range(7 + int(4 * scene.rng.random())):
        second += between(scene.rng, 20, 120)
        card = digest("card", scene.day, second, number)
        yield scene.order(client, second, [scene.line(chosen(scene.rng, scene.cheap))], device=device, card=card)


def _velocity(scene: Scene) -> Iterator[Order]:
    """One card pays one order after the other."""
    client, second = scene.client(), scene.start()
    device = digest("device", scene.day, second)
    for _ in range(5 + int(3 * scene.rng.random())):
        second += between(scene.rng, 60, 360)
        yield scene.order(client, second, scene.liked(client), device=device)


def _address_mix(scene: Scene) -> Iterator[Order]:
    """One card has goods sent to many addresses."""
    client, second = scene.client(), scene.start()
    for _ in range(4 + int(2 * scene.rng.random())):
        second += between(scene.rng, 600, 4000)
        address = f"{1 + int(99 * scene.rng.random())} {chosen(scene.rng, STREETS)}, Paris"
        device = digest("device", scene.day, second)
        yield scene.order(client, second, scene.liked(client), address=address, device=device)


def _unusual_amount(scene: Scene) -> Iterator[Order]:
    """Somebody orders with the account of another what is easily sold."""
    client = scene.client()
    lines = [scene.line(chosen(scene.rng, scene.dear), 3 + int(4 * scene.rng.random()))]
    yield scene.order(client, scene.start(), lines, device=digest("device", scene.day, client.id))


def _refund_abuse(scene: Scene) -> Iterator[Order]:
    """A client gives back again and again what was never bought, or worn."""
    client, second = scene.client(), scene.start()
    for number in range(4 + int(2 * scene.rng.random())):
        second += between(scene.rng, 300, 3000)
        bought = f"O{digest(scene.shop.seed, client.id, scene.day, number)}"
        yield scene.order(client, second, scene.liked(client), kind="refund", refund_of=bought)


# By name: how often a day, and its orders.
PATTERNS: Mapping[str, tuple[float, Callable[[Scene], Iterator[Order]]]] = {
    "card_testing": (0.06, _card_testing),
    "velocity": (0.08, _velocity),
    "address_mix": (0.08, _address_mix),
    "unusual_amount": (0.3, _unusual_amount),
    "refund_abuse": (0.08, _refund_abuse),
}


def frauds(shop: Shop, day: date, clients: Sequence[Client]) -> list[tuple[Order, str]]:
    """The fraudulent orders of a day, each with its pattern."""
    found: list[tuple[Order, str]] = []
    for pattern, (often, made) in PATTERNS.items() if clients else ():
        scene = Scene(shop, day, pattern, clients)
        for _ in range(count(scene.rng, often * min(1, shop.clients / 1500))):
            found += [(order, pattern) for order in made(scene)]
    return found
