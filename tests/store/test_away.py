"""A MongoDB that is away, or not ours: each driver says it in the same word, and comes back by itself."""

import asyncio
import errno
import gc
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import dns.exception
import pymongo.asynchronous
import pytest
from pymongo.database import Database

from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable, WrongSettings
from multimarket_async.settings import MongoDriver
from multimarket_async.store import EmbeddedServer, Exists, Inserted, Outcome, Store, encode
from tests.tracing import missing

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
    assert await back(store) in ([Inserted()], [Exists("d")])


async def test_not_the_primary(server: Server, store: Store) -> None:
    """It answers, but takes no writes now: waited for."""
    with pymongo.MongoClient(server.uri) as admin:
        admin.admin.command("replSetStepDown", 60, force=True)
        try:
            with pytest.raises(Unavailable):
                await store.insert(READINGS, ONE)
        finally:
            admin.admin.command("replSetFreeze", 0)
    assert await back(store) == [Inserted()]


async def back(store: Store) -> list[Outcome]:
    """The answer to an insert, as soon as there is one."""
    for _ in range(100):
        with suppress(Unavailable):
            return await store.insert(READINGS, ONE)
        await asyncio.sleep(0.1)
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


WRONG = {  # options of a URI, and what is said of them
    "fooBar=1": "mongo_uri has an option that cannot be used: Unknown option: foobar.",
    "authMechanism=FOO": "mongo_uri has an option that cannot be used: authmechanism must be in (",
    "authMechanism=GSSAPI&authSource=admin": "mongo_uri has an option that cannot be used: authentication source",
    "connectTimeoutMS=soon": "mongo_uri has an option that cannot be used: connecttimeoutms must be an integer",
    "readPreference=bogus": "mongo_uri has an option that cannot be used: bogus is not a valid read preference.",
    "tls=true&tlsInsecure=true&tlsAllowInvalidCertificates=true": "mongo_uri has an option that cannot be used: URI",
    "tls=true&tlsCAFile=/nowhere/ca.pem": "mongo_uri names a file that cannot be read, /nowhere/ca.pem: No such file",
    "tls=true&tlsCAFile=/dev/null": "mongo_uri names a file in tlsCAFile or tlsCertificateKeyFile that is no",
}


@pytest.mark.parametrize("options", WRONG)
def test_each_wrong_option_has_its_sentence(options: str, driver: MongoDriver) -> None:
    """Named, without the address, in which there is a password."""
    with pytest.raises(WrongSettings) as wrong:
        Store(f"mongodb://shop:hush-hush@127.0.0.1/?{options}", "x", driver)
    assert str(wrong.value).startswith(WRONG[options])
    assert "hush" not in str(wrong.value)


def test_a_password_that_is_not_escaped_is_not_taken_for_an_option(driver: MongoDriver) -> None:
    """Nor shown as one."""
    with pytest.raises(WrongSettings, match=r"mongo_uri is not a MongoDB URI\. Expected") as wrong:
        Store("mongodb://shop:a?hush=1@127.0.0.1/", "x", driver)
    assert "hush" not in str(wrong.value)


def test_a_name_without_dns_is_no_wrong_uri(driver: MongoDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of mongodb+srv are looked up: here they are not found."""
    monkeypatch.setattr("dns.resolver.resolve", _no_dns)
    with pytest.raises(
        CannotContinue, match=r"db\.example\.org cannot be looked up: .*Check the name and the DNS"
    ) as why:
        Store("mongodb+srv://shop:hush-hush@db.example.org/", "x", driver)
    assert "hush" not in str(why.value)


def _no_dns(*_: object, **__: object) -> None:
    raise dns.exception.Timeout


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """The address of a server whose certificate nobody has signed."""
    pem = tmp_path / "own.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command = [*request, "-subj", "/CN=localhost", "-days", "2", "-keyout", pem, "-out", tmp_path / "certificate.pem"]
    if shutil.which("openssl") is None:
        missing("needs openssl")
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate.pem", pem)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_greet, args=(server, tls), daemon=True).start()
        yield f"mongodb://127.0.0.1:{server.getsockname()[1]}/?tls=true&serverSelectionTimeoutMS=500"
        server.shutdown(socket.SHUT_RDWR)


def _greet(server: socket.socket, tls: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # closed
            return
        with client, suppress(OSError):
            tls.wrap_socket(client, server_side=True).close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the driver leaves the socket of the handshake to the collector
async def test_a_certificate_that_is_not_trusted(untrusted: str, driver: MongoDriver) -> None:
    """Waited for, as somebody may renew it; with the option that helps."""
    async with aclosing(Store(untrusted, "x", driver)) as store:
        with pytest.raises(Unavailable, match="certificate is not trusted here: name its authority with tlsCAFile"):
            await store.ping()
    gc.collect()


async def test_a_mechanism_that_the_server_does_not_have(mongo_uri: str, driver: MongoDriver) -> None:
    """As a wrong password."""
    async with aclosing(Store(f"{mongo_uri}&authMechanism=PLAIN", "x", driver)) as store:
        with pytest.raises(CannotContinue, match=r"refuses these credentials: .*mechanism PLAIN which is not enabled"):
            await store.ping()


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
            with pytest.raises(
                OperationFailed,
                match=r"the MongoDB user lacks a right, see `doctor`: not authorized on \S+ to execute insert",
            ):
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
