"""Visits of the site, counts of the stores, and what clients write: all else that a day leaves."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from multimarket_async.domains.omnishop.simulator.days import Days
from multimarket_async.domains.omnishop.simulator.orders import Order, instant
from multimarket_async.domains.omnishop.simulator.shop import STORES, WEB, Client, chosen, count, digest
from multimarket_async.simulation import between, keyed

Record = dict[str, Any]
BROWSING = 1.5  # visits without an order, by order
LEAVING_DAYS, FADED = 15, 0.3  # who is about to leave comes less often
REVIEWED, REVIEW_DAYS, ANNOYED, ANGRY_DAYS = 0.07, 4, 1.5, 25
GOOD = ("Très satisfait, je recommande.", "Parfait, livraison rapide.", "Bon rapport qualité-prix.")
FAIR = ("Correct, sans plus.", "Conforme à la description.", "Moyen mais utile.")
BAD = ("Déçu, je ne rachèterai pas.", "Mauvaise qualité.", "Arrivé cassé, service client injoignable.")
MENTIONS = ("J'adore @omnishop ce matin !", "Longue attente chez @omnishop", "Belle vitrine @omnishop #shopping")


class Traces:
    """The traces of each day of a shop."""

    def __init__(self, days: Days) -> None:
        self._days, self._shop = days, days.shop

    def events(self, day: date) -> list[Record]:
        """Visits of the site, with and without an order."""
        rng = keyed(self._shop.seed, "events", day)
        clients = {client.id: client for client in self._shop.active(day)}
        records = [
            record
            for order in self._days[day].orders
            if order.channel == WEB and order.kind == "sale" and order.client in clients
            for record in self._buying(rng, clients[order.client], order)
        ]
        busy = self._shop.busyness(day)[WEB]
        for client in clients.values():
            faded = FADED if client.gone - day < timedelta(days=LEAVING_DAYS) else 1
            if rng.random() < client.rate * busy * BROWSING * faded:
                records += self._browsing(rng, client, day)
        return records

    def _buying(self, rng: Random, client: Client, order: Order) -> Iterator[Record]:
        bought = [line.product for line in order.lines]
        looked_at = [*bought, *(self._shop.drawn(rng, client) for _ in range(int(3 * rng.random())))]
        steps = [*(("view", p) for p in looked_at), *(("basket", p) for p in bought), ("purchase", None)]
        begins = order.second - 30 * len(steps)
        for number, (kind, product) in enumerate(steps, 1):
            yield self._event(
                (f"{order.id}-{number}", kind, instant(order.day, begins + 30 * number)), client, product, order.id
            )

    def _browsing(self, rng: Random, client: Client, day: date) -> Iterator[Record]:
        begins, session = int(between(rng, 7, 22) * 3600), digest(client.id, day)
        looked_at = [self._shop.drawn(rng, client) for _ in range(1 + int(4 * rng.random()))]
        kinds = ["search", *("view" for _ in looked_at[1:]), *(["basket"] if rng.random() < 0.2 else [])]  # noqa: PLR2004
        for number, kind in enumerate(kinds, 1):
            product = looked_at[min(number, len(looked_at)) - 1]
            yield self._event((f"{session}-{number}", kind, instant(day, begins + 40 * number)), client, product)

    def _event(self, step: tuple[str, str, str], client: Client, product: int | None, order: str = "") -> Record:
        """A step: its number in a session, its kind and its instant."""
        number, kind, at = step
        item = self._shop.products[product] if product is not None else None
        return {
            "event": f"E{number}", "session": f"V{number.partition('-')[0]}", "client": client.id, "at": at,
            "kind": kind, "product": item.id if item and kind != "search" else None,
            "query": item.category if item and kind == "search" else None,
            "order": order if kind == "purchase" else None,
        }  # fmt: skip

    def sensors(self, day: date) -> list[Record]:
        """Visitors and the wait at the tills, by store and hour."""
        served = Counter((order.place, order.second // 3600) for order in self._days[day].orders)
        rng = keyed(self._shop.seed, "sensors", day)
        return [
            {
                "store": store, "at": instant(day, hour * 3600),
                "visitors": tills + count(rng, 8 + 3 * tills), "queue_s": int(20 + 35 * tills * between(rng, 0.6, 1.4)),
            }
            for store in STORES
            for hour in range(9, 20)
            for tills in (served[store, hour],)
        ]  # fmt: skip

    def social(self, day: date) -> list[Record]:
        """Reviews of what was bought some days ago, and mentions by anybody."""
        rng, bought_on = keyed(self._shop.seed, "social", day), day - timedelta(days=REVIEW_DAYS)
        clients = {client.id: client for client in self._shop.active(day)}
        reviews = [
            self._review(rng, clients[order.client], order, line.product, day)
            for order in self._days[bought_on].orders
            for line in order.lines
            if order.kind == "sale" and order.client in clients and rng.random() < REVIEWED
        ]
        mentions = range(1 + int(2 * rng.random()))
        return [*reviews, *(self._mention(rng, day, number) for number in mentions)]

    def _review(self, rng: Random, client: Client, order: Order, product: int, day: date) -> Record:
        item = self._shop.products[product]
        angry = ANNOYED if client.gone - day < timedelta(days=ANGRY_DAYS) else 0
        stars = min(5, max(1, round(item.quality - angry + between(rng, -1.3, 1.3))))
        return {
            "post": f"P{order.id}-{item.id}", "at": instant(day, int(between(rng, 8, 22) * 3600)), "kind": "review",
            "client": client.id, "product": item.id, "stars": stars, "text": chosen(rng, _texts(stars)),
        }  # fmt: skip

    def _mention(self, rng: Random, day: date, number: int) -> Record:
        return {
            "post": f"M{digest(self._shop.seed, day, number)}", "at": instant(day, int(between(rng, 8, 22) * 3600)),
            "kind": "mention", "client": None, "product": None, "stars": None, "text": chosen(rng, MENTIONS),
        }  # fmt: skip


def _texts(stars: int) -> Sequence[str]:
    return GOOD if stars > 3 else FAIR if stars == 3 else BAD  # noqa: PLR2004
