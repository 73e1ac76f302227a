"""Three MongoDB servers on this machine, of which the first may die."""

import asyncio
import os
import secrets
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multimarket_async.errors import CannotContinue
from multimarket_async.store import find_mongod
from multimarket_async.store.embedded.mongod import spawn
from multimarket_async.store.embedded.ports import free_port
from multimarket_async.store.embedded.setup import Client

USER = "torture"
CACHE_GB = 0.25
READY_WITHIN_S = 60.0
_POLL_S = 0.05
Members = dict[int, Process]  # by port


@dataclass(frozen=True)
class ReplicaSet:
    """Members that are up. uri: of all of them."""

    uri: str
    _members: Members
    _password: str

    def primary(self) -> int:
        """The port of the member that takes writes. Blocking."""
        for port, process in self._members.items():
            if process.returncode is None:
                with suppress(Exception), self._client(port) as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return port
        raise CannotContinue("no member of the replica set is primary")

    def kill(self, port: int) -> None:
        """As a power cut would end it."""
        self._members[port].kill()

    def _client(self, port: int) -> Client:
        return Client(_direct(port, f"{USER}:{self._password}@"), serverSelectionTimeoutMS=1000)


@asynccontextmanager
async def replica_set(folder: Path, election_timeout_s: float) -> AsyncIterator[ReplicaSet]:
    """Three members with a password, on loopback; ended afterwards."""
    password, members = secrets.token_urlsafe(16), Members()
    try:
        await _start(folder, members)
        await asyncio.to_thread(_initiate, list(members), password, election_timeout_s)
        hosts = ",".join(f"127.0.0.1:{port}" for port in members)
        yield ReplicaSet(f"mongodb://{USER}:{password}@{hosts}/?authSource=admin&replicaSet=rs0", members, password)
    finally:
        for process in members.values():
            await _stop(process)


async def _start(folder: Path, members: Members) -> None:
    keyfile = secrets.token_hex(64)
    for number in range(3):
        place = folder / f"member-{number}"
        (place / "db").mkdir(parents=True)
        descriptor = os.open(place / "keyfile", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(keyfile)
        port = free_port(None)
        members[port] = await spawn(find_mongod(), place, port=port, cache_gb=CACHE_GB)


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    await process.wait()


def _initiate(ports: list[int], password: str, election_timeout_s: float) -> None:
    """One set of the three, and a user. Blocking."""
    hosts = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
    hosts[0]["priority"] = 2  # so that the first is elected, through which the user is made
    settings = {"electionTimeoutMillis": int(election_timeout_s * 1000)}
    config = {"_id": "rs0", "members": hosts, "settings": settings}
    for port in ports:
        _until(lambda port=port: _ask(port, "ping"))  # type: ignore[misc]
    _until(lambda: _ask(ports[0], "replSetInitiate", config))
    _until(lambda: _ask(ports[0], "hello")["isWritablePrimary"])
    _until(lambda: _ask(ports[0], "createUser", USER, pwd=password, roles=["root"]))


def _ask(port: int, command: str, *value: Any, **options: Any) -> dict[str, Any]:
    with Client(_direct(port), serverSelectionTimeoutMS=1000) as nobody:
        return dict(nobody.admin.command(command, *value, **options))


def _direct(port: int, user: str = "") -> str:
    return f"mongodb://{user}127.0.0.1:{port}/?directConnection=true"


def _until(holds: Callable[[], Any]) -> None:
    deadline, trouble = time.monotonic() + READY_WITHIN_S, "not yet"
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be over in a moment
            trouble = str(error)
        time.sleep(_POLL_S)
    raise CannotContinue(f"The replica set is not ready after {READY_WITHIN_S:.0f} s: {trouble}")
