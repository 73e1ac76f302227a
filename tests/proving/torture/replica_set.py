"""A replica set of three MongoDB servers on this machine."""

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from multimarket_async.errors import CannotContinue
from multimarket_async.proving.torture.servers import CACHE_GB
from multimarket_async.store import EmbeddedServer, find_mongod
from multimarket_async.store.embedded.mongod import spawn
from multimarket_async.store.embedded.setup import Client
from multimarket_async.supervised import Folder, free_port

READY_WITHIN_S = 60.0
_POLL_S = 0.05
LAST_PREFERRED = "&readPreference=secondaryPreferred&readPreferenceTags=last:yes"  # reads from the last member


class ReplicaSet:
    """Three members that are up, the first of which is primary. uri: the addresses of all, with the password."""

    def __init__(self, uri: str, pids: list[int]) -> None:
        self.uri = uri
        self._pids = pids

    def kill(self, member: int) -> None:
        """End a member as a power cut would; 0 is the primary."""
        os.kill(self._pids[member], signal.SIGKILL)

    def stop_replication(self) -> None:
        """Let the last member lag from now on; it answers, from what it has."""
        last = re.sub("@.*,", "@", self.uri)
        with Client(last.replace("replicaSet=rs0", "directConnection=true")) as admin:
            admin.admin.command("fsync", lock=True)


@asynccontextmanager
async def replica_set(folder: Path, election_timeout_s: float) -> AsyncIterator[ReplicaSet]:
    """The embedded server, which nobody restarts, and two more members with its key file; ended afterwards."""
    first, others = EmbeddedServer(folder / "0", database="torture", port=0, cache_gb=CACHE_GB), {}
    try:
        uri = await first.start()
        address = Folder(folder / "0").address()
        assert address
        for number in (1, 2):
            member = folder / str(number)
            (member / "db").mkdir(parents=True)
            shutil.copy2(folder / "0" / "keyfile", member)
            port = free_port(None)
            others[port] = await spawn(find_mongod(), member, port=port, cache_gb=CACHE_GB)
        await asyncio.to_thread(_join, uri, [address.port, *others], election_timeout_s)
        hosts = ",".join(f"127.0.0.1:{port}" for port in (address.port, *others))
        of_all = uri.replace(f"127.0.0.1:{address.port}", hosts).replace("directConnection=true", "replicaSet=rs0")
        yield ReplicaSet(of_all, [address.pid, *(process.pid for process in others.values())])
    finally:
        for process in others.values():
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await first.stop()


def _join(uri: str, ports: list[int], election_timeout_s: float) -> None:
    """Make one set of the members on these ports; the first stays primary while it lives. Blocking."""
    members: list[dict[str, Any]] = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
    members[0]["priority"] = 2
    members[2] |= {"priority": 0, "tags": {"last": "yes"}}
    settings = {"electionTimeoutMillis": int(election_timeout_s * 1000)}
    with Client(uri) as admin:
        version = admin.admin.command("replSetGetConfig")["config"]["version"]
        config = {"_id": "rs0", "version": version + 1, "members": members, "settings": settings}
        # By force: without it only one voting member at a time may be added.
        admin.admin.command("replSetReconfig", config, force=True)
        _until(lambda: _states(admin) == ["PRIMARY", "SECONDARY", "SECONDARY"])


def _states(admin: Client) -> list[str]:
    return [member["stateStr"] for member in admin.admin.command("replSetGetStatus")["members"]]


def _until(holds: Callable[[], bool]) -> None:
    deadline, reason = time.monotonic() + READY_WITHIN_S, "it is not in the expected state"
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be over in a moment
            reason = str(error)
        time.sleep(_POLL_S)
    raise CannotContinue(f"The replica set is not ready after {READY_WITHIN_S:.0f} s: {reason}")
