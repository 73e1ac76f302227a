"""Made-up files of each feed, as JSON lists, NDJSON and CSV; and what is bad about bad ones."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.simulator.chain import Chain, Place
from multimarket_async.domains.retail.simulator.hours import HOURS, MINUTES, StoreDay
from multimarket_async.simulation import Corruptions, Delivery, Simulate

COUNTER = "counter"  # the label of a file with hours whose counter was at fault
OVERLAP_MINUTES = 10  # of live files: the end of an hour is not lost
FORMS = (".json", ".json", ".json", ".ndjson", ".csv")  # by store


class Turn(NamedTuple):
    """A file of a feed: its number, and the days that it may be of. minute: of the last day, that has passed."""

    chain: Chain
    number: int
    first: date
    last: date
    minute: int

    @property
    def is_live(self) -> bool:
        """Of the hour that goes on."""
        return self.minute < HOURS * MINUTES

    @property
    def place(self) -> int:
        """The number of a store: files go from store to store, and then a day back."""
        return self.number % len(self.chain.stores)

    @property
    def store(self) -> Place:
        """The store."""
        return self.chain.stores[self.place]

    @property
    def day(self) -> date:
        """The date."""
        days = (self.last - self.first).days + 1
        return self.last - timedelta(days=self.number // len(self.chain.stores) % days)


Made = tuple[list[dict[str, Any]], str, str]  # records, name of the file, label of a fault


class Simulator:
    """Files of one feed. Where both instants are the same, they are of the hour that goes on."""

    share = peak = 1.0

    def __init__(self, settings: RetailSettings, make: Callable[[Turn, RetailSettings], Made]) -> None:
        self._settings, self._make = settings, make
        self._chain = lru_cache(maxsize=4)(self._of_seed)
        self._zone: tzinfo = UTC if settings.timezone == "UTC" else ZoneInfo(settings.timezone)

    def _of_seed(self, seed: int) -> Chain:
        return Chain(seed, self._settings.simulated_stores, self._settings.simulated_clients)

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        """The file of this number."""
        live = earliest == latest
        now = latest.astimezone(self._zone)
        last = now.date() if live else (now - timedelta(microseconds=1)).date()
        minute = now.hour * MINUTES + now.minute if live else HOURS * MINUTES
        turn = Turn(self._chain(seed), number, earliest.astimezone(self._zone).date(), last, minute)
        records, name, fault = self._make(turn, self._settings)
        return Delivery(name, _written(records, name), fault=fault, records=len(records))

    def busyness(self, at: datetime) -> float:  # noqa: ARG002
        """The same at all times."""
        return 1.0

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """Inputs that determine a file, besides its feed, its number and its period."""
        fields = ("simulated_stores", "simulated_clients", "simulated_share", "simulated_faults", "oversold")
        chosen = {name.removeprefix("simulated_"): getattr(self._settings, name) for name in fields}
        return {"seed": seed, **chosen}


def lists(chain: Chain, feed: str) -> list[dict[str, Any]]:
    """All stores, clients or products of a chain."""
    if feed == "retail_stores":
        return [_store(store) for store in chain.stores]
    return [chain.client(number) for number in range(chain.clients)] if feed == "retail_clients" else chain.products


def _store(store: Place) -> dict[str, Any]:
    return {
        "id": store.id, "name": store.name, "location": store.location, "capacity": store.capacity,
        "opening_hour": f"{store.opening}", "closing_hour": f"{store.closing}",
    }  # fmt: skip


def _stores(turn: Turn, _: RetailSettings) -> Made:
    return lists(turn.chain, "retail_stores"), f"stores-{turn.number}.json", ""


def _products(turn: Turn, _: RetailSettings) -> Made:
    """Each further list costs more, from a later day of the period on."""
    days = (turn.last - turn.first).days + 1
    since = turn.first + timedelta(days=turn.number * days // 2 % days)
    rows = [{**product, "since": f"{since}"} for product in turn.chain.price_list(turn.number)]
    return rows, f"products-{turn.number}.json", ""


def _clients(turn: Turn, _: RetailSettings) -> Made:
    return lists(turn.chain, "retail_clients"), f"clients-{turn.number}.json", ""


def _footfall(turn: Turn, settings: RetailSettings) -> Made:
    rows, fault = StoreDay(turn.chain, turn.store, turn.day, settings).footfall(turn.minute)
    return rows, _name("retail_data", turn, rows), COUNTER if fault else ""


def _sales(turn: Turn, settings: RetailSettings) -> Made:
    begins = max(0, turn.minute - OVERLAP_MINUTES) // MINUTES * MINUTES if turn.is_live else 0
    rows = list(StoreDay(turn.chain, turn.store, turn.day, settings).sales(begins, turn.minute))
    return rows, _name("sales", turn, rows), ""


def _name(kind: str, turn: Turn, rows: Sequence[Any]) -> str:
    """Of a file without records, JSON: the others would be empty."""
    form = FORMS[turn.place % len(FORMS)] if rows else FORMS[0]
    live = f"-{turn.number}" if turn.is_live else ""
    return f"{kind}_{turn.day}_{turn.place + 1}{live}{form}"


MAKERS: Mapping[str, Callable[[Turn, RetailSettings], Made]] = {
    "retail_stores": _stores,
    "retail_products": _products,
    "retail_clients": _clients,
    "retail_footfall": _footfall,
    "retail_sales": _sales,
}


def simulated(feed: str, settings: RetailSettings) -> Simulate:
    """The simulator of a feed."""
    return Simulator(settings, MAKERS[feed])


def _written(records: Sequence[dict[str, Any]], name: str) -> bytes:
    if name.endswith(".csv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue().encode()
    if name.endswith(".ndjson"):
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    return json.dumps(records, ensure_ascii=False, indent=1).encode()


INVALID: Mapping[str, Callable[[bytes], tuple[bytes, str]]] = {
    "empty": lambda _: (b"", "empty_file"),
    "latin-1": lambda content: (b"\xe9" + content, "not_utf8"),
}


def corruptions() -> Corruptions:
    """Bad files, of any of the feeds."""
    return Corruptions(INVALID, lambda content: content)
