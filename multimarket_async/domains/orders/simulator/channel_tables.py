"""Per-channel sampling tables: they map 32-bit random words to the fields of an order."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator.profile import Channel, Profile
from multimarket_async.domains.orders.simulator.sampling import SLOTS, slots
from multimarket_async.domains.orders.simulator.season import Season
from multimarket_async.errors import WrongSettings


class ChannelHabits:
    """The tables of one channel under a profile and the rules for orders. Raises WrongSettings.

    baskets: products in an order, and statuses, as JSON: 65,536 slots each.
    delivered: the number of orders with a delivery, of 65,536.
    """

    def __init__(self, profile: Profile, canal: str, rules: OrderSettings) -> None:
        if canal not in profile.channels:
            raise WrongSettings(f"The profile says nothing of the channel {canal}: it needs a [channels.{canal}].")
        channel = profile.channels[canal]
        self.share = channel.share
        self.name = to_json(canal)
        self.baskets: Sequence[int] = slots(range(1, len(channel.basket) + 1), channel.basket)
        self.statuses: Sequence[bytes] = _statuses(channel, rules)
        self.delivered = _delivered_share(channel, canal, rules) * SLOTS
        self.season = Season(profile, channel, ZoneInfo(rules.timezone))


def _statuses(channel: Channel, rules: OrderSettings) -> list[bytes]:
    cancelled = tuple(status for status in rules.order_statuses if status in rules.cancelled_statuses)
    standing = [status for status in rules.order_statuses if status not in cancelled]
    share = 0.0 if not cancelled else channel.cancelled if standing else 1.0
    weights = [*_falling(len(standing), 1 - share), *_falling(len(cancelled), share)]
    return slots([to_json(status) for status in (*standing, *cancelled)], weights)


def _falling(ranks: int, total: float) -> list[float]:
    """Weights that halve from rank to rank."""
    weights = [0.5**rank for rank in range(ranks)]
    return [total * weight / sum(weights) for weight in weights]


def _delivered_share(channel: Channel, canal: str, rules: OrderSettings) -> float:
    rule = rules.delivery(rules.contract(canal))
    return {"required": 1.0, "forbidden": 0.0, "either": 1 - channel.click_and_collect}[rule]
