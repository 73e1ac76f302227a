"""A MongoDB that is away, or not ours: each driver says it in the same word, and comes back by itself."""

import asyncio
import errno
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pymongo.asynchronous
import pytest
from pymongo.database import Database

from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.settings import MongoDriver
from multimarket_async.store import EmbeddedServer, Exists, Inserted, Store, encode

READINGS = "readings"
ONE = [encode({"_id": "1", "ingestion": {"sha256": "d"}})]
HASTY = "&serverSelectionTimeoutMS=300&connectTimeoutMS=300&socketTimeoutMS=300&heartbeatFrequencyMS=500"


class Server(EmbeddedServer):
    """A MongoDB that may be hurt."""

    def signal(self, number: signal.Signals) -> None:
        """Straight at the process."""
        assert self._address
        os.kill(self._address.pid, number)

    def pause(self) -> None:
        """Returns when the last of its threads stands still."""
        assert self._address
        self.signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._address.pid}/task")
        while any((path / "stat").read_text().rpartition(")")[2].split()[0] != "T" for path in threads.iterdir()):
            time.sleep(0.01)

    async def killed(self) -> None:
        """As by a power cut."""
        assert self._address
        self.signal(signal.SIGKILL)
        assert await self._gone(self._address, 5)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests here; each leaves it well."""
    server = Server(tmp_path_factory.mktemp("hurt"), database="test", port=0, cache_gb=0.25)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def store(server: Server, driver: MongoDriver) -> AsyncIterator[Store]:
    """A store that was connected, and gives up soon."""
    async with aclosing(Store(server.uri + HASTY, f"test_{driver}", driver)) as store:
        await store.remove(READINGS, ["1"])
        yield store


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which something listens and never says a word."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        yield f"mongodb://127.0.0.1:{mute.getsockname()[1]}/"


@pytest.mark.slow
async def test_killed_and_started_again(server: Server, store: Store) -> None:
    """Away, whatever is asked; then there again, for the same store."""
    await server.killed()
    try:
        for asked in (
            store.ping(),
            store.insert(READINGS, ONE),
            store.newest(READINGS),
            anext(store.aggregate("x", [])),
        ):
            with pytest.raises(Unavailable, match="MongoDB is away"):
                await asked
    finally:
        await server.start()
    assert await store.insert(READINGS, ONE) == [Inserted()]


async def test_killed_in_the_middle_of_an_insert(server: Server, store: Store) -> None:
    """The question was sent and nobody will answer: unknown, so asked again."""
    server.pause()
    insert = asyncio.create_task(store.insert(READINGS, ONE))
    try:
        await asyncio.sleep(0.05)
        assert not insert.done()
        await server.killed()
        with pytest.raises(Unavailable):
            await insert
    finally:
        await server.start()
    assert await store.insert(READINGS, ONE) in ([Inserted()], [Exists("d")])


async def test_paused_in_the_middle_of_an_insert(server: Server, store: Store) -> None:
    """No word within the time given; what came of it shows when it is asked again."""
    server.pause()
    try:
        with pytest.raises(Unavailable):
            await store.insert(READINGS, ONE)
    finally:
        server.signal(signal.SIGCONT)
    assert await store.insert(READINGS, ONE) in ([Inserted()], [Exists("d")])


async def test_not_the_primary(server: Server, store: Store) -> None:
    """It answers, but takes no writes now: waited for."""
    with pymongo.MongoClient(server.uri) as admin:
        admin.admin.command("replSetStepDown", 60, force=True)
        try:
            with pytest.raises(Unavailable):
                await store.insert(READINGS, ONE)
        finally:
            admin.admin.command("replSetFreeze", 0)
    for _ in range(100):
        try:
            assert await store.insert(READINGS, ONE) == [Inserted()]
            break
        except Unavailable:
            await asyncio.sleep(0.1)
    else:
        pytest.fail("the store never came back")


async def test_nobody_answers(nobody: str, driver: MongoDriver) -> None:
    """A server that does not answer is unavailable, after the two seconds of our own client options."""
    async with aclosing(Store(nobody, "x", driver)) as store:
        with pytest.raises(Unavailable):
            await store.insert(READINGS, ONE)
        assert store._client.options.server_selection_timeout == 2.0


async def test_the_uri_has_the_last_word(nobody: str, driver: MongoDriver) -> None:
    """An option in the URI is stronger than ours."""
    async with aclosing(Store(f"{nobody}?serverSelectionTimeoutMS=50", "x", driver)) as store:
        with pytest.raises(Unavailable):
            await store.ping()
        assert store._client.options.server_selection_timeout == 0.05


@pytest.mark.parametrize("uri", ["", "localhost:27017", "http://localhost/", "mongodb://host:port/", "mongodb://"])
def test_a_wrong_uri_is_a_wrong_setting(uri: str, driver: MongoDriver) -> None:
    """Said at the start, with the name of the setting and what is expected."""
    with pytest.raises(WrongSettings, match=r"mongo_uri is not a MongoDB URI.*Expected mongodb://"):
        Store(uri, "x", driver)


async def test_a_wrong_password_cannot_be_waited_for(mongo_uri: str, driver: MongoDriver) -> None:
    """Trying again would not help: stop, and say so."""
    wrong = re.sub(r"://([^@/]*@)?", "://somebody:wrong@", mongo_uri)
    async with aclosing(Store(wrong, "x", driver)) as store:
        with pytest.raises(CannotContinue, match=r"MongoDB refuses these credentials: Authentication failed\."):
            await store.ping()


async def test_a_user_who_may_not_write(mongo_uri: str, database: Database[Any], driver: MongoDriver) -> None:
    """Neither would this."""
    database.command("createUser", "reader", pwd="reader", roles=["read"])
    reader = re.sub(r"://[^@/]*@", "://reader:reader@", mongo_uri).replace(
        "authSource=admin", f"authSource={database.name}"
    )
    try:
        async with aclosing(Store(reader, database.name, driver)) as store:
            assert await store.newest(READINGS) is None
            with pytest.raises(CannotContinue, match="MongoDB refuses these credentials: not authorized"):
                await store.insert(READINGS, ONE)
    finally:
        database.command("dropUser", "reader")


class NoDescriptors:
    """Finds no module, as where every open() fails."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pymongo.asynchronous.auth":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), name)


async def test_a_driver_without_a_free_descriptor_is_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyMongo imports a module for its first connection: that may fail, and be tried again."""
    async with aclosing(Store(server.uri, "descriptors", "pymongo")) as store:
        with monkeypatch.context() as patched:
            patched.delitem(sys.modules, "pymongo.asynchronous.auth", raising=False)
            patched.delattr(pymongo.asynchronous, "auth", raising=False)  # set if another test has connected
            patched.setattr(sys, "meta_path", [NoDescriptors(), *sys.meta_path])
            with pytest.raises(Unavailable, match="Too many open files"):
                await store.ping()
        await store.ping()
