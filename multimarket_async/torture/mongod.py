"""The MongoDB of all rounds: the embedded server, as users have it, killed and paused from outside."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from multimarket_async.app import side_task
from multimarket_async.store import EmbeddedServer
from multimarket_async.store.embedded.setup import Client

PAUSE_S = 0.5
CACHE_GB = 0.5


class Mongod:
    """An embedded server that is up. uri: where."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.uri = uri
        self._folder = folder

    def kill(self) -> None:
        """As the kernel would, short of memory; its owner starts it anew."""
        _send(self._pid(), signal.SIGKILL)

    async def pause(self) -> None:
        """Stop it in the middle of whatever it does, for a moment."""
        pid = self._pid()
        _send(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(PAUSE_S)
        finally:
            _send(pid, signal.SIGCONT)

    def forget(self, database: str) -> None:
        """Drop a database. Blocking."""
        with Client(self.uri) as admin:
            admin.drop_database(database)

    def _pid(self) -> int:
        return int(json.loads((self._folder / "server.json").read_text("utf-8"))["pid"])


def _send(pid: int, number: signal.Signals) -> None:
    """Unless it is gone: it may have been killed a moment ago, and its owner has not started it anew."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@asynccontextmanager
async def mongod(folder: Path) -> AsyncIterator[Mongod]:
    """The server on this folder, looked after as `run` looks after it."""
    server = EmbeddedServer(folder, database="torture", port=0, cache_gb=CACHE_GB)
    try:
        uri = await server.start()
        async with side_task(server.watch(), "mongod"):
            yield Mongod(folder, uri)
    finally:
        await server.stop()
