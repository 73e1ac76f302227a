"""A chain whose numbers are known: each store shows something else, and its files come in every form, out of order."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest

from multimarket_async.domains.retail import RETAIL
from multimarket_async.proving.trial import Arrival, Outcome, on_trial

NOON = 12
Record = dict[str, Any]


def hour(store: str, day: str, visitors: int | None, sales: int | None, at: int = NOON) -> Record:
    return {"store_id": store, "store_name": f"Name of {store}", "date": day, "hour": at,
            "visitors": visitors, "sales": sales}  # fmt: skip


def line(  # noqa: PLR0917
    store: str, day: str, amount: float, product: str = "p1", quantity: int = 1, ticket: str = "1"
) -> Record:
    return {"sale_id": f"{store}-{day}-{ticket}", "nb_type_product": 1, "product_id": product, "client_id": "c1",
            "store_id": store, "quantity": quantity, "sale_amount": amount, "sale_date": day,
            "sale_time": "12:30:00"}  # fmt: skip


def product(number: str, name: str, cost: float, since: str) -> Record:
    return {"id": number, "name": name, "category": "Mode", "price": 9.99, "cost": cost, "since": since}


STORES = [
    {"id": store, "name": store.capitalize(), "location": "Lyon", "capacity": 100, "opening_hour": opening,
     "closing_hour": "20"}
    for store, opening in (("vectors", "7"), ("weeks", 9))
]  # fmt: skip
FIRST_LIST = [product("p1", "Bureau", 5.00, "2026-02-01"), product("p2", "Anneau", 2.00, "2026-02-01")]
SECOND_LIST = [product("p1", "Bureau", 6.00, "2026-03-10")]
CLIENTS = [
    {"id": "c1", "name": "Ines Petit", "age": 40, "gender": "Femme", "loyalty_card": True, "city": "Lyon"},
    {"id": "c2", "name": "Hugo Roux", "age": 500, "gender": "Homme", "loyalty_card": False, "city": "Lyon"},
]
MONDAYS = "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"
FOOTFALL = [
    hour("vectors", MONDAYS[0], 100, 10),
    *(hour("weeks", day, visitors, 5) for day, visitors in zip(MONDAYS, (10, 20, 30, 40), strict=True)),
    *(hour("imputed", MONDAYS[0], visitors, sales, at) for at, (visitors, sales) in
      enumerate(((100, 40), (200, 80), (20_000, 60), (None, 10), (None, None)))),
    *(hour("tied", MONDAYS[0], visitors, sales, at) for at, visitors, sales in ((9, 50, 1), (15, 20, 9), (16, 50, 9))),
    hour("empty", MONDAYS[0], 0, 0),
    hour("uneven", "2026-02-27", 10, 1), hour("uneven", "2026-03-03", 10, 1), hour("uneven", "2026-03-04", 90, 1),
    hour("priced", MONDAYS[0], 10, 1), hour("priced", MONDAYS[2], 10, 1),
]  # fmt: skip
SALES = [
    *(line("vectors", MONDAYS[0], 100.00, ticket=str(number)) for number in range(10)),
    line("tied", MONDAYS[0], 9.99, "p1", 3), line("tied", MONDAYS[0], 4.99, "p2", 3),
    line("uneven", "2026-02-27", 50.00), line("uneven", "2026-03-03", 100.00), line("uneven", "2026-03-04", 100.00),
    line("priced", MONDAYS[0], 20.00, quantity=2), line("priced", MONDAYS[2], 20.00, quantity=2),
    line("priced", MONDAYS[2], 7.00, "nobody's", ticket="2"),
]  # fmt: skip
LATE = [line("vectors", MONDAYS[0], 50.00, ticket="late")]


def as_json(*records: Record) -> bytes:
    return json.dumps(records, indent=1).encode()


def as_lines(*records: Record) -> bytes:
    """The second line is broken, the third one an error of the API."""
    lines = [json.dumps(record) for record in records]
    return "\n".join([lines[0], '{"sale_id": ', '{"error": "No sales found"}', *lines[1:]]).encode() + b"\n"


def as_csv(*records: Record) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


# By feed, in the order in which they were written.
FILES: list[tuple[str, str, bytes]] = [
    ("retail_stores", "stores.json", as_json(*STORES)),
    ("retail_products", "first.json", as_json(*FIRST_LIST)),
    ("retail_products", "second.json", as_json(*SECOND_LIST)),
    ("retail_clients", "clients.json", as_json(*CLIENTS)),
    ("retail_footfall", "retail_data.csv", as_csv(*FOOTFALL[::-1])),
    ("retail_footfall", "retail_data.json", as_json(hour("vectors", "2026-03-02", 99, 9, 25))),
    ("retail_sales", "sales.ndjson", as_lines(*SALES[3:])),
    ("retail_sales", "sales.json", as_json(*SALES[:5])),
    ("retail_sales", "nothing.json", b'[{"error": "No sales found"}]'),
    ("retail_sales", "late.csv", as_csv(*LATE)),
]


@pytest.fixture(scope="session")
def outcome(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The chain, collected and measured in three parts."""
    loaded = RETAIL.declare(RETAIL.settings.model_validate({}))
    feeds = {feed.name: feed for feed in loaded.feeds}
    load = [
        Arrival(feeds[feed], name, content, 1_775_000_000 + number)
        for number, (feed, name, content) in enumerate(FILES)
    ]

    async def run() -> Outcome:
        async with on_trial(loaded, mongo_uri, tmp_path_factory.mktemp("retail")) as trial:
            await trial.collect_in_parts(load)
            return await trial.outcome(load)

    return asyncio.run(run())
