"""Cost of the sinks: first load, and after 1,500 orders of today or spread over all days; and the worst loop lag then.

Each is one generation, measured before: the time is that of the sink alone, all its tables together. Then `run` writes
to both sinks while orders arrive at a steady rate: the latency of collecting, beside all those documents.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from ground import Ground
from kpis import ADDED, Orders, _evenly, seconds
from latency import RATE_S, _dropped_and_seen, _orders
from results import Row, percentile

from multimarket_async.cli.options import load_settings
from multimarket_async.clock import Clock
from multimarket_async.discovery import declared
from multimarket_async.settings import Settings
from multimarket_async.sinks import Keeper, Source, chosen
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Store
from multimarket_async.tasks import Tasks

MEASURE = "sinks"
SIZE, QUICK_SIZE, ROUNDS = 1_000_000, 20_000, 3
SINKS = ("warehouse", "lake")
FLOW_S = 60
PROBE_S = 0.005


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Seconds of each sink, and how long it keeps the event loop; then what `run` with both does to collecting."""
    size = QUICK_SIZE if quick else SIZE
    return [*asyncio.run(_measure(found, size, 1 if quick else ROUNDS)), *_beside(found, size, 5 if quick else FLOW_S)]


def _beside(found: Ground, size: int, flow_s: int) -> list[Row]:
    """Both sinks are loaded anew, and kept at the newest generation, while orders arrive."""
    folder, database = found.folder / MEASURE, f"{MEASURE}_{size}"
    for written in ("lake", "postgres"):
        shutil.rmtree(folder / written)
    (folder / "warehouse.duckdb").unlink()
    orders = _orders(found, folder)
    plan = [(number / RATE_S, *next(orders)) for number in range(RATE_S * flow_s)]
    with found.running(folder, database, "--no-produce", environment={"MULTIMARKET_SINKS": ",".join(SINKS)}):
        received, seen = _dropped_and_seen(found, plan, database)
    waits = [(seen[key] - at) * 1000 for key, at in received.items()]
    held = {found["_id"]: found["generation"] for found in found.client[database].kpi_sinks.find()}
    assert held.keys() == set(SINKS), held
    label = f"both sinks loaded with {size:,} orders and refreshed, at {RATE_S} orders/s"
    return [
        Row(MEASURE, f"{label}: p50", "ms", [percentile(waits, 0.5)]),
        Row(MEASURE, f"{label}: p99", "ms", [percentile(waits, 0.99)], at_most=300),
    ]


async def _measure(found: Ground, size: int, rounds: int) -> list[Row]:
    [domain] = declared(load_settings({}))
    orders = Orders(Store(found.uri, f"{MEASURE}_{size}"), domain)
    await orders.add(_evenly(size))
    folder = found.folder / MEASURE
    folder.mkdir()
    snapshotter = Snapshotter([domain], orders.store, Clock(), copy=folder / "kpis.duckdb")
    async with aclosing(snapshotter):
        return [row for name in SINKS for row in await _of(name, folder, orders, snapshotter, rounds=rounds, size=size)]


async def _of(
    name: str, folder: Path, orders: Orders, snapshotter: Snapshotter, *, rounds: int, size: int
) -> list[Row]:
    settings = Settings.model_validate({"data_dir": folder, "sinks": (name,)})
    source = Source(settings, (orders.domain,), orders.store, Clock())
    [kind] = chosen(settings)
    took: dict[str, list[float]] = {"first load": [], f"{ADDED:,} of today": [], f"{ADDED:,} spread": []}
    lags: list[float] = []
    async with aclosing(Keeper(kind, source, Tasks(Clock()))) as keeper:
        await snapshotter.refresh()
        async with _lag(lags):
            took["first load"].append(await seconds(keeper.catch_up))
            for _ in range(rounds):
                for label, dates in zip([*took][1:], (orders.of_today, orders.of_all_days), strict=True):
                    await orders.add(dates())
                    await snapshotter.refresh()
                    took[label].append(await seconds(keeper.catch_up))
        number, differences = await keeper.compare()
    assert (number > 0, differences) == (True, [])
    rows = [Row(MEASURE, f"{name}, {label}, {size:,} orders", "s", values) for label, values in took.items()]
    return [*rows, Row(MEASURE, f"{name}, longest turn of the event loop", "s", [max(lags)])]


@asynccontextmanager
async def _lag(lags: list[float]) -> AsyncIterator[None]:
    """Note by how much later than asked a sleep ends, all the time."""

    async def probe() -> None:
        while True:
            due = time.perf_counter() + PROBE_S
            await asyncio.sleep(PROBE_S)
            lags.append(time.perf_counter() - due)

    task = asyncio.create_task(probe())
    try:
        yield
    finally:
        task.cancel()
