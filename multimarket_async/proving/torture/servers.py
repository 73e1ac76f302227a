"""The MongoDB of torture: the embedded server, killed, paused and made to fail from outside."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from multimarket_async.app import side_task
from multimarket_async.settings import Settings
from multimarket_async.store import RECEIPTS, VERSIONS, EmbeddedServer
from multimarket_async.store.embedded.setup import Client
from multimarket_async.supervised import Folder

PAUSE_S = 0.5
OF_OTHERS = "of_another_hand"  # a field of documents, and a unique index, that somebody else made
FOREIGN: tuple[Mapping[str, Any], ...] = (
    {"test": 1},
    {"_id": "somebody", "ingestion": "by hand"},
    {"_id": 7, "ingestion": {"feed": 1, "partition": ["?"], "ingested_at": "today"}},
    {"_id": {"number": 1}, "order_id": "1", "montant_centimes": "much", "date_commande": "yesterday"},
)
CACHE_GB = 0.5


class Server:
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

    def _send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone: killed a moment ago and not started again yet."""
        if address := self._folder.address():
            with suppress(ProcessLookupError):
                os.kill(address.pid, number)


class Mongod(Server):
    """A MongoDB, which can be disturbed in more ways."""

    def fail_commands(self, mode: str | Mapping[str, int], data: Mapping[str, Any]) -> None:
        """Set MongoDB's own fail point failCommand, unless the server is down. Blocking."""
        with suppress(Exception), self._client() as admin:  # the driver is imported in store/ only
            admin.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)

    def insert_foreign(self, database: str, table: str) -> None:
        """Insert documents of another hand where ours are, unless the server is down. Blocking."""
        with suppress(Exception), self._client() as admin:
            for collection in (table, VERSIONS, RECEIPTS):
                admin[database][collection].insert_many([{**document, OF_OTHERS: True} for document in FOREIGN])

    def foreign(self, database: str, table: str) -> int:
        """The number of documents of another hand in this table. Blocking."""
        with self._client() as admin:
            return int(admin[database][table].count_documents({OF_OTHERS: True}))

    def refuse_documents(self, database: str, table: str) -> None:
        """Make a unique index that refuses all but one document of each feed from now on. Blocking."""
        later = {"ingestion.ingested_at": {"$gt": datetime.now(UTC)}}
        with suppress(Exception), self._client() as admin:
            key = [("ingestion.feed", 1)]
            admin[database][table].create_index(key, name=OF_OTHERS, unique=True, partialFilterExpression=later)

    def accept_documents(self, database: str, table: str) -> None:
        """Drop that index. Blocking."""
        with self._client() as admin:
            if OF_OTHERS in admin[database][table].index_information():
                admin[database][table].drop_index(OF_OTHERS)

    def drop(self, database: str) -> None:
        """Drop a database. Blocking."""
        with self._client() as admin:
            admin.drop_database(database)

    def _client(self) -> Client:
        return Client(self.uri)


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


async def drop_keyspace(settings: Settings) -> None:
    """Drop the keyspace of a round, if Cassandra is on. Raises Unavailable, CannotContinue."""
    if "cassandra" not in settings.sinks:
        return
    from multimarket_async.sinks.cassandra.session import Session  # noqa: PLC0415 - of an extra

    async with aclosing(Session(settings)) as session:
        await session.define(f"DROP KEYSPACE IF EXISTS {settings.cassandra_keyspace}")


@asynccontextmanager
async def postgres(folder: Path, sinks: Collection[str]) -> AsyncIterator[Server | None]:
    """The PostgreSQL of the warehouse, if that is on; restarted when it dies, as under `run`."""
    if "warehouse" not in sinks:
        yield None
        return
    from multimarket_async.sinks.warehouse.server import EmbeddedPostgres  # noqa: PLC0415 - of an extra

    server = EmbeddedPostgres(folder, port=0, schema="torture")
    try:
        yield Server(folder, await server.start())
    finally:
        await server.aclose()
