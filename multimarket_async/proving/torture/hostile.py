"""A hostile client of the HTTP server: half requests, garbage, wrong tokens, readers that do not read; many of each."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from multimarket_async.clock import beats

CONNECTIONS, SECONDS, HELD_S, POLL_S = 80, 0.6, 0.2, 0.02
_HEAD = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",  # never ends
    b"\x16\x03\x01\x00\xff\x00GARBAGE\r\n\r\n" * 20,
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n",
    _HEAD % b"/api/events" + b"\r\n",  # and never reads
    _HEAD % b"/api/orders?cursor=WyIyMDI1LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwiXHVkODAwIl0" + b"\r\n",
    (_HEAD % b"/api/status" + b"Authorization: Bearer wrong-wrong-wrong-wrong\r\n\r\n") * 10,
    (_HEAD % b"/metrics" + b"\r\n") * 10,
)


async def attack(log: Path) -> None:
    """Attack the server that this log says listens, for a while, as soon as there is one."""
    until = time.monotonic() + SECONDS
    async for _ in beats(POLL_S, asyncio.Event()):
        address = listening(log)
        if address:
            await _attack(address)
        if address or time.monotonic() > until:
            return


async def _attack(address: tuple[str, int]) -> None:
    async with asyncio.TaskGroup() as group:
        for _, request in zip(range(CONNECTIONS), cycle(REQUESTS), strict=False):
            group.create_task(_again_and_again(address, request, time.monotonic() + SECONDS))


def listening(log: Path) -> tuple[str, int] | None:
    """The last address in a log at which a server listens; None before the first."""
    found = [urlsplit(url) for url in _urls(log)]
    return (found[-1].hostname or "", found[-1].port or 0) if found else None


def _urls(log: Path) -> Iterator[str]:
    for line in log.read_text("utf-8").splitlines() if log.exists() else ():
        with suppress(ValueError, KeyError):  # a kill cut it
            if '"http.listening"' in line:
                yield json.loads(line)["url"]


async def _again_and_again(address: tuple[str, int], request: bytes, until: float) -> None:
    """A connection that is held for a while without reading, and then another one."""
    while (left := until - time.monotonic()) > 0:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(left):
                _, writer = await asyncio.open_connection(*address)
                try:
                    writer.write(request)
                    await asyncio.sleep(HELD_S)
                finally:
                    writer.close()
        await asyncio.sleep(POLL_S)
