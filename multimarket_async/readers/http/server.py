"""uvicorn in the event loop of the process, which keeps signals and logging to itself."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import structlog
import uvicorn

from multimarket_async.descriptors import limit
from multimarket_async.errors import CannotContinue
from multimarket_async.readers.http.address import announced
from multimarket_async.readers.http.api import Api
from multimarket_async.readers.http.connections import Connection
from multimarket_async.readers.http.sources import Sources

log = structlog.get_logger()

TRIED_PORTS = 100
GRACE_S = 1
MOST_CONNECTIONS = 400
DESCRIPTORS_PER_CONNECTION = 4  # of the process; the others are for collecting


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


async def run(sources: Sources) -> None:
    """Listen on the port of the settings until stopped. Raises CannotContinue."""
    settings = sources.settings
    api = await asyncio.to_thread(Api, sources)
    try:
        listener = bound(settings.http_host, settings.http_port)
    except OSError as error:
        raise CannotContinue(f"{settings.http_host}, port {settings.http_port}: {error.strerror}.") from error
    with listener, announced(settings, url(listener)):
        await serve(sources, api, listener)


async def serve_simulated(application: Any, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve an application of a domain, until stopped. Raises CannotContinue."""
    try:
        listener = bound(host, port)
    except OSError as error:
        raise CannotContinue(f"{host}, port {port}: {error.strerror}.") from error
    config = uvicorn.Config(application, ws="none", lifespan="off", log_config=None, access_log=False)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = _Server(config)
    with listener:
        log.info("api.listening", url=url(listener).removesuffix("/"))
        async with _ended_by(stop, server):
            await server.serve([listener])


async def serve(sources: Sources, api: Api, listener: socket.socket) -> None:
    """Serve on this socket until stopped."""
    config = uvicorn.Config(
        api.asgi,
        http=partial(Connection, waiting={}, most=most_connections()),  # type: ignore[arg-type]  # called like the class
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=16 << 10,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # its warnings are a line for each bad request
    server = _Server(config)
    async with api.live(), _ended_by(sources.stop, server):
        await server.serve([listener])


def most_connections() -> int:
    """So many clients may be connected."""
    return min(MOST_CONNECTIONS, limit() // DESCRIPTORS_PER_CONNECTION)


@contextlib.asynccontextmanager
async def _ended_by(stop: asyncio.Event, server: uvicorn.Server) -> AsyncIterator[None]:
    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    task = asyncio.create_task(end())
    try:
        yield
    finally:
        task.cancel()


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on this port or the next free one; 0: any free port. Raises OSError."""
    last = min(port + TRIED_PORTS, 65535) if port else 0
    for candidate in range(port, last + 1):
        try:
            return _bound(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or candidate == last:
                raise
    raise AssertionError("the last port was tried")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def url(listener: socket.socket) -> str:
    """The address for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
