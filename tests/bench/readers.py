"""Readers must not slow the collector: 1,000 requests, 50 at a time, while a burst is being collected.

Usage: python tests/bench/readers.py [requests] [orders per channel]; exit code 1: an error, or a file was late.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from rich.console import Console

COMMAND = [sys.executable, "-m", "multimarket_async"]
REQUESTS, ORDERS, AT_ONCE = 1000, 3000, 50
PATHS = ("/api/kpis/revenue_by_month_and_channel.csv", "/api/kpis/top_products.csv?rank_to=5", "/api/kpis/top_products")


def main(requests: int = REQUESTS, orders: int = ORDERS) -> int:
    """A run that has measured something; then the burst and the requests at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        where = ["--data-dir", folder]
        log = Path(folder) / "log"
        with log.open("wb") as out:
            run = subprocess.Popen([*COMMAND, "run", "--no-produce", *where], stdout=out)
        try:
            url = until(lambda: re.search(r'"url": "(http://[^"]*)/"', log.read_text()))[1]
            deliver(10, where)
            until(lambda: httpx.get(f"{url}/api/kpis/top_products").status_code == 200)
            burst = subprocess.Popen([*COMMAND, "produce", "--orders-per-channel", str(orders), *where], stdout=-3)
            until(lambda: stored(url) > 3 * 10)
            before, (statuses, waits, seconds) = stored(url), asyncio.run(ask(url, requests))
            meanwhile = stored(url) - before
            burst.wait()
            until(lambda: status(url)["conservation"]["sum"]["stored"] == 3 * (10 + orders))
            return tell(statuses, waits, seconds, meanwhile, status(url)["overload"])
        finally:
            run.terminate()
            run.wait(60)


def deliver(orders: int, where: list[str]) -> None:
    """Into each channel."""
    subprocess.run([*COMMAND, "produce", "--orders-per-channel", str(orders), *where], check=True, stdout=-3)


def until(true: Callable[[], Any]) -> Any:
    """Poll until it holds; the value."""
    while not (found := true()):
        time.sleep(0.1)
    return found


def stored(url: str) -> float:
    """The number of files that the process has stored."""
    text = httpx.get(f"{url}/metrics", timeout=60).text
    return sum(map(float, re.findall(r'^multimarket_files_total\{.*outcome="stored"\} (\S+)', text, re.MULTILINE)))


def status(url: str) -> Any:
    """The place of every file."""
    return httpx.get(f"{url}/api/status", timeout=60).json()


async def ask(url: str, requests: int) -> tuple[Counter[int], list[float], float]:
    """The statuses, how long each answer took, and all together, seconds."""
    statuses, waits, room = Counter[int](), list[float](), asyncio.Semaphore(AT_ONCE)
    began = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client, asyncio.TaskGroup() as group:

        async def one(path: str) -> None:
            async with room:
                asked = time.perf_counter()
                statuses[(await client.get(path)).status_code] += 1
                waits.append(time.perf_counter() - asked)

        for number in range(requests):
            group.create_task(one(PATHS[number % len(PATHS)]))
    return statuses, waits, time.perf_counter() - began


def tell(statuses: Counter[int], waits: list[float], seconds: float, meanwhile: float, overload: Any) -> int:
    """In words; the exit code."""
    console, cuts = Console(), quantiles(waits, n=100)
    console.print(f"{len(waits)} requests, {AT_ONCE} at a time: {len(waits) / seconds:.0f}/s, {dict(statuses)}")
    console.print(f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, max {max(waits) * 1000:.0f} ms")
    console.print(
        f"{meanwhile:.0f} files were stored meanwhile; over {overload['budget_s']:g} s: {overload['breaches']}"
    )
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return int(overload["breaches"] > 0 or set(statuses) != {200})


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
