"""Cost of a file in calls, the same on every machine: a step backwards shows here before it shows in seconds.

Whoever saves a call lowers its number. What comes once a process or once a look cancels out: two bursts are
collected, and the cost of the smaller is subtracted from that of the larger.
"""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.app import opened, workspace
from multimarket_async.cli.options import load_settings
from multimarket_async.collector import Collector
from multimarket_async.landing import compiled
from tests.tracing import missing, strace

COLLECTING = Path(__file__).parents[1] / "bench" / "collecting.py"
BEGUN = datetime(2026, 5, 15, tzinfo=UTC)

# One batch, and three: at 333 files a channel and 1,000 a batch.
SMALL, LARGE = 999, 2_997
MORE_FILES, MORE_BATCHES = LARGE - SMALL, 2

# System calls a file; the hundredths are listings (getdents64 gives some hundred names at once), folders and the log.
CALLS_A_FILE = {
    "openat": 1.02,
    "readv": 1.0,  # it asks for one byte more than the size, so that no second one has to look for the end
    "close": 1.02,
    "renameat2": 1.02,  # it never overwrites, so nothing has to look for a free name before
    # Three: the listing looks (age, size); so does the archive, before the move and, at what was moved, after it.
    # A scan for new files while up to three batches are still in flight leaves those out.
    "newfstatat": 3.05,
}
OTHERS_A_FILE = 0.5  # some dozen a batch, to mongod, and more the longer a busy machine takes; 1 would be one a file
# futex: how often the interpreter lock changes hands depends on the machine's load. The next: memory grows, once.
# The last: threads that wait wake up now and then, the oftener the longer it takes.
NOT_COUNTED = {"futex", "sched_yield", "mprotect", "mmap", "clock_nanosleep", "poll", "epoll_pwait"}

# Work handed to a thread, a batch: to read and parse, to file away; and Motor's three calls, the version before,
# the insert, the version after. A hop takes 100 us: nothing in 1,000 files, and the double of all in each.
HOPS_A_BATCH = 5

# Commands to MongoDB, a batch: the version twice, and a thousand documents in one message.
COMMANDS_A_BATCH = {"update": 2, "insert": 1}

# Bytes to MongoDB for each byte of a stored document: it goes over once, as it was encoded. The rest are versions.
SENT_A_STORED_BYTE = 1.01


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, bytes]]]:
    """Files of our simulator, by channel."""
    channels = workspace(load_settings({"data_dir": tmp_path_factory.mktemp("places")})).feeds
    made: dict[str, list[tuple[str, bytes]]] = {}
    for feed, _ in channels:
        assert feed.simulate
        deliveries = [feed.simulate(1, number, BEGUN.replace(year=2024), BEGUN) for number in range(LARGE // 3)]
        made[feed.name] = [(delivery.name, delivery.content) for delivery in deliveries]
    return made


def deliver(orders: dict[str, list[tuple[str, bytes]]], data_dir: Path, files: int) -> Path:
    """So many of them, in a folder of their own."""
    for channel, found in orders.items():
        folder = data_dir / "sources" / channel
        folder.mkdir(parents=True)
        for name, content in found[: files // 3]:
            (folder / name).write_bytes(content)
    return data_dir


def calls(program: str, folder: Path, *words: object) -> Counter[str]:
    """System calls by name, of all threads of the collector from start to end."""
    summary = folder / "strace.txt"
    command = [program, "-f", "-c", "-o", summary, sys.executable, COLLECTING, *words]
    subprocess.run(list(map(str, command)), input="\n\n", text=True, check=True, capture_output=True)
    lines = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", summary.read_text(), re.MULTILINE)
    return Counter({name: int(count) for count, name in lines if name != "total"})


@asynccontextmanager
async def collector_of(data_dir: Path, uri: str, database: str) -> AsyncIterator[Collector]:
    settings = load_settings({"data_dir": data_dir, "mongo_uri": uri, "mongo_database": database})
    async with opened(workspace(settings)) as application:
        await application.store.ping()
        yield application.collector()


def test_it_is_the_compiled_way_that_is_measured() -> None:
    """The careful one takes as many calls and more time: the interpreter lock changes hands at each."""
    if not compiled():
        missing("needs a C compiler, and an installation by it")


@pytest.mark.slow
def test_system_calls_a_file(
    orders: dict[str, list[tuple[str, bytes]]], tmp_path: Path, mongo_uri: str, database: Database[Any]
) -> None:
    program, found = strace(), {}
    for files in (SMALL, LARGE):
        data_dir = deliver(orders, tmp_path / str(files), files)
        database.client.drop_database(database.name)
        found[files] = calls(program, tmp_path, data_dir, mongo_uri, database.name, files)
    a_file = {name: (found[LARGE][name] - found[SMALL][name]) / MORE_FILES for name in found[LARGE]}
    for name, most in CALLS_A_FILE.items():
        assert a_file.pop(name) <= most, name
    others = {name: calls for name, calls in a_file.items() if name not in NOT_COUNTED and calls > 0}
    assert sum(others.values()) <= OTHERS_A_FILE, others


async def test_thread_hops_a_batch(
    orders: dict[str, list[tuple[str, bytes]]],
    tmp_path: Path,
    mongo_uri: str,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, hops = asyncio.get_running_loop(), Counter[int]()
    run_in_executor, files = loop.run_in_executor, SMALL

    def counted(executor: Any, work: Callable[..., Any], *arguments: Any) -> Any:
        hops[files] += 1
        return run_in_executor(executor, work, *arguments)

    monkeypatch.setattr(loop, "run_in_executor", counted)
    for files in (SMALL, LARGE):
        database.client.drop_database(database.name)
        async with collector_of(deliver(orders, tmp_path / str(files), files), mongo_uri, database.name) as collector:
            await collector.sweep()
        assert collector.tally.total("stored") == files
    assert hops[LARGE] - hops[SMALL] <= MORE_BATCHES * HOPS_A_BATCH


async def test_commands_a_batch_and_bytes_sent(
    orders: dict[str, list[tuple[str, bytes]]], tmp_path: Path, mongo_uri: str, database: Database[Any]
) -> None:
    async with collector_of(deliver(orders, tmp_path, LARGE), mongo_uri, database.name) as collector:
        database.command("profile", 2)
        before = bytes_in(database)
        await collector.sweep()
        sent = bytes_in(database) - before
        database.command("profile", 0)
    commands = Counter(
        document["op"] for document in database["system.profile"].find() if document["appName"] == "multimarket"
    )
    assert commands == {name: (MORE_BATCHES + 1) * number for name, number in COMMANDS_A_BATCH.items()}
    stored = next(database.commandes.aggregate([{"$group": {"_id": None, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}}]))
    assert sent / stored["bytes"] <= SENT_A_STORED_BYTE


def bytes_in(database: Database[Any]) -> int:
    """Bytes that the server has received since it started."""
    return int(database.command("serverStatus")["network"]["bytesIn"])
