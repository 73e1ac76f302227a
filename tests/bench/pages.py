"""Answers of the page while orders arrive: 50 requests/s beside 150 orders/s, all that an open page asks for.

A request is sent when it is due, whether or not those before it are answered, and its wait counts from then.
"""

import asyncio
import multiprocessing
import time
from typing import Any
from urllib.parse import urlsplit

import latency
from alone import alone
from flood import _answered, _url
from ground import Ground
from results import Row, percentile

from multimarket_async.domains.orders.channels import CHANNELS

MEASURE = "pages"
FLOW_S, REQUESTS_PER_S, CONNECTIONS = 30, 50, 12
KPIS = (
    "revenue_by_month_and_channel",
    "top_products",
    "cancellation_rate_by_channel",
    "average_order_value_by_channel",
)
FILTERED = [f"/api/kpis/{name}?channel={channel}" for name in KPIS[::2] for channel in CHANNELS.values()]
PATHS = ["/api/status", "/api/kpis", *(f"/api/kpis/{name}" for name in KPIS), *FILTERED, "/api/orders?limit=50"]


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """The waits of the requests, and of the orders."""
    flow_s, data_dir = (8 if quick else FLOW_S), found.folder / MEASURE
    with found.running(data_dir, MEASURE, "--no-produce", environment={"MULTIMARKET_HTTP_PORT": "0"}):
        plan, _ = latency._plan(found, data_dir, flow_s, 0)
        context = multiprocessing.get_context("spawn")
        stop, results = context.Event(), context.SimpleQueue()
        context.Process(target=_client, args=(_url(data_dir), stop, results), daemon=True).start()
        received, seen = latency._dropped_and_seen(found, plan, MEASURE)
        stop.set()
        waits, refused = results.get()
    orders = [(seen[key] - at) * 1000 for key, at in received.items()]
    return [
        Row(MEASURE, f"p50 at {REQUESTS_PER_S} requests/s", "ms", [percentile(waits, 0.5)]),
        Row(MEASURE, f"p99 at {REQUESTS_PER_S} requests/s", "ms", [percentile(waits, 0.99)], at_most=100),
        Row(MEASURE, "max", "ms", [max(waits)]),
        Row(MEASURE, "answers of another status than 200", "", [refused], at_most=0),
        Row(MEASURE, "p99 of the orders meanwhile", "ms", [percentile(orders, 0.99)]),
    ]


def _client(url: str, stop: Any, results: Any) -> None:
    results.put(asyncio.run(_page(urlsplit(url).hostname or "", urlsplit(url).port or 0, stop)))


async def _page(host: str, port: int, stop: Any) -> tuple[list[float], int]:
    """The waits, in ms, and the number of answers that were refused; from the first generation on."""
    idle: asyncio.Queue[Any] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection(host, port))
    waits = list[float]()

    async def ask(path: str, due: float) -> str:
        reader, writer = await idle.get()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        status = await _answered(reader)
        idle.put_nowait((reader, writer))
        waits.append((time.monotonic() - due) * 1000)
        return status

    while await ask(f"/api/kpis/{KPIS[0]}", 0) != "200":
        pass  # nothing is measured yet
    waits.clear()
    began, tasks = time.monotonic(), list[asyncio.Task[str]]()
    while not stop.is_set():
        due = began + len(tasks) / REQUESTS_PER_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.append(asyncio.create_task(ask(PATHS[len(tasks) % len(PATHS)], due)))
    return waits, sum(status != "200" for status in await asyncio.gather(*tasks))


if __name__ == "__main__":
    alone(measure)
