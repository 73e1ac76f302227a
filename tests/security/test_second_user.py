"""A second user of the machine, at first starts of the embedded MongoDB: it reads nothing, and wins nothing.

FIRST_STARTS=100 in the environment for so many starts; each takes some seconds.
"""

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo
import pytest
from pymongo.errors import PyMongoError

from multimarket_async.clock import beats
from multimarket_async.store import EmbeddedServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 30 * int(os.environ.get("FIRST_STARTS", "3")))]

STARTS = int(os.environ.get("FIRST_STARTS", "3"))
STRANGER, LISTENING = 54321, "0A"
ATTEMPTS = (
    {"createUser": "evil", "pwd": "evil", "roles": ["root"]},
    {"usersInfo": 1},
    {"getCmdLineOpts": 1},
    {"replSetGetStatus": 1},
    {"shutdown": 1, "force": True},
)


def stranger(folder: Path, ours: Any, attempts: Any, won: Any, stop: Event) -> None:
    """Try every port that begins to listen, and every file of the folder, until `stop` is set."""
    os.setgroups([])
    os.setgid(STRANGER)
    os.setuid(STRANGER)
    before = set(ports())
    while not stop.is_set():
        for path in readable(folder):
            won.put(f"read {path}")
        for port in set(ports()) - before:
            for command in ATTEMPTS:
                if succeeds(port, command):
                    won.put(f"{command} on port {port}")
            attempts.value += port == ours.value


def ports() -> Iterator[int]:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if state == LISTENING:
            yield int(local.rpartition(":")[2], 16)


def readable(folder: Path) -> Iterator[Path]:
    """Files that can be opened; a folder that cannot be entered shows none."""
    for path in folder.rglob("*"):
        with suppress(OSError), path.open("rb") as file:
            file.read(1)
            yield path


def succeeds(port: int, command: dict[str, Any]) -> bool:
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=100&connectTimeoutMS=100"
    with suppress(PyMongoError), pymongo.MongoClient(uri, socketTimeoutMS=300) as client:
        client.admin.command(command)
        return True
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
async def test_a_second_user_reads_nothing_and_wins_nothing() -> None:
    """While the server is set up, and after; the users are ours alone."""
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as data:
            os.chmod(data, 0o755)  # noqa: PTH101 - what is in it has to protect itself
            users, won = await attacked_start(Path(data))
        assert won == []
        assert users == {"multimarket", "bi"}


async def attacked_start(data: Path) -> tuple[set[str], list[str]]:
    """The users in the end, and what the stranger has won."""
    context = multiprocessing.get_context("fork")
    port, attempts = context.Value("i", 0), context.Value("i", 0)
    won, stop = context.SimpleQueue(), context.Event()
    process = context.Process(target=stranger, args=(data, port, attempts, won, stop), daemon=True)
    process.start()
    server = EmbeddedServer(data / "mongo", database="shop", port=0, cache_gb=0.25)
    try:
        uri = await server.start()
        port.value = urlsplit(uri).port
        with pymongo.MongoClient(uri) as client:
            users = {user["user"] for user in client.admin.command("usersInfo")["users"]}
        async with asyncio.timeout(60):
            async for _ in beats(0.01, asyncio.Event()):
                if attempts.value:
                    break
    finally:
        stop.set()
        process.join()
        await server.stop()
    return users, [] if won.empty() else [won.get()]
