"""All KPIs of a generation of orders describe the same orders, while orders are stored at full speed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.domains import LoadedDomain, Row
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Encoded, Filling, Partitions, Store, encode

pytestmark = pytest.mark.slow

SETTINGS = OrderSettings(delivery_required=())
SUBJECT = LoadedDomain("orders", (), ORDERS.declare(SETTINGS).kpis)
SIMULATE = Simulator("web", SETTINGS)
EARLIEST, LATEST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)


@pytest.fixture
async def store(mongo_uri: str, database: Database[Any]) -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def order(number: int, partition: str) -> Encoded:
    [document] = parser("web", SETTINGS)(SIMULATE(1, number, EARLIEST, LATEST).content)
    return encode({**document, "ingestion": {"partition": partition, "ingested_at": LATEST}})


def made(orders: int) -> list[Encoded]:
    filling = Filling(Clock())
    return [order(number, filling.reserve("commandes")) for number in range(orders)]


async def collect(store: Store, orders: list[Encoded], stop: asyncio.Event) -> None:
    """Ten orders at a time, as the collector does, until told to stop."""
    partitions = Partitions(store, Clock())
    for start in range(0, len(orders), 10):
        if stop.is_set():
            return
        batch = orders[start : start + 10]
        async with partitions.around("commandes", {item.partition for item in batch}):
            await store.insert("commandes", batch)


def total(rows: list[Row], column: str) -> int:
    return sum(row[column] for row in rows)


def truths(generation: dict[str, Any]) -> dict[str, set[int]]:
    """Values that several KPIs share: one each, if they describe the same orders."""
    rows = {name: kpi["rows"] for name, kpi in generation["kpis"].items()}
    months = rows["revenue_by_month_and_channel"]
    gross = ("revenue_by_month_and_channel", "cancellation_rate_by_channel")
    kept = ("average_order_value_by_channel", "share_by_channel", "basket_size_distribution")
    minor = ("revenue_by_month_and_channel", "share_by_channel", "basket_size_distribution")
    return {
        "all": {generation["documents"]["orders"], *(total(rows[name], "orders") for name in gross)},
        "kept": {
            total(months, "orders") - total(months, "cancelled_orders"),
            *(total(rows[name], "orders") for name in (*kept, "orders_by_weekday_and_hour")),
        },
        "revenue": {*(total(rows[name], "revenue_minor") for name in (*minor, "orders_by_weekday_and_hour"))},
    }


async def test_kpis_of_a_generation_agree_at_full_speed(store: Store, database: Database[Any]) -> None:
    """Counts and revenue, to the cent, in every generation; average x orders is the revenue within rounding."""
    orders, stop, published = made(3000), asyncio.Event(), 0
    collecting = asyncio.create_task(collect(store, orders, stop))
    stage = Snapshotter([SUBJECT], store, Clock())
    while not collecting.done() and published < 12:
        published = (await stage.refresh())["_id"]
    stop.set()
    await collecting
    generations = list(database[GENERATIONS].find(sort=[("_id", 1)]))
    assert len({generation["documents"]["orders"] for generation in generations}) > 2
    for generation in generations:
        assert {name: len(values) for name, values in truths(generation).items()} == {"all": 1, "kept": 1, "revenue": 1}
        for row in generation["kpis"]["average_order_value_by_channel"]["rows"]:
            revenue = total(generation["kpis"]["share_by_channel"]["rows"], "revenue_minor")
            assert abs(row["average_order_value"] * 100 * row["orders"] - revenue) <= row["orders"]
    counted = [generation["documents"]["orders"] for generation in generations]
    assert counted == sorted(counted)


async def test_in_the_end_the_increments_equal_a_rebuild(store: Store, database: Database[Any]) -> None:
    """To the cent and to the row, after thirty refreshes that each saw something else."""
    orders, stage = made(300), Snapshotter([SUBJECT], store, Clock())
    for start in range(0, 300, 10):
        await collect(store, orders[start : start + 10], asyncio.Event())
        last = await stage.refresh()
    rebuilt = await stage.rebuild()
    assert (rebuilt["kpis"], rebuilt["drift"]) == (last["kpis"], 0)
