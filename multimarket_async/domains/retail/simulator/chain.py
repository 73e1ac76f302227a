"""The chain that is simulated: its stores, products and clients, of a seed."""

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple, TypeVar

from multimarket_async.simulation import between, keyed

T = TypeVar("T")
CITIES = ("Paris", "Lyon", "Marseille", "Nice", "Lille", "Bordeaux", "Toulouse", "Nantes", "Strasbourg", "Rennes")
FIRST = ("Amina", "Bruno", "Chloé", "David", "Élise", "Farid", "Grace", "Hugo", "Inès", "Jules", "Karima", "Léo")
LAST = ("Martin", "Bernard", "Petit", "Durand", "Moreau", "Benali", "Fournier", "Girard", "Lopez", "Nguyen", "Roux")
# Category: its kinds of products, and the range of their prices.
CATEGORIES = {
    "Électronique": (("Smartphone", "Ordinateur", "Télévision"), 80, 2000),
    "Meubles": (("Chaise", "Bureau", "Table"), 30, 600),
    "Beauté": (("Shampooing", "Crème", "Parfum"), 2, 90),
    "Mode": (("T-shirt", "Chaussures", "Veste"), 8, 250),
}
PRODUCTS = 50
CAPACITIES = range(100, 1501)
OPENING, CLOSING = range(7, 10), range(19, 23)
COSTS = 0.5, 0.8  # of the price
RISE = 1.05  # of the costs of every other product, with each further price list


class Place(NamedTuple):
    """A store."""

    id: str
    name: str
    location: str
    capacity: int
    opening: int
    closing: int


def one_of(rng: Random, values: Sequence[T]) -> T:
    """One of these values."""
    return values[int(rng.random() * len(values))]


def identifier(*key: object) -> str:
    """A UUID of a key."""
    digits = blake2b(":".join(map(str, key)).encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Chain:
    """Everything but its days. stores, clients: their numbers."""

    def __init__(self, seed: int, stores: int, clients: int) -> None:
        self.seed, self.clients = seed, clients
        self.stores = [self._place(number) for number in range(stores)]

    def _place(self, number: int) -> Place:
        rng = keyed(self.seed, "store", number)
        values = one_of(rng, CITIES), one_of(rng, CAPACITIES), one_of(rng, OPENING), one_of(rng, CLOSING)
        return Place(identifier(self.seed, "store", number), f"Magasin_{number + 1}", *values)

    @cached_property
    def products(self) -> list[dict[str, Any]]:
        """The first price list."""
        return [self._product(number) for number in range(PRODUCTS)]

    def _product(self, number: int) -> dict[str, Any]:
        rng = keyed(self.seed, "product", number)
        category = one_of(rng, [*CATEGORIES])
        kinds, lowest, highest = CATEGORIES[category]
        name, price = f"{one_of(rng, kinds)}_{number + 1}", round(between(rng, lowest, highest), 2)
        cost = round(price * between(rng, *COSTS), 2)
        return {"id": identifier(self.seed, "product", number), "name": name, "category": category,
                "price": price, "cost": cost}  # fmt: skip

    def price_list(self, number: int) -> list[dict[str, Any]]:
        """A later one, with higher costs."""
        return [
            {**product, "cost": round(product["cost"] * RISE**number, 2) if place % 2 else product["cost"]}
            for place, product in enumerate(self.products)
        ]

    def client(self, number: int) -> dict[str, Any]:
        """A client."""
        rng = keyed(self.seed, "client", number)
        return {
            "id": self.client_id(number), "name": f"{one_of(rng, FIRST)} {one_of(rng, LAST)}",
            "age": int(between(rng, 18, 81)), "gender": one_of(rng, ("Homme", "Femme")),
            "loyalty_card": rng.random() < 0.5, "city": one_of(rng, CITIES),  # noqa: PLR2004
        }  # fmt: skip

    def client_id(self, number: int) -> str:
        """The key of a client."""
        return identifier(self.seed, "client", number)


Seeded = Callable[[int], Chain]
