"""Products and customers, shared by all orders of one seed."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from pydantic_core import to_json

from multimarket_async.domains.orders.simulator.profile import Catalogue, Category, Country, Profile
from multimarket_async.domains.orders.simulator.sampling import heavy_tail, keyed, slots, zipf

if TYPE_CHECKING:
    from faker import Faker

LOCALE = "fr_FR"
FAKER_VERSION = metadata.version("faker")
STREETS = 500
HOUSES = 150


class Product(NamedTuple):
    """lines: of an order, as JSON, by quantity. chosen: which of them, 65,536 slots that many products share."""

    lines: Sequence[bytes]
    chosen: Sequence[int]


class _City(NamedTuple):
    name: bytes
    streets: Sequence[str]


class Shop:
    """Pools drawn once per seed, as fragments of JSON."""

    def __init__(self, profile: Profile, seed: int) -> None:
        from faker import Faker  # noqa: PLC0415 - 0.1 s, for those who make up orders

        fake = Faker(LOCALE)
        fake.seed_instance(seed)
        products = _products(profile.catalogue, fake, seed)
        self.products: Sequence[Product] = slots(products, zipf(len(products), profile.catalogue.zipf))
        self.customer = heavy_tail(profile.customers.pool, profile.customers.regulars)
        self._cities = _cities(profile, fake)
        self._home_of = keyed(f"{seed}:home")

    def home(self, customer: int) -> tuple[bytes, bytes]:
        """Address and city of this customer, as JSON."""
        place, street, house, *_ = self._home_of(customer)
        city = self._cities[place >> 16]
        return to_json(f"{1 + house % HOUSES} {city.streets[street % len(city.streets)]}"), city.name


def _products(catalogue: Catalogue, fake: "Faker", seed: int) -> list[Product]:
    """Best sellers first, in random order."""
    categories = [category for category in catalogue.categories for _ in range(category.products)]
    products = [_product(catalogue, category, number, fake, seed) for number, category in enumerate(categories, 1)]
    ranked = keyed(f"{seed}:rank")
    return [products[index] for index in sorted(range(len(products)), key=ranked)]


def _product(catalogue: Catalogue, category: Category, number: int, fake: "Faker", seed: int) -> Product:
    euros, cents, *_ = keyed(f"{seed}:price")(number)
    whole = category.lowest + euros % (category.highest - category.lowest + 1)
    price = (whole * 100 + slots(list(catalogue.cents), catalogue.cents.values())[cents >> 16]) / 100
    name = to_json(f"{category.name} {fake.unique.last_name()}").decode()
    head = (
        f'        {{\n            "produit_id": "P{number:03}",\n            "nom": {name},\n            "quantite": '
    )
    tail = f',\n            "prix_unitaire": {price}\n        }}'
    weights = category.quantities or catalogue.quantities
    return Product([f"{head}{pieces}{tail}".encode() for pieces in range(1, len(weights) + 1)], _chosen(weights))


@cache
def _chosen(weights: tuple[float, ...]) -> Sequence[int]:
    return slots(range(len(weights)), weights)


def _cities(profile: Profile, fake: "Faker") -> list[_City]:
    weighted = list(chain.from_iterable(_of(country, fake) for country in profile.countries.values()))
    return slots([city for city, _ in weighted], [weight for _, weight in weighted])


def _of(country: Country, fake: "Faker") -> Iterator[tuple[_City, float]]:
    names = [*country.cities, *(fake.unique.city() for _ in range(country.towns))]
    streets = country.streets or tuple(fake.street_name() for _ in range(STREETS))
    weights = [1 / (rank + 2) for rank in range(len(names))]
    for name, weight in zip(names, weights, strict=True):
        yield _City(to_json(name), streets), country.weight * weight / sum(weights)
