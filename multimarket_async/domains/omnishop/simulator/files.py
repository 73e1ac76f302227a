"""Made-up files of each feed: a JSON list of a day, or of the whole catalogue; and what is bad about bad ones."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from multimarket_async.domains.omnishop.settings import OmniSettings
from multimarket_async.domains.omnishop.simulator.days import Days
from multimarket_async.domains.omnishop.simulator.orders import instant, written
from multimarket_async.domains.omnishop.simulator.shop import PLACES, Shop
from multimarket_async.domains.omnishop.simulator.traces import Record, Traces
from multimarket_async.simulation import Corruptions, Delivery, Simulate

Made = tuple[list[Record], str]  # records, and the labels of frauds among them


class Turn(NamedTuple):
    """A file of a feed: its number, the period that it may be of, and its day. now: of a live one."""

    days: Days
    number: int
    first: date
    day: date
    now: datetime | None


def _shop(seed: int, settings: OmniSettings) -> Days:
    return _days(seed, settings.shoppers, settings.campaign_every_days)


@lru_cache(maxsize=8)
def _days(seed: int, shoppers: int, every: int) -> Days:
    """The days of all feeds: they share them."""
    return Days(Shop(seed, shoppers, every))


class Simulator:
    """Files of one feed. Where both instants are the same, they are of what happens now."""

    share = peak = 1.0

    def __init__(self, feed: str, settings: OmniSettings) -> None:
        self._feed, self._settings = feed, settings
        self._zone: tzinfo = UTC if settings.timezone == "UTC" else ZoneInfo(settings.timezone)

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        """The file of this number: of the last day, and then a day back."""
        live = earliest == latest
        first, last = earliest.astimezone(UTC).date(), (latest.astimezone(UTC) - timedelta(microseconds=1)).date()
        day = last if live else last - timedelta(days=number % ((last - first).days + 1))
        turn = Turn(_shop(seed, self._settings), number, first, day, latest if live else None)
        records, labels = MAKERS[self._feed](turn)
        name = f"{self._feed.removeprefix('omni_')}-{day}-{number}.json"
        return Delivery(name, _json(records), fault=labels, records=len(records))

    def busyness(self, at: datetime) -> float:  # noqa: ARG002
        """The same at all times."""
        return 1.0

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """Inputs that determine a file, besides its feed, its number and its period."""
        return {"seed": seed, "shoppers": self._settings.shoppers}


def simulated(feed: str, settings: OmniSettings) -> Simulate:
    """The simulator of a feed."""
    return Simulator(feed, settings)


def _json(records: list[Record]) -> bytes:
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    return ("[" + ",\n".join(lines) + "]\n").encode()


def _products(turn: Turn) -> Made:
    names = ("id", "name", "category", "price_minor")
    renamed = ({name: getattr(product, name) for name in names} for product in turn.days.shop.products)
    return [{"product": record.pop("id"), **record} for record in renamed], ""


def _clients(turn: Turn) -> Made:
    """Everybody who was a client in the period."""
    found = {}
    for slot in range(turn.days.shop.clients):
        day = turn.day
        while (client := turn.days.shop.client(slot, day)).joined >= turn.first and client.joined <= day:
            found[client.id] = client
            day = client.joined - timedelta(days=1)
        if client.joined <= turn.day and client.gone > turn.first:
            found[client.id] = client
    fields = ("id", "name", "city", "store", "loyal", "joined")
    rows = ({name: getattr(client, name) for name in fields} for client in found.values())
    return [{"client": row.pop("id"), **row, "joined": f"{row['joined']}"} for row in rows], ""


def _promotions(turn: Turn) -> Made:
    return [
        {
            "campaign": each.id, "category": each.category, "channel": each.channel, "starts": f"{each.starts}",
            "ends": f"{each.ends}", "discount": each.discount, "cost_minor": each.cost_minor, "audience": "everybody",
        }
        for each in turn.days.shop.campaigns(turn.first, turn.day + timedelta(days=14))
    ], ""  # fmt: skip


def _orders(turn: Turn) -> Made:
    """The orders of a day; now, the next one of the day, so that what is hidden among them stays in order."""
    day, products = turn.days[turn.day], turn.days.shop.products
    if turn.now is None:
        return [written(order, products) for order in day.orders], "+".join(sorted(set(day.frauds.values())))
    if not day.orders:
        return [], ""
    order = day.orders[turn.number % len(day.orders)]
    record = {**written(order, products), "order": f"{order.id}-{turn.number}", "at": _now(turn.now)}
    return [record], day.frauds.get(order.id, "")


def _events(turn: Turn) -> Made:
    records = Traces(turn.days).events(turn.day)
    if turn.now is None or not records:
        return records, ""
    record = records[turn.number % len(records)]
    return [{**record, "event": f"{record['event']}-{turn.number}", "at": _now(turn.now)}], ""


def _now(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _past(turn: Turn) -> Turn:
    """The day before, where today is not over."""
    return turn if turn.now is None else turn._replace(day=turn.day - timedelta(days=1))


def _stock(turn: Turn) -> Made:
    """Each shelf in the evening."""
    turn = _past(turn)
    day, products = turn.days[turn.day], turn.days.shop.products
    sold = dict.fromkeys(day.stock, 0)
    for order in day.orders:
        for line in order.lines if order.kind == "sale" else ():
            sold[order.source, line.product] += line.quantity
    return [
        {
            "place": place, "product": products[number].id, "day": f"{turn.day}", "stock": day.stock[place, number],
            "received": day.received.get((place, number), 0), "sold": sold[place, number],
        }
        for place in PLACES
        for number in range(len(products))
    ], ""  # fmt: skip


def _social(turn: Turn) -> Made:
    turn = _past(turn)
    return Traces(turn.days).social(turn.day), ""


def _sensors(turn: Turn) -> Made:
    turn = _past(turn)
    return Traces(turn.days).sensors(turn.day), ""


def _truth(turn: Turn) -> Made:
    """Facts that are known later elsewhere: frauds, who has left, the effect of campaigns, and sales that were lost."""
    turn = _past(turn)
    day, shop = turn.days[turn.day], turn.days.shop
    clients = {order.id: order.client for order in day.orders}
    gone = [shop.client(slot, turn.day - timedelta(days=1)) for slot in range(shop.clients)]
    records = [
        *(("fraud", order, clients[order], pattern, 1.0) for order, pattern in day.frauds.items()),
        *(("gone", client.id, client.id, "", 1.0) for client in gone if client.gone == turn.day),
        *(
            ("uplift", campaign.id, None, "", campaign.uplift)
            for campaign in shop.campaigns(turn.day, turn.day)
            if campaign.ends == turn.day
        ),
        *(
            ("lost", f"{place}/{shop.products[number].id}/{turn.day}", None, "", float(units))
            for (place, number), units in day.lost.items()
            if units
        ),
    ]
    names = ("kind", "key", "client", "label", "value", "at")
    at = instant(turn.day, 86_399)
    return [dict(zip(names, (*record, at), strict=True)) for record in records], ""


MAKERS: Mapping[str, Callable[[Turn], Made]] = {
    "omni_products": _products,
    "omni_clients": _clients,
    "omni_promotions": _promotions,
    "omni_orders": _orders,
    "omni_events": _events,
    "omni_stock": _stock,
    "omni_social": _social,
    "omni_sensors": _sensors,
    "omni_truth": _truth,
}
INVALID: Mapping[str, Callable[[bytes], tuple[bytes, str]]] = {
    "empty": lambda _: (b"", "empty_file"),
    "latin-1": lambda content: (b"\xe9" + content, "not_utf8"),
}


def corruptions() -> Corruptions:
    """Bad files, of any of the feeds."""
    return Corruptions(INVALID, lambda content: content)
