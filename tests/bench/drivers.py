"""The drivers of the store against each other, on one mongod, taking turns: what each costs.

Inserting orders that are encoded already, reading a generation back (find, and an aggregation of what
it was made of), and a round trip. CPU time is that of our process, driver threads
included; wall time is the machine's as well.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, TypeAlias, get_args

import uvloop
from alone import alone
from ground import Ground, console
from results import Row
from rich.progress import track

from multimarket_async.cli.options import load_settings
from multimarket_async.discovery import declared
from multimarket_async.settings import MongoDriver
from multimarket_async.store import Encoded, Inserted, Store, encode
from tests.files import read

MEASURE = "drivers"
ORDERS, PAIRS = 20_000, 5
QUICK_ORDERS, QUICK_PAIRS = 1_000, 2
BATCH, READS, PINGS = 1_000, 100, 300
COLLECTION, GENERATIONS = "commandes", "kpi_snapshots"
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
Work: TypeAlias = Callable[[Store], Awaitable[None]]


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Each work with each driver: CPU and wall microseconds a unit."""
    orders, pairs = (QUICK_ORDERS, QUICK_PAIRS) if quick else (ORDERS, PAIRS)
    return uvloop.run(_measure(found.uri, orders, pairs))


async def _measure(uri: str, orders: int, pairs: int) -> list[Row]:
    works, units = _works(list(_encoded(orders))), _units(orders)
    us: dict[str, list[float]] = defaultdict(list)
    for number in track(range(pairs), MEASURE, console=console):
        drivers = get_args(MongoDriver)
        for driver in drivers if number % 2 else reversed(drivers):
            async with aclosing(Store(uri, f"{MEASURE}_{driver}_{number}", driver)) as store:
                await store.ping()
                for name, work in works.items():
                    wall, cpu = time.perf_counter(), time.process_time()
                    await work(store)
                    us[f"{name}, {driver}, CPU"].append((time.process_time() - cpu) / units[name] * 1e6)
                    us[f"{name}, {driver}"].append((time.perf_counter() - wall) / units[name] * 1e6)
    return [Row(MEASURE, name, "µs", us[name]) for name in sorted(us)]


def _units(orders: int) -> dict[str, int]:
    """The number of units that each work does: documents, generations, aggregated orders, round trips."""
    return {"insert": orders, "find a generation": READS, "aggregate, decoded": orders, "ping": PINGS}


def _works(encoded: list[Encoded]) -> dict[str, Work]:
    async def insert(store: Store) -> None:
        for start in range(0, len(encoded), BATCH):
            outcomes = await store.insert(COLLECTION, encoded[start : start + BATCH])
            assert set(outcomes) == {Inserted()}

    async def find(store: Store) -> None:
        await store.insert_if_absent(GENERATIONS, _generation())
        for _ in range(READS):
            assert await store.newest(GENERATIONS)

    async def aggregate(store: Store) -> None:
        rows = store.aggregate(COLLECTION, [{"$match": {"montant_centimes": {"$gte": 0}}}])
        assert sum([1 async for _ in rows]) == len(encoded)

    async def ping(store: Store) -> None:
        for _ in range(PINGS):
            await store.ping()

    return dict(zip(_units(0), (insert, find, aggregate, ping), strict=True))


def _encoded(orders: int) -> Iterator[Encoded]:
    """As the collector hands them over: what a feed makes of its own deliveries; each key once."""
    loaded = load_settings({})
    feeds = [feed for domain in declared(loaded) for feed in domain.feeds]
    for number in range(orders):
        feed = feeds[number % len(feeds)]
        assert feed.simulate
        [document] = read(feed, feed.simulate(1, number, FIRST, LAST).content)
        source = {"feed": feed.name, "file": f"{number}.json", "sha256": f"{number:064}", "ingested_at": FIRST}
        key = f"{document['_id']}:{number}"
        yield encode({**document, "_id": key, "ingestion": {**source, "partition": "p"}})


def _generation() -> dict[str, Any]:
    """Of the size of a real one: eleven tables of fifty rows."""
    rows = [
        {"month": "2025-01", "channel": "web", "orders": n, "revenue": n / 7, "revenue_minor": n} for n in range(50)
    ]
    return {"_id": 1, "computed_at": FIRST, "kpis": {f"kpi_{n}": {"title": "x", "rows": rows} for n in range(11)}}


if __name__ == "__main__":
    alone(measure)
