"""The API of the text, served, polled, and compared with the files route; with every kind of its errors."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn

from multimarket_async.clock import Clock
from multimarket_async.domains import Row
from multimarket_async.domains.retail import RETAIL
from multimarket_async.domains.retail.api import service
from multimarket_async.poller import Outcome, Poller
from multimarket_async.proving.trial import Arrival, Trial, on_trial
from tests.poller.source import Asked, Reply, Source, serving

SMALL = {"simulated_stores": 2, "simulated_clients": 20, "simulated_share": 0.02, "late_days": 2}
ONE_DAY = timedelta(days=1)


async def polled(trial: Trial, clock: Clock | None = None) -> dict[str, Outcome]:
    """Ask each source once, and collect."""
    outcomes = {}
    for feed, landing in trial.feeds:
        outcomes[feed.name] = await Poller(feed, landing, trial.settings, clock or trial.clock).once()
    await trial.collect()
    return outcomes


def at_midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@asynccontextmanager
async def api(settings: Any, now: datetime) -> AsyncIterator[str]:
    """The service of the simulated chain, as it is at that time; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(service(1, settings, lambda: now), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def rows(trial: Trial) -> dict[str, list[Row]]:
    outcome = await trial.outcome([])
    assert outcome.report.differences == []
    return outcome.rows


@pytest.mark.slow
@pytest.mark.parametrize("page_rows", [0, 7])
async def test_the_polled_days_equal_the_files(mongo_uri: str, tmp_path: Path, page_rows: int) -> None:
    """Row by row, also page by page; asked twice nothing lands."""
    now = at_midnight()
    plain = RETAIL.settings.model_validate(SMALL)
    async with api(plain, now) as address:
        settings = {**SMALL, "api_url": address, "api_page_rows": page_rows}
        domain = RETAIL.declare(RETAIL.settings.model_validate(settings))
        async with on_trial(domain, mongo_uri, tmp_path / "polled") as trial:
            answered = await polled(trial)
            assert {outcome.how for outcome in answered.values()} == {"answered"}
            again = await polled(trial)
            assert {outcome.how for outcome in again.values()} == {"unchanged"}
            by_poll = await rows(trial)
            assert len([client async for client in trial.store.aggregate("retail_clients", [])]) == 20
    domain = RETAIL.declare(plain)
    load = [
        Arrival(feed, made.name, made.content, now.timestamp() + number)
        for feed in domain.feeds
        for number in range((feed.simulated_files and 1) or 4)
        if feed.simulate
        for made in [feed.simulate(1, number, now - 2 * ONE_DAY, now)]
    ]
    async with on_trial(domain, mongo_uri, tmp_path / "files") as trial:
        await trial.receive(load)
        await trial.collect()
        by_file = await rows(trial)
    assert by_poll["store_days"][:4] == by_file["store_days"]
    assert len(by_file["store_days"]) == 4


STORES = [{"id": number, "name": number, "location": "Lyon", "capacity": 9, "opening_hour": "7", "closing_hour": "20"}
          for number in ("a", "b")]  # fmt: skip
NOTHING = Reply(b'[{"error": "No sales found for store ID"}]')


def sale(store: str, day: str, ticket: str) -> dict[str, Any]:
    return {"sale_id": ticket, "nb_type_product": 1, "product_id": "p", "client_id": "c", "store_id": store,
            "quantity": 1, "sale_amount": 10.0, "sale_date": day, "sale_time": "12:00:00"}  # fmt: skip


class Shop:
    """A planned API: `sales` by (store, day); `broken` answers instead of a store's sales."""

    def __init__(self) -> None:
        self.sales: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.broken: Mapping[str, Reply] = {}

    def __call__(self, asked: Asked) -> Reply:
        address = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/stores":
            return Reply(json.dumps(STORES).encode())
        if address.path != "/sales":
            return Reply(b'{"error": "not here"}', 404)
        if query["store_id"] in self.broken:
            return self.broken[query["store_id"]]
        found = self.sales.get((query["store_id"], query["sale_date"]))
        return Reply(json.dumps(found).encode()) if found else NOTHING


@pytest.fixture
def source() -> Any:
    with serving() as source:
        yield source


async def sales_of(trial: Trial) -> tuple[Outcome, list[str]]:
    """The end of a poll of sales, and the tickets that are stored."""
    [(feed, landing)] = [parts for parts in trial.feeds if parts[0].name == "retail_sales"]
    settings = trial.settings.model_copy(update={"poll_tries": 1})
    outcome = await Poller(feed, landing, settings, trial.clock).once()
    await trial.collect()
    stored = [document["sale_id"] async for document in trial.store.aggregate("retail_sales", [{"$sort": {"_id": 1}}])]
    return outcome, stored


@pytest.mark.slow
async def test_late_data_are_looked_for_and_errors_are_errors(mongo_uri: str, tmp_path: Path, source: Source) -> None:
    """No error becomes a sale, and none of a store removes what is known of it; a processed day is asked for again."""
    shop, today = Shop(), f"{datetime.now(UTC):%Y-%m-%d}"
    yesterday = f"{datetime.now(UTC) - ONE_DAY:%Y-%m-%d}"
    source.answers(shop)
    domain = RETAIL.declare(RETAIL.settings.model_validate({**SMALL, "api_url": source.url}))
    async with on_trial(domain, mongo_uri, tmp_path) as trial:
        assert (await sales_of(trial))[0].how == "unchanged"  # nobody has sold anything
        shop.sales["a", yesterday] = [sale("a", yesterday, "1")]
        outcome, tickets = await sales_of(trial)
        assert (outcome.how, outcome.files, tickets) == ("answered", 1, ["1"])
        for broken in (
            Reply(b'[{"error": "Le fichier sales n\'existe pas."}]'),
            Reply(b'[{"error": "Error loading sales data."}]'),
            Reply(b"oops", 500),
            Reply(b"<html>", 200, {"Content-Type": "text/html"}),
            Reply(b'[{"sale_id": ', 200),
            Reply(b'{"error": "Date format is incorrect."}', 400),
        ):
            shop.broken = {"b": broken}
            outcome, tickets = await sales_of(trial)
            assert (outcome.how, tickets) == ("failed", ["1"]), broken
        shop.sales["a", yesterday].append(sale("a", yesterday, "2"))
        outcome, tickets = await sales_of(trial)  # what fails of one store keeps nothing of another
        assert (outcome.how, outcome.files, tickets) == ("failed", 1, ["1", "2"])
        shop.broken = {}
        shop.sales["b", today] = [sale("b", today, "3")]
        outcome, tickets = await sales_of(trial)
        assert (outcome.how, tickets) == ("answered", ["1", "2", "3"])
        assert {codes.total() for codes in trial.quarantined().values()} == {0}
