"""Recommendations as a site asks for them, at a steady rate, while orders arrive and generations are computed.

A whole `run` of the omnishop domain with 60 days of its simulated shop. A request is due at its instant, whether or
not the one before it was answered, and its time is that from this instant on: a pause is felt by all who wait in it.
"""

import asyncio
import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from alone import alone
from ground import CLI, Ground, process
from results import Row, percentile

MEASURE = "recommendations"
DAYS, SHOPPERS, RATE_S, SECONDS, ROUNDS = 60, 1_500, 50, 20, 3
WARM_UP_S, WITHIN_S = 3, 120
PAUSE_S = {"MULTIMARKET_PAUSE_MIN_S": "0.1", "MULTIMARKET_PAUSE_MAX_S": "0.3"}  # between two orders


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Median and p99 of each round, and the longest of all."""
    seconds, rounds, shoppers = (5, 1, 200) if quick else (SECONDS, ROUNDS, SHOPPERS)
    environment = {
        "MULTIMARKET_DOMAINS": "omnishop",
        "MULTIMARKET_MONGO_DATABASE": MEASURE,
        "MULTIMARKET_OMNISHOP_SHOPPERS": str(shoppers),
    }
    data_dir, database = found.folder / MEASURE, found.client[MEASURE]
    _prepare(found, data_dir, environment)
    clients = database.recommendations.distinct("client")
    queries = zip(itertools.cycle(clients), itertools.cycle(["", *database.omni_products.distinct("product")]))
    options = "--no-produce", "--http-port", "0"
    with found.running(data_dir, MEASURE, *options, environment=environment), _orders(found, data_dir, environment):
        url = _address(data_dir)
        asyncio.run(_waits_ms(url, queries, WARM_UP_S))
        rounds_ms = [asyncio.run(_waits_ms(url, queries, seconds)) for _ in range(rounds)]
    return [
        Row(MEASURE, f"p50 at {RATE_S}/s", "ms", [percentile(waits, 0.5) for waits in rounds_ms]),
        Row(MEASURE, f"p99 at {RATE_S}/s", "ms", [percentile(waits, 0.99) for waits in rounds_ms], at_most=50),
        Row(MEASURE, "max", "ms", [max(waits) for waits in rounds_ms]),
    ]


def _prepare(found: Ground, data_dir: Path, environment: dict[str, str]) -> None:
    """The days of the shop are stored, and so is what is recommended to each client."""
    days = "--domain", "omnishop", "--files-per-feed", str(DAYS), "--history", f"{DAYS}days"
    server = "--mongo-uri", found.uri
    for words in (("produce", *days), ("collect", "--until-empty", *server), ("job", "run", "recommendations", *server),
                  ("collect", "--until-empty", *server)):  # fmt: skip
        with process([*CLI, *words, "--data-dir", str(data_dir)], environment) as child:
            assert child.wait(600) == 0, words


@contextmanager
def _orders(found: Ground, data_dir: Path, environment: dict[str, str]) -> Iterator[None]:
    """Orders and steps of visits arrive meanwhile, some five a second of each."""
    words = "--live", "--files", "0", "--no-manifest", "--domain", "omnishop", "--feeds", "omni_orders,omni_events"
    variables = {**os.environ, **environment, **PAUSE_S}
    with subprocess.Popen([*found.command("produce", data_dir), *words], env=variables, stdout=-3, stderr=-3) as child:
        try:
            yield
            assert child.poll() is None
        finally:
            child.terminate()


def _address(data_dir: Path) -> str:
    file, deadline = data_dir / "logs" / "http.json", time.monotonic() + WITHIN_S
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return f"{json.loads(file.read_bytes())['url'].rstrip('/')}/api/omnishop/recommendations"


async def _waits_ms(url: str, queries: Iterator[tuple[str, str]], seconds: float) -> list[float]:
    waits_ms: list[float] = []
    async with httpx.AsyncClient(timeout=60) as client, asyncio.TaskGroup() as group:
        began = time.perf_counter()

        async def ask(due: float, shopper: str, basket: str) -> None:
            answer = await client.get(url, params={"client": shopper, "basket": basket})
            assert answer.status_code == 200
            assert answer.json()["rows"]
            waits_ms.append((time.perf_counter() - due) * 1000)

        for number in range(int(RATE_S * seconds)):
            due = began + number / RATE_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(due, *next(queries)))
    return waits_ms


if __name__ == "__main__":
    alone(measure)
