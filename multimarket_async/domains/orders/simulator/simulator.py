"""Made-up orders: order `number` of a channel under a seed and a profile is always the same bytes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256

from pydantic_core import to_json

from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator.channel_tables import ChannelHabits
from multimarket_async.domains.orders.simulator.profile import Profile, read_profile
from multimarket_async.domains.orders.simulator.sampling import Words, keyed
from multimarket_async.domains.orders.simulator.shop import FAKER_VERSION, Shop
from multimarket_async.simulation import Delivery

NUMBERS_PER_SEED = 10**9
FIRST_LINE = 6  # the words before it: customer, two of the date, status, delivery, basket
DECISIVE = {"timezone", "order_statuses", "cancelled_statuses", "delivery_required", "delivery_forbidden"}
LAYOUT = b"""{
    "order_id": %d,
    "client_id": %d,
    "produits": [
%b
    ],
    "date_commande": "%b",
    "canal": %b,
    "statut_commande": %b%b
}"""
DELIVERY = b""",
    "livraison": {
        "adresse": %b,
        "ville": %b
    }"""


class Simulator:
    """Orders of one channel. The profile is read for the first order, which may raise WrongSettings."""

    def __init__(self, canal: str, rules: OrderSettings) -> None:
        self._canal = canal
        self._rules = rules
        self._seeded = lru_cache(maxsize=4)(self._of_seed)

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        """The order of this number, dated between the two instants; nothing else in it depends on them."""
        shop, words_of = self._seeded(seed)
        words, habits = words_of(number), self._habits
        customer = shop.customer(words[0])
        order_id = seed * NUMBERS_PER_SEED + number + 1
        content = LAYOUT % (
            order_id,
            customer + 1,
            b",\n".join(_lines(shop, words[FIRST_LINE : FIRST_LINE + habits.baskets[words[5] >> 16]])),
            self._dates(earliest, latest)(words[1:3]).encode(),
            habits.name,
            habits.statuses[words[3] >> 16],
            DELIVERY % shop.home(customer) if words[4] >> 16 < habits.delivered else b"",
        )
        return Delivery(f"{order_id}.json", content)

    @property
    def share(self) -> float:
        """Weight of this channel among all channels."""
        return self._habits.share

    @property
    def peak(self) -> float:
        """The highest rate."""
        return self._habits.season.peak

    def busyness(self, at: datetime) -> float:
        """Rate of orders at that instant, relative to the mean hour of an ordinary week."""
        return self._habits.season.busyness(at)

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """Inputs that determine an order, besides its channel, its number and its period."""
        rules = self._rules.model_dump_json(include=DECISIVE).encode()
        return {
            "seed": seed,
            "profile": sha256(to_json(self._profile) + rules).hexdigest()[:12],
            "faker": FAKER_VERSION,
        }

    @cached_property
    def _profile(self) -> Profile:
        return read_profile(self._rules.profile)

    @cached_property
    def _habits(self) -> ChannelHabits:
        return _habits(to_json(self._profile), self._canal, self._rules.model_dump_json())

    @cached_property
    def _dates(self) -> Callable[[datetime, datetime], Callable[[Words], str]]:
        return lru_cache(maxsize=4)(self._habits.season.dates)

    def _of_seed(self, seed: int) -> tuple[Shop, Callable[[int], Words]]:
        return _shop(to_json(self._profile), seed), keyed(f"{seed}:{self._canal}")


@lru_cache(maxsize=4)
def _shop(profile: bytes, seed: int) -> Shop:
    """The shop of all channels: they share products and customers."""
    return Shop(Profile.model_validate_json(profile), seed)


@lru_cache(maxsize=16)
def _habits(profile: bytes, canal: str, rules: str) -> ChannelHabits:
    return ChannelHabits(Profile.model_validate_json(profile), canal, OrderSettings.model_validate_json(rules))


def _lines(shop: Shop, words: Words) -> Iterable[bytes]:
    # A product drawn twice is one line, as in a basket.
    drawn = ((shop.products[word >> 16], word & 0xFFFF) for word in words)
    return {id(product): product.lines[product.chosen[slot]] for product, slot in drawn}.values()
