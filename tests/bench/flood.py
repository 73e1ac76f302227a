"""Collecting while HTTP is flooded: 150 orders/s with 2,000 slow clients and 500 requests/s, against the same without.

The slow clients send a letter of an endless head every few seconds, and connect again when they are cut off. Another
process has both; the way of an order is measured as in `latency`. That process needs a core for itself: so it floods
another server too, which sends the same bytes to all, and what the orders wait then is not ours.
"""

import asyncio
import json
import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import latency
import uvloop
from alone import alone
from ground import Ground, cpu_s
from results import Row, percentile

MEASURE = "flood"
FLOW_S, SLOW_CLIENTS, REQUESTS_PER_S, ASKING = 30, 2_000, 500, 25
LETTER_EVERY_S, WITHIN_S = 3.0, 10.0
PATHS = ("/livez", "/api/status", "/api/kpis", "/readyz")


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """The waits of the orders and the processor time of `run`: without the flood, with one elsewhere, with one here."""
    flow_s, rows = 5 if quick else FLOW_S, list[Row]()
    for name, flooded in (("without", None), ("flood elsewhere", _elsewhere), ("under flood", _url)):
        waits, answers, busy = _flow(found, f"{MEASURE}_{name.replace(' ', '_')}", flow_s, flooded)
        shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
        rows += [Row(MEASURE, f"{share} {name}", "ms", [percentile(waits, part)]) for share, part in shares.items()]
        rows += [Row(MEASURE, f"processor time of `run` {name}", "s/s", [busy])]
    return rows + [Row(MEASURE, f"answers: {status}", "1/s", [number / flow_s]) for status, number in answers.items()]


Flooded: TypeAlias = Callable[[Path], str]


def _flow(found: Ground, name: str, flow_s: float, flooded: Flooded | None) -> tuple[list[float], Counter[str], float]:
    """The waits, the answers by status, and the processor time of `run` in a second."""
    data_dir = found.folder / name
    with found.running(data_dir, name, "--no-produce", environment={"MULTIMARKET_HTTP_PORT": "0"}) as running:
        plan, _ = latency._plan(found, data_dir, flow_s, 0)
        context = multiprocessing.get_context("spawn")
        results, stop = context.SimpleQueue(), context.Event()
        if flooded:
            context.Process(target=_flood, args=(flooded(data_dir), stop, results), daemon=True).start()
            results.get()  # it has begun
        began, used_s = time.monotonic(), cpu_s(running.pid)
        received, seen = latency._dropped_and_seen(found, plan, name)
        busy = (cpu_s(running.pid) - used_s) / (time.monotonic() - began)
        stop.set()
        answers = results.get() if flooded else Counter()
    return [(seen[key] - at) * 1000 for key, at in received.items()], answers, busy


def _elsewhere(_: Path) -> str:
    """The address of a server of few lines, in a process of its own until the bench ends."""
    context = multiprocessing.get_context("spawn")
    port = context.SimpleQueue()
    context.Process(target=_bare, args=(port,), daemon=True).start()
    return f"http://127.0.0.1:{port.get()}"


def _bare(port: Any) -> None:
    uvloop.run(_served(port))


async def _served(port: Any) -> None:
    listener = await asyncio.get_running_loop().create_server(_Bare, "127.0.0.1", 0, backlog=1024)
    port.put(listener.sockets[0].getsockname()[1])
    await listener.serve_forever()


class _Bare(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"alive":true}')


def _url(data_dir: Path) -> str:
    file, deadline = data_dir / "logs" / "http.json", time.monotonic() + 60
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("HTTP does not listen")
        time.sleep(0.05)
    return str(json.loads(file.read_text())["url"])


def _flood(url: str, stop: Any, results: Any) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_attack(urlsplit(url).hostname or "", urlsplit(url).port or 0, stop, results))


async def _attack(host: str, port: int, stop: Any, results: Any) -> None:
    answers = Counter[str]()
    clients = [_slow(host, port) for _ in range(SLOW_CLIENTS)]
    clients += [_asking(host, port, PATHS[number % len(PATHS)], answers) for number in range(ASKING)]
    tasks = [asyncio.create_task(client) for client in clients]
    await asyncio.sleep(3)
    answers.clear()
    results.put("begun")
    await asyncio.to_thread(stop.wait)
    results.put(answers)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _slow(host: str, port: int) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            while not writer.is_closing():
                await asyncio.sleep(LETTER_EVERY_S)
                writer.write(b"x")
                await writer.drain()
        await asyncio.sleep(1)


async def _asking(host: str, port: int, path: str, answers: Counter[str]) -> None:
    """One connection that asks again and again, and counts the answers by their status."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    while True:
        try:
            async with asyncio.timeout(WITHIN_S):
                reader, writer = await asyncio.open_connection(host, port)
            while True:
                began = time.monotonic()
                async with asyncio.timeout(WITHIN_S):
                    writer.write(request)
                    answers[await _answered(reader)] += 1
                await asyncio.sleep(max(0.0, began + ASKING / REQUESTS_PER_S - time.monotonic()))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            answers[type(error).__name__] += 1
            await asyncio.sleep(0.1)


async def _answered(reader: asyncio.StreamReader) -> str:
    """The status of an answer, which is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line.split(":")[1] for line in head.splitlines() if line.startswith("content-length:")), "0")
    await reader.readexactly(int(length))
    return head.split()[1]


if __name__ == "__main__":
    alone(measure)
