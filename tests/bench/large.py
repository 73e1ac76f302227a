"""A large file of records while orders arrive: memory above idle, and the latest order; the file once more; `verify`.

A whole `run --no-produce` does the work, KPIs of both domains included. Another process delivers orders, 150 a second.
An order is seen by a change stream, as in latency.py.
"""

import multiprocessing
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sales
from alone import alone
from ground import HERE, Ground, resident_mb
from results import ROOT, Row, percentile

from multimarket_async.domains.orders.channels import CHANNELS

MEASURE = "large"
RECORDS, PER_CHANNEL = 2_000_000, 30_000
QUICK_RECORDS, QUICK_PER_CHANNEL = 100_000, 3_000
RATE_S, IDLE_S, LOST_AFTER_S = 150, 6, 30


@dataclass
class Watch:
    """Times of orders by key, and memory of the process, in 10^6 bytes."""

    seen: dict[str, float] = field(default_factory=dict)
    mb: list[float] = field(default_factory=list)


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Seconds, memory and the latest order, for the file and for the same file again; then of `verify`."""
    records, per_channel = (QUICK_RECORDS, QUICK_PER_CHANNEL) if quick else (RECORDS, PER_CHANNEL)
    data_dir, file = found.folder / MEASURE, sales.write(found.folder / "large.csv", records)
    site = sales.installed(found.folder / "site")
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (site, HERE, ROOT))), "MULTIMARKET_DOMAINS": "orders,sales"}
    plan = [(order, data_dir / "sources" / order.parent.name / order.name) for order in _orders(found, per_channel)]
    with found.running(data_dir, MEASURE, "--no-produce", environment=environment) as running:
        rows = _runs(found, running.pid, plan, file, records)
    assert found.client[MEASURE].sales.count_documents({}) == records
    outcomes = [receipt["outcome"] for receipt in found.client[MEASURE].receipts.find(sort=[("at", 1)])]
    assert outcomes == ["stored", "duplicate"], outcomes
    return [*rows, *_verified(found, data_dir, environment)]


def _orders(found: Ground, per_channel: int) -> list[Path]:
    folder = found.orders(per_channel)
    channels = (sorted((folder / channel).glob("*.json")) for channel in CHANNELS)
    return [order for files in zip(*channels, strict=True) for order in files]


def _runs(found: Ground, pid: int, plan: list[tuple[Path, Path]], file: Path, records: int) -> list[Row]:
    context, watch, rows = multiprocessing.get_context("spawn"), Watch(), list[Row]()
    stop, told = context.Event(), context.SimpleQueue()
    deliveries = context.Process(target=_deliver, args=(plan, stop, told), daemon=True)
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(found, pid, watch, ended), daemon=True)
    watching.start()
    deliveries.start()
    time.sleep(IDLE_S)
    idle, spans = max(watch.mb), list[tuple[float, float]]()
    for number, name in enumerate(("first", "again"), start=1):
        del watch.mb[:-1]
        began = time.monotonic()
        _collected(file, found.folder / MEASURE, number)
        spans.append((began, time.monotonic()))
        seconds = spans[-1][1] - began
        rows += [
            Row(MEASURE, f"{records:,} records, {name}", "s", [seconds]),
            Row(MEASURE, f"memory above idle, {name}", "MB", [max(watch.mb) - idle], at_most=200),
        ]
    stop.set()
    received: dict[str, float] = told.get()
    _until_all_seen(received, watch)
    ended.set()
    watching.join()
    for name, (began, until) in zip(("first", "again"), spans, strict=True):
        waits = [watch.seen[key] - at for key, at in received.items() if began <= at <= until]
        rows.append(Row(MEASURE, f"order, p99, {name}", "s", [percentile(waits, 0.99)]))
        rows.append(Row(MEASURE, f"order, latest, {name}", "s", [max(waits)], at_most=10))
    return rows


def _collected(file: Path, data_dir: Path, number: int) -> None:
    """Deliver a copy of the file; until it is archived."""
    folder = data_dir / "sources" / "sales"
    shutil.copyfile(file, folder / f".{number}")
    os.utime(folder / f".{number}", (0, 0))  # it is quiet
    (folder / f".{number}").rename(folder / f"{number}.csv")
    while len(list(data_dir.glob("archive/sales/*/*.csv"))) < number:
        time.sleep(0.1)


def _deliver(plan: list[tuple[Path, Path]], stop: Any, told: Any) -> None:
    received: dict[str, float] = {}
    began = time.monotonic()
    for number, (content, place) in enumerate(plan):
        if stop.is_set():
            break
        hidden = place.with_name(f".{place.name}.part")
        hidden.write_bytes(content.read_bytes())
        time.sleep(max(0.0, began + number / RATE_S - time.monotonic()))
        received[f"{CHANNELS[place.parent.name]}:{place.stem}"] = time.monotonic()
        hidden.rename(place)
    told.put(received)


def _watch(found: Ground, pid: int, watch: Watch, ended: threading.Event) -> None:
    with found.client[MEASURE].commandes.watch([{"$project": {"documentKey": 1}}], max_await_time_ms=100) as changes:
        while not ended.is_set():
            if change := changes.try_next():
                watch.seen[change["documentKey"]["_id"]] = time.monotonic()
            watch.mb.append(resident_mb(pid))


def _until_all_seen(received: dict[str, float], watch: Watch) -> None:
    deadline = time.monotonic() + LOST_AFTER_S
    while missing := received.keys() - watch.seen.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(missing)} orders were never seen")
        time.sleep(0.1)


def _verified(found: Ground, data_dir: Path, environment: dict[str, str]) -> list[Row]:
    """`verify`, which must find everything right; its time and memory."""
    words = [*found.command("verify", data_dir), "--mongo-uri", found.uri]
    began = time.monotonic()
    with subprocess.Popen(
        words, env={**os.environ, **environment, "MULTIMARKET_MONGO_DATABASE": MEASURE}, stdout=subprocess.DEVNULL
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"verify ended with {child.returncode}"
    seconds = time.monotonic() - began
    return [
        Row(MEASURE, "verify", "s", [seconds]),
        Row(MEASURE, "verify, most memory", "MB", [usage.ru_maxrss * 1024 / 1e6]),
    ]


if __name__ == "__main__":
    alone(measure)
