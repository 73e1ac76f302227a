"""The MongoDB of torture: the embedded server, killed, paused and made to fail from outside."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from multimarket_async.app import side_task
from multimarket_async.store import EmbeddedServer
from multimarket_async.store.embedded.folder import Folder
from multimarket_async.store.embedded.setup import Client

PAUSE_S = 0.5
CACHE_GB = 0.5


class Mongod:
    """An embedded server that is up. uri: its address, with the password."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.uri = uri
        self._folder = Folder(folder)

    def kill(self) -> None:
        """End it as the kernel would, short of memory; the process that owns it starts it again."""
        self._send(signal.SIGKILL)

    async def pause(self) -> None:
        """Stop it in the middle of its work, for a moment."""
        self._send(signal.SIGSTOP)
        try:
            await asyncio.sleep(PAUSE_S)
        finally:
            self._send(signal.SIGCONT)

    def fail_commands(self, mode: str | Mapping[str, int], data: Mapping[str, Any]) -> None:
        """Set MongoDB's own fail point failCommand, unless the server is down. Blocking."""
        with suppress(Exception), self._client() as admin:  # the driver is imported in store/ only
            admin.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)

    def drop(self, database: str) -> None:
        """Drop a database. Blocking."""
        with self._client() as admin:
            admin.drop_database(database)

    def _client(self) -> Client:
        return Client(self.uri)

    def _send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone: killed a moment ago and not started again yet."""
        if address := self._folder.address():
            with suppress(ProcessLookupError):
                os.kill(address.pid, number)


@asynccontextmanager
async def mongod(folder: Path) -> AsyncIterator[Mongod]:
    """The server on this folder, restarted when it dies, as under `run`; its fail points can be set."""
    server = EmbeddedServer(folder, database="torture", port=0, cache_gb=CACHE_GB, parameters=("enableTestCommands=1",))
    try:
        uri = await server.start()
        async with side_task(server.watch(), "mongod"):
            yield Mongod(folder, uri)
    finally:
        await server.stop()
