"""Made-up orders, seeded: order `number` of a channel is always the same order."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from faker import Faker
from pydantic_core import to_json

from multimarket_async.domains import Delivery
from multimarket_async.domains.orders.rules import OrderSettings

Draw: TypeAlias = Callable[[], float]  # a number in [0, 1)
T = TypeVar("T")

NUMBERS_PER_SEED = 10**9
CLIENTS = 2000
CANCELLED_SHARE = 0.2
DELIVERED_SHARE = 0.65  # where a channel leaves it open; 35 % of real mobile orders were click-and-collect
LINES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 5)
QUANTITIES = (1, 1, 1, 1, 1, 2, 2, 3, 4, 5)
BRANDS_PER_KIND = 4
ENDINGS_CENTS = (0, 50, 90, 95, 99)

# What is sold, with its lowest and highest price in whole euros.
KINDS = {
    "Ordinateur portable": (449, 1499),
    "Smartphone": (149, 1199),
    "Téléviseur": (199, 1299),
    "Vélo de ville": (189, 899),
    "Canapé": (299, 1399),
    "Aspirateur": (59, 399),
    "Machine à café": (49, 599),
    "Casque audio": (19, 299),
    "Montre": (29, 349),
    "Table basse": (39, 249),
    "Chaise de bureau": (49, 279),
    "Couette": (25, 149),
    "Lampe de chevet": (12, 79),
    "Poêle": (14, 69),
    "Chaussures de sport": (29, 159),
    "Veste": (35, 219),
    "Jean": (19, 99),
    "Sac à dos": (15, 119),
    "Foulard": (8, 59),
    "Jeu de société": (9, 49),
    "Parfum": (24, 129),
    "Huile d'olive": (5, 24),
    "Thé à la menthe": (4, 12),
    "Café en grains": (4, 22),
}
MOROCCAN_CITIES = (
    "Casablanca",
    "Rabat",
    "Marrakech",
    "Fès",
    "Tanger",
    "Agadir",
    "Meknès",
    "Oujda",
    "Kénitra",
    "Tétouan",
)
FRENCH_CITIES = 40


@dataclass(frozen=True, slots=True)
class Product:
    """One article of the catalogue; its price never changes."""

    produit_id: str
    nom: str
    prix_unitaire: float


@dataclass(frozen=True, slots=True)
class Shop:
    """What the orders of one seed have in common: the articles, best sellers first, and where each client lives."""

    catalogue: tuple[Product, ...]
    homes: tuple[dict[str, str], ...]


def simulate(
    canal: str, seed: int, number: int, earliest: datetime, latest: datetime, *, settings: OrderSettings
) -> Delivery:
    """Order `number` of this channel under this seed, dated between the two instants."""
    draw = _draws(f"{seed}:{canal}:{number}")
    shop = shop_of(seed)
    client = int(draw() * CLIENTS)
    order: dict[str, Any] = {
        "order_id": seed * NUMBERS_PER_SEED + number + 1,
        "client_id": client + 1,
        "produits": _lines(draw, shop.catalogue),
        "date_commande": _date(draw, earliest, latest, settings.timezone),
        "canal": canal,
        "statut_commande": _status(draw, settings),
    }
    if _is_delivered(draw, canal, settings):
        order["livraison"] = shop.homes[client]
    return Delivery(f"{order['order_id']}.json", to_json(order, indent=4))


@cache
def shop_of(seed: int) -> Shop:
    """The shop of this seed; building it takes a moment, once."""
    fake = Faker("fr_FR")
    fake.seed_instance(seed)
    draw = _draws(f"{seed}:shop")
    return Shop(_catalogue(draw, fake), _homes(draw, fake))


def _draws(key: str) -> Draw:
    # A generator per order, so that no order depends on another. A text seeds it through SHA-512: neighbours share
    # nothing, and PYTHONHASHSEED plays no part. Only random() is promised to stay the same across Python versions.
    return Random(key).random  # noqa: S311 (made-up orders guard no secret)


def _pick(draw: Draw, pool: Sequence[T]) -> T:
    return pool[int(draw() * len(pool))]


def _pick_early(draw: Draw, pool: Sequence[T]) -> T:
    """One of the pool, the first ones more often than the last ones."""
    return pool[int(min(draw(), draw()) * len(pool))]


def _catalogue(draw: Draw, fake: Faker) -> tuple[Product, ...]:
    names = [f"{kind} {fake.unique.last_name()}" for kind in KINDS for _ in range(BRANDS_PER_KIND)]
    prices = [_price(draw, *limits) for limits in KINDS.values() for _ in range(BRANDS_PER_KIND)]
    products = [Product(f"P{i:03}", nom, prix) for i, (nom, prix) in enumerate(zip(names, prices, strict=True), 1)]
    return tuple(sorted(products, key=lambda _: draw()))


def _price(draw: Draw, lowest: int, highest: int) -> float:
    euros = lowest + int(draw() * (highest - lowest + 1))
    return (euros * 100 + _pick(draw, ENDINGS_CENTS)) / 100


def _homes(draw: Draw, fake: Faker) -> tuple[dict[str, str], ...]:
    cities = (*MOROCCAN_CITIES, *(fake.unique.city() for _ in range(FRENCH_CITIES)))
    return tuple({"adresse": fake.street_address(), "ville": _pick_early(draw, cities)} for _ in range(CLIENTS))


def _lines(draw: Draw, catalogue: Sequence[Product]) -> list[dict[str, Any]]:
    # A product drawn twice is one line, as in a basket.
    chosen = dict.fromkeys(_pick_early(draw, catalogue) for _ in range(_pick(draw, LINES)))
    return [_line(product, _pick(draw, QUANTITIES)) for product in chosen]


def _line(product: Product, quantity: int) -> dict[str, Any]:
    return {
        "produit_id": product.produit_id,
        "nom": product.nom,
        "quantite": quantity,
        "prix_unitaire": product.prix_unitaire,
    }


def _date(draw: Draw, earliest: datetime, latest: datetime, timezone: str) -> str:
    """A whole second between the two, or the last one before `latest` where none lies between."""
    first, last = math.ceil(earliest.timestamp()), math.floor(latest.timestamp())
    second = min(last, first + int(draw() * (last - first + 1)))
    return datetime.fromtimestamp(second, ZoneInfo(timezone)).replace(tzinfo=None).isoformat()


def _status(draw: Draw, settings: OrderSettings) -> str:
    cancelled = tuple(status for status in settings.order_statuses if status in settings.cancelled_statuses)
    standing = tuple(status for status in settings.order_statuses if status not in cancelled)
    wanted, other = (cancelled, standing) if draw() < CANCELLED_SHARE else (standing, cancelled)
    return _pick_early(draw, wanted or other)


def _is_delivered(draw: Draw, canal: str, settings: OrderSettings) -> bool:
    if canal in settings.delivery_required or canal in settings.delivery_forbidden:
        return canal in settings.delivery_required
    return draw() < DELIVERED_SHARE
