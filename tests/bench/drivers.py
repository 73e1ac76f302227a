"""The drivers of the store against each other, on one mongod, taking turns: what each costs.

Inserting orders that are encoded already, reading a generation back (find, and an aggregation of what
it was made of), and a round trip. CPU seconds are those of our process, driver threads included; wall
time is the machine's as well. Usage: python tests/bench/drivers.py [orders] [pairs]
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, get_args

import uvloop
from rich.console import Console
from rich.progress import track

from multimarket_async.cli.options import load_settings
from multimarket_async.domains import discover
from multimarket_async.settings import MongoDriver
from multimarket_async.store import EmbeddedServer, Encoded, Inserted, Store, encode

ORDERS, PAIRS = 20_000, 5
BATCH, READS, PINGS = 1_000, 100, 300
COLLECTION, LEDGER = "commandes", "kpi_snapshots"
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
Work: TypeAlias = Callable[[Store], Awaitable[None]]
Found: TypeAlias = dict[str, dict[str, dict[str, list[float]]]]  # work, driver, "wall_s" or "cpu_s": one a pair


async def measure(uri: str, database: str, *, orders: int = ORDERS, pairs: int = PAIRS) -> dict[str, Any]:
    """Each work's wall and CPU seconds with each driver: every pair, and the medians."""
    works, found = _works(list(_encoded(orders))), Found()
    for number in track(range(pairs), description="pairs", console=Console(stderr=True)):
        drivers = get_args(MongoDriver)
        for driver in drivers if number % 2 else reversed(drivers):
            async with aclosing(Store(uri, f"{database}_{driver}_{number}", driver)) as store:
                await store.ping()
                for name, work in works.items():
                    _note(found, name, driver, await _timed(work, store))
    return {"orders": orders, "pairs": pairs, "units": _units(orders), "seconds": found, "medians": _medians(found)}


def _units(orders: int) -> dict[str, int]:
    """How many of its unit each work does: documents, generations, aggregated orders, round trips."""
    return {"insert": orders, "find a generation": READS, "aggregate, decoded": orders, "ping": PINGS}


def _works(encoded: list[Encoded]) -> dict[str, Work]:
    async def insert(store: Store) -> None:
        for start in range(0, len(encoded), BATCH):
            outcomes = await store.insert(COLLECTION, encoded[start : start + BATCH])
            assert set(outcomes) == {Inserted()}

    async def find(store: Store) -> None:
        await store.add(LEDGER, _generation())
        for _ in range(READS):
            assert await store.newest(LEDGER)

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
    feeds = [feed for domain in discover() for feed in domain.under(loaded).feeds]
    for number in range(orders):
        feed = feeds[number % len(feeds)]
        assert feed.simulate
        [document] = feed.parse(feed.simulate(1, number, FIRST, LAST).content)
        source = {"feed": feed.name, "file": f"{number}.json", "sha256": f"{number:064}", "ingested_at": FIRST}
        key = f"{document['_id']}:{number}"
        yield encode({**document, "_id": key, "ingestion": {**source, "partition": feed.partition(document)}})


def _generation() -> dict[str, Any]:
    """Of the size of a real one: eleven tables of fifty rows."""
    rows = [
        {"month": "2025-01", "channel": "web", "orders": n, "revenue": n / 7, "revenue_minor": n} for n in range(50)
    ]
    return {"_id": 1, "computed_at": FIRST, "kpis": {f"kpi_{n}": {"title": "x", "rows": rows} for n in range(11)}}


async def _timed(work: Work, store: Store) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    await work(store)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def _note(found: Found, work: str, driver: str, seconds: dict[str, float]) -> None:
    for name, value in seconds.items():
        found.setdefault(work, {}).setdefault(driver, {}).setdefault(name, []).append(round(value, 4))


def _medians(found: Found) -> dict[str, dict[str, dict[str, float]]]:
    return {
        work: {
            driver: {name: statistics.median(all_) for name, all_ in seconds.items()} for driver, seconds in by.items()
        }
        for work, by in found.items()
    }


def table(result: dict[str, Any]) -> Iterator[str]:
    """A line a work and driver: microseconds a unit, median and spread."""
    for work, by in result["seconds"].items():
        for driver, seconds in by.items():
            told = (_told(seconds[name], result["units"][work]) for name in ("wall_s", "cpu_s"))
            yield f"{work:>20} {driver:>8}: wall {next(told)}, CPU {next(told)}"


def _told(seconds: list[float], units: int) -> str:
    us = [value / units * 1e6 for value in (statistics.median(seconds), min(seconds), max(seconds))]
    return "{:8.1f} us each (from {:.1f} to {:.1f})".format(*us)


async def main(orders: int, pairs: int) -> None:
    """On a mongod of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), database="bench", port=0, cache_gb=0.5)
        try:
            result = await measure(await server.start(), "bench", orders=orders, pairs=pairs)
        finally:
            await server.stop()
    for line in table(result):
        print(line)  # noqa: T201
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    uvloop.run(main(*(arguments + [ORDERS, PAIRS][len(arguments) :])))
