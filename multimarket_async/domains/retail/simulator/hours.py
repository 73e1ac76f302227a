"""The days of a simulated store: its visitors and tickets by hour, and the lines of its tickets."""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any, NamedTuple

from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.simulator.chain import Chain, Place, identifier, one_of
from multimarket_async.simulation import between, keyed

HOURS, MINUTES = 24, 60
MORNING, EVENING = 8, 20
SHARES = (0.05, 0.35), (0.20, 0.80), (0.05, 0.30)  # of the capacity: before 8 h, until 19 h, from 20 h on
BUYING = 0.2, 0.6  # of the visitors
TICKETS = 0.4  # where tickets are drawn independently of visitors
SATURDAY, BUSIER, BUYING_MORE = 5, 1.25, 1.15
MOST_LINES, MOST_PIECES = 5, 5
TOO_MANY = 10_000, 50_000
NO_VISITORS, NO_SALES = 0.4, 0.67  # of the faults; the others are too many visitors


class Hour(NamedTuple):
    """An hour as it was, and as the counter says it was. fault: they differ."""

    hour: int
    visitors: int
    tickets: int
    says_visitors: int | None
    says_tickets: int | None
    fault: bool


class StoreDay:
    """A store on a date. until_minute: of the day, exclusive: later tickets are not sold yet."""

    def __init__(self, chain: Chain, store: Place, day: date, settings: RetailSettings) -> None:
        self._chain, self._store, self._day, self._settings = chain, store, day, settings
        self._weekend = day.weekday() >= SATURDAY

    def hours(self, until_minute: int = HOURS * MINUTES) -> list[Hour]:
        """All 24, those that are closed without visitors; of the one that goes on, a part."""
        return [self._part(self._hour(hour), until_minute - hour * MINUTES) for hour in range(HOURS)]

    def _hour(self, hour: int) -> Hour:
        if not self._store.opening <= hour < self._store.closing:
            return Hour(hour, 0, 0, 0, 0, fault=False)
        rng = keyed(self._chain.seed, self._store.id, self._day, hour)
        visitors = int(self._drawn(rng, hour) * (BUSIER if self._weekend else 1))
        bought = TICKETS * self._drawn(rng, hour) if self._settings.oversold else visitors * between(rng, *BUYING)
        tickets = int(bought * (BUYING_MORE / BUSIER if self._weekend and not self._settings.oversold else 1))
        return _counted(rng, hour, visitors, tickets, self._settings.simulated_faults)

    def _drawn(self, rng: Random, hour: int) -> float:
        lowest, highest = SHARES[(hour >= MORNING) + (hour >= EVENING)]
        return self._store.capacity * between(rng, lowest, highest) * self._settings.simulated_share

    def _part(self, hour: Hour, minutes: int) -> Hour:
        if minutes >= MINUTES:
            return hour
        visitors = hour.visitors * max(minutes, 0) // MINUTES
        tickets = sum(1 for minute in self._minutes(hour) if minute < minutes)
        return Hour(hour.hour, visitors, tickets, visitors, tickets, fault=False)

    def _minutes(self, hour: Hour) -> list[int]:
        rng = keyed(self._chain.seed, self._store.id, self._day, hour.hour, "minutes")
        return sorted(int(rng.random() * MINUTES) for _ in range(hour.tickets))

    def footfall(self, until_minute: int = HOURS * MINUTES) -> tuple[list[dict[str, Any]], bool]:
        """The records, and True if a counter was at fault."""
        found = [hour for hour in self.hours(until_minute) if hour.hour * MINUTES < until_minute]
        same = {"store_id": self._store.id, "store_name": self._store.name, "date": f"{self._day}"}
        return [
            {**same, "hour": hour.hour, "visitors": hour.says_visitors, "sales": hour.says_tickets} for hour in found
        ], any(hour.fault for hour in found)

    def sales(self, from_minute: int = 0, until_minute: int = HOURS * MINUTES) -> Iterator[dict[str, Any]]:
        """The lines of the tickets of these minutes."""
        for hour in range(from_minute // MINUTES, min(HOURS, -(-until_minute // MINUTES))):
            counted = self._hour(hour)
            for number, minute in enumerate(self._minutes(counted)):
                if from_minute <= hour * MINUTES + minute < until_minute:
                    yield from self._ticket(hour, minute, number)

    def _ticket(self, hour: int, minute: int, number: int) -> Iterator[dict[str, Any]]:
        rng = keyed(self._chain.seed, self._store.id, self._day, hour, number)
        products = {product["id"]: product for product in self._basket(rng)}
        ticket = {"sale_id": identifier(self._chain.seed, self._store.id, self._day, hour, number)}
        client = self._chain.client_id(int(rng.random() * self._chain.clients))
        time = f"{hour:02}:{minute:02}:{int(rng.random() * 60):02}"
        for product in products.values():
            quantity = 1 + int(rng.random() * MOST_PIECES)
            yield {
                **ticket, "nb_type_product": len(products), "product_id": product["id"], "client_id": client,
                "store_id": self._store.id, "quantity": quantity, "sale_amount": round(product["price"] * quantity, 2),
                "sale_date": f"{self._day}", "sale_time": time,
            }  # fmt: skip

    def _basket(self, rng: Random) -> list[dict[str, Any]]:
        return [one_of(rng, self._chain.products) for _ in range(1 + int(rng.random() * MOST_LINES))]


def _counted(rng: Random, hour: int, visitors: int, tickets: int, faults: float) -> Hour:
    """The hour as its counter says."""
    chance, kind = rng.random(), rng.random()
    if chance >= faults:
        return Hour(hour, visitors, tickets, visitors, tickets, fault=False)
    says_visitors = None if kind < NO_VISITORS else visitors if kind < NO_SALES else int(between(rng, *TOO_MANY))
    return Hour(hour, visitors, tickets, says_visitors, None if NO_VISITORS <= kind < NO_SALES else tickets, fault=True)
