"""Cost of a KPI generation: a full rebuild, and a refresh after 1,500 orders of today or of all days.

Orders of 24 months are stored as the collector stores them: in the order of their dates, with their
partitions, between two raises of their versions. Sizes alternate, so that all meet the same machine.
Usage: python tests/bench/kpis.py [rounds] [orders stored]...
"""

import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from multimarket_async import app
from multimarket_async.cli.options import load_settings
from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Filling, Partitions, Store, encode
from tests.files import read

SIZES, ROUNDS, ADDED = (100_000, 300_000, 1_000_000), 5, 1_500
TODAY = datetime(2026, 5, 15, tzinfo=UTC)
FIRST = datetime(2024, 5, 15, tzinfo=UTC)
TEMPLATES = 6_000
FULL, RECENT, SPREAD = "full rebuild", "1,500 of today", "1,500 spread"


class Orders:
    """A database with so many orders in it, and how to add to them."""

    def __init__(self, store: Store, feeds: tuple[Feed, ...]) -> None:
        self.store = store
        self._partitions, self._filling = Partitions(store, Clock()), Filling(Clock())
        self._draw = random.Random(1)
        self._number = 0
        self._templates = list(_templates(feeds))

    async def add(self, dates: list[datetime]) -> None:
        """Orders of these dates, a batch at a time."""
        for start in range(0, len(dates), 1000):
            encoded = [self._order(date) for date in dates[start : start + 1000]]
            async with self._partitions.around("commandes", {item.partition for item in encoded}):
                await self.store.insert("commandes", encoded)

    def _order(self, date: datetime) -> Any:
        feed, template = self._templates[self._number % TEMPLATES]
        self._number += 1
        order = {**template, "_id": f"{template['canal']}:{self._number}", "date_commande": date}
        ingestion = {"feed": feed.name, "file": f"{self._number}.json", "sha256": "0" * 64, "ingested_at": TODAY}
        return encode({**order, "ingestion": {**ingestion, "partition": self._filling.reserve("commandes")}})

    def of_today(self) -> list[datetime]:
        return [TODAY + timedelta(days=self._draw.random()) for _ in range(ADDED)]

    def of_all_days(self) -> list[datetime]:
        return [FIRST + (TODAY - FIRST) * self._draw.random() for _ in range(ADDED)]


def _templates(feeds: tuple[Feed, ...]) -> Iterator[tuple[Feed, dict[str, Any]]]:
    for number in range(TEMPLATES):
        feed = feeds[number % len(feeds)]
        assert feed.simulate
        yield feed, read(feed, feed.simulate(1, number, FIRST, TODAY).content)[0]


async def stored(uri: str, orders: int, feeds: tuple[Feed, ...]) -> Orders:
    """So many orders, evenly over the 24 months."""
    found = Orders(Store(uri, f"bench_{orders}"), feeds)
    step = (TODAY - FIRST) / orders
    for start in track(range(0, orders, 20_000), f"{orders:,} orders", console=Console(stderr=True)):
        await found.add([FIRST + step * number for number in range(start, min(start + 20_000, orders))])
    return found


async def seconds(work: Callable[[], Any]) -> float:
    """Its duration, seconds."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def one_round(orders: Orders, snapshotter: Snapshotter) -> dict[str, float]:
    """Each of the three, once."""
    took = {FULL: await seconds(snapshotter.rebuild)}
    await orders.add(orders.of_today())
    took[RECENT] = await seconds(snapshotter.refresh)
    await orders.add(orders.of_all_days())
    took[SPREAD] = await seconds(snapshotter.refresh)
    return took


def peak_mib(pid: str) -> int:
    """The most memory a process ever had, MiB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


def table(medians: dict[int, dict[str, float]]) -> Table:
    """Milliseconds."""
    shown = Table("orders stored", FULL, RECENT, "of full", SPREAD, "of full", title="medians, ms")
    for size, took in medians.items():
        recent, spread = (f"{took[name] / took[FULL]:.1%}" for name in (RECENT, SPREAD))
        cells = [f"{took[name] * 1000:,.0f}" for name in (FULL, RECENT, SPREAD)]
        shown.add_row(f"{size:,}", cells[0], cells[1], recent, cells[2], spread)
    return shown


async def main(rounds: int, sizes: list[int]) -> None:
    """Load, measure by turns, tell medians and peak memory as a table and as JSON."""
    took: dict[int, dict[str, list[float]]] = {size: {FULL: [], RECENT: [], SPREAD: []} for size in sizes}
    with tempfile.TemporaryDirectory() as folder:
        async with app.opened(app.workspace(load_settings({"data_dir": folder}))) as application:
            assert application.server
            uri = application.server.uri
            feeds = tuple(feed for feed, _ in application.feeds)
            databases = {size: await stored(uri, size, feeds) for size in sizes}
            stages = {size: Snapshotter(application.domains, databases[size].store, Clock()) for size in sizes}
            for _ in track(range(rounds), "rounds", console=Console(stderr=True)):
                for size in sizes:
                    for name, value in (await one_round(databases[size], stages[size])).items():
                        took[size][name].append(value)
            memory = {"multimarket": peak_mib("self"), "mongod": peak_mib(mongod_of(folder))}
    medians = {size: {name: statistics.median(all_) for name, all_ in by.items()} for size, by in took.items()}
    Console().print(table(medians))
    print(json.dumps({"rounds": rounds, "seconds": took, "peak_mib": memory}))  # noqa: T201


def mongod_of(folder: str) -> str:
    """The process id of the server whose files are in this folder."""
    return next(path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if _is(path, folder))


def _is(cmdline: Path, folder: str) -> bool:
    try:
        told = cmdline.read_bytes()
    except OSError:
        return False
    return folder.encode() in told and b"mongod\0" in told


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    uvloop.run(main(given[0] if given else ROUNDS, given[1:] or list(SIZES)))
