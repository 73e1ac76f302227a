"""Cost of a KPI generation: from scratch, and after 1,500 orders of today or spread over all days; and a busy day.

Orders of 24 months are stored as the collector stores them. DuckDB, in the same run, loads the same orders from one
NDJSON file and computes seven of the KPIs. The busy day has as many orders, 300,000 customers and 200,000 products.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb
from ground import Ground, console
from results import Row
from rich.progress import track

from multimarket_async.cli.options import load_settings
from multimarket_async.clock import Clock
from multimarket_async.discovery import declared
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Field, Filling, Partitions, Store, encode, lines
from tests.files import read

MEASURE = "kpis"
SIZES, QUICK_SIZES, ROUNDS = (100_000, 1_000_000), (20_000,), 3
ADDED, CUSTOMERS, PRODUCTS = 1_500, 300_000, 200_000
TODAY, FIRST = datetime(2026, 5, 15, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC)
EXPORTED = ("canal", "client_id", "livraison", "produits", "montant_centimes", "date_commande", "statut_commande")
TEMPLATES, BATCH = 6_000, 1_000
DUCKDB = [
    "SELECT strftime(day, '%Y-%m') AS month, canal, count(*), sum(minor), sum(minor) FILTER (kept) FROM o GROUP BY ALL",
    """SELECT nom, sum(quantite) AS pieces FROM (SELECT unnest(produits, recursive := true) FROM o WHERE kept)
      GROUP BY ALL ORDER BY pieces DESC, nom LIMIT 10""",
    "SELECT canal, 100.0 * count(*) FILTER (NOT kept) / count(*) FROM o GROUP BY ALL",
    "SELECT canal, sum(minor) / count(*) FROM o WHERE kept GROUP BY ALL",
    "SELECT ville, sum(minor) AS revenue FROM o WHERE kept GROUP BY ALL ORDER BY revenue DESC, ville LIMIT 50",
    "SELECT isodow(day), hour(day), count(*), sum(minor) FROM o WHERE kept GROUP BY ALL",
    """SELECT month, count(*), count(*) FILTER (orders > 1) FROM (SELECT strftime(day, '%Y-%m') AS month, client_id,
      count(*) AS orders FROM o WHERE kept GROUP BY ALL) GROUP BY ALL""",
]
LOAD = """
CREATE TABLE o AS SELECT canal, client_id, livraison.ville AS ville, produits, montant_centimes AS minor,
  date_commande::TIMESTAMP AS day, statut_commande NOT IN ('annulée', 'remboursée') AS kept
FROM read_json(?, format = 'newline_delimited', columns = {canal: 'VARCHAR', client_id: 'VARCHAR',
  livraison: 'STRUCT(ville VARCHAR)', produits: 'STRUCT(nom VARCHAR, quantite BIGINT)[]', montant_centimes: 'BIGINT',
  date_commande: 'VARCHAR', statut_commande: 'VARCHAR'})
"""


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Seconds and memory, at each size."""
    return asyncio.run(_measure(found, QUICK_SIZES if quick else SIZES, 1 if quick else ROUNDS))


async def _measure(found: Ground, sizes: Iterable[int], rounds: int) -> list[Row]:
    [domain] = declared(load_settings({}))
    rows = list[Row]()
    for size in sizes:
        orders = Orders(Store(found.uri, f"{MEASURE}_{size}"), domain)
        await orders.add(_evenly(size))
        rows += await _at_size(found, orders, size, rounds)
    rows += await _busy_day(found, domain, max(sizes))
    return rows


async def _at_size(found: Ground, orders: "Orders", size: int, rounds: int) -> list[Row]:
    names = ("from scratch", f"{ADDED:,} of today", f"{ADDED:,} spread", "DuckDB")
    took: dict[str, list[float]] = {name: [] for name in names}
    snapshotter = Snapshotter([orders.domain], orders.store, Clock(), copy=found.folder / f"{size}.duckdb")
    file = await orders.exported(found.folder / f"{size}.ndjson")
    for _ in track(range(rounds), f"{size:,} orders", console=console):
        took["DuckDB"].append(_peer(file))
        took["from scratch"].append(await seconds(snapshotter.rebuild))
        for name, dates in 3 * tuple(zip(names[1:], (orders.of_today, orders.of_all_days), strict=False)):
            await orders.add(dates())
            took[name].append(await seconds(snapshotter.refresh))
    await snapshotter.aclose()
    file.unlink()
    most = dict(zip(names, (6.0, 0.25, 2.0, None), strict=True)) if size == max(SIZES) else {}
    return [Row(MEASURE, f"{name}, {size:,} orders", "s", took[name], at_most=most.get(name)) for name in names]


async def _busy_day(found: Ground, domain: LoadedDomain, size: int) -> list[Row]:
    """All orders of one day, of many customers and products: its first generation, and one after 1,500 orders more."""
    orders = Orders(Store(found.uri, f"{MEASURE}_day"), domain, customers=CUSTOMERS, products=PRODUCTS)
    await orders.add(TODAY + timedelta(seconds=86_400 * number / size) for number in range(size))
    with Peak("self") as ours, Peak(str(found.mongod)) as theirs:
        snapshotter = Snapshotter([domain], orders.store, Clock(), copy=found.folder / "day.duckdb")
        first = await seconds(snapshotter.refresh)
        await orders.add(orders.of_today())
        more = await seconds(snapshotter.refresh)
        await snapshotter.aclose()
    name = f"a day of {size:,} orders"
    return [
        Row(MEASURE, f"{name}, first", "s", [first]),
        Row(MEASURE, f"{name}, {ADDED:,} more", "s", [more]),
        Row(MEASURE, f"{name}, memory above idle", "MB", [ours.above_mb], at_most=512),
        Row(MEASURE, f"{name}, of mongod", "MB", [theirs.above_mb]),
    ]


class Orders:
    """A database of orders, and how to add to them. customers, products: so many of each, where that matters."""

    def __init__(self, store: Store, domain: LoadedDomain, *, customers: int = 0, products: int = 0) -> None:
        self.store, self.domain = store, domain
        self._customers, self._products = customers, products
        self._partitions, self._filling = Partitions(store, Clock()), Filling(Clock())
        self._draw = random.Random(1)
        self._number = 0
        self._templates = list(_templates(domain.feeds))

    async def add(self, dates: Iterable[datetime]) -> None:
        """Orders of these dates, a batch at a time."""
        batch = list[Any]()
        for date in dates:
            batch.append(self._order(date))
            if len(batch) == BATCH:
                await self._insert(batch)
                batch = []
        await self._insert(batch)

    async def _insert(self, batch: list[Any]) -> None:
        async with self._partitions.around("commandes", {item.partition for item in batch}):
            await self.store.insert("commandes", batch)

    def _order(self, date: datetime) -> Any:
        feed, template = self._templates[self._number % TEMPLATES]
        self._number += 1
        order = {**template, "_id": f"{template['canal']}:{self._number}", "date_commande": date}
        if self._customers:
            order["client_id"] = str(self._draw.randrange(self._customers))
            names = (f"Product {self._draw.randrange(self._products)}" for _ in template["produits"])
            order["produits"] = [{**line, "nom": name} for line, name in zip(template["produits"], names, strict=True)]
        ingestion = {"feed": feed.name, "file": f"{self._number}.json", "sha256": "0" * 64, "ingested_at": TODAY}
        return encode({**order, "ingestion": {**ingestion, "partition": self._filling.reserve("commandes")}})

    def of_today(self) -> list[datetime]:
        return [TODAY + timedelta(days=self._draw.random()) for _ in range(ADDED)]

    def of_all_days(self) -> list[datetime]:
        return [FIRST + (TODAY - FIRST) * self._draw.random() for _ in range(ADDED)]

    async def exported(self, path: Path) -> Path:
        """The orders as one NDJSON file."""
        with path.open("wb") as file:
            async for batch in self.store.batches("commandes", {}, 5_000):
                file.write(lines(batch, [Field(name, name) for name in EXPORTED]).json)
        return path


def _templates(feeds: tuple[Feed, ...]) -> Iterator[tuple[Feed, dict[str, Any]]]:
    for number in range(TEMPLATES):
        feed = feeds[number % len(feeds)]
        assert feed.simulate
        yield feed, read(feed, feed.simulate(1, number, FIRST, TODAY).content)[0]


def _evenly(orders: int) -> Iterator[datetime]:
    step = (TODAY - FIRST) / orders
    return (FIRST + step * number for number in track(range(orders), f"{orders:,} orders", console=console))


def _peer(file: Path) -> float:
    """Seconds to load all orders into DuckDB and compute seven KPIs."""
    began = time.perf_counter()
    with duckdb.connect(config={"threads": 2}) as database:
        database.execute(LOAD, [str(file)])
        for query in DUCKDB:
            database.execute(query).fetchall()
    return time.perf_counter() - began


async def seconds(work: Callable[[], Awaitable[Any]]) -> float:
    """Its duration, seconds."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


class Peak:
    """The most memory that a process had meanwhile, above what it had before, 10^6 bytes. proc(5): VmHWM."""

    above_mb = 0.0

    def __init__(self, pid: str) -> None:
        self._process = Path("/proc", pid)

    def __enter__(self) -> Self:
        (self._process / "clear_refs").write_text("5", "utf-8")
        self._before = self._peak_mb()
        return self

    def __exit__(self, *_: object) -> None:
        self.above_mb = self._peak_mb() - self._before

    def _peak_mb(self) -> float:
        found = re.search(r"VmHWM:\s+(\d+) kB", (self._process / "status").read_text("utf-8"))
        return int(found[1]) * 1024 / 1e6 if found else 0.0
