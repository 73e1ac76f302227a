"""The MongoDB of torture: faults from outside, which the driver meets as real errors."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.errors import Unavailable
from multimarket_async.proving.torture.nemesis import COMMAND_FAULTS
from multimarket_async.proving.torture.servers import Mongod, mongod
from multimarket_async.store import Store

DONE = {"outcomes unknown"}


async def test_a_server_that_is_gone_can_be_killed_and_paused(tmp_path: Path) -> None:
    """Killed a moment ago, and not started again yet: there is no process for the next fault of the round."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:  # noqa: ASYNC220 - over immediately
        gone.wait()
    (tmp_path / "server.json").write_text(json.dumps({"pid": gone.pid, "port": 1}))
    server = Mongod(tmp_path, "mongodb://127.0.0.1:1/")
    server.kill()
    await server.pause()


async def test_commands_fail_as_often_as_asked(tmp_path: Path) -> None:
    """Each fault makes a command fail, the driver's own second try included; some were done all the same."""
    async with mongod(tmp_path / "mongo") as server, aclosing(Store(server.uri, "torture")) as store:
        await store.insert_if_absent("things", {"_id": 0})
        for number, (name, data) in enumerate(COMMAND_FAULTS.items(), start=1):
            await _fails(server, store, number, data)
            assert await store.insert_if_absent("things", {"_id": number}) is (name not in DONE), name


async def _fails(server: Mongod, store: Store, number: int, data: Mapping[str, Any]) -> None:
    await asyncio.to_thread(server.fail_commands, {"times": 100}, data)
    inserts = "insert" in data["failCommands"]
    with pytest.raises(Unavailable):
        await (store.insert_if_absent("things", {"_id": number}) if inserts else store.newest("things"))
    await asyncio.to_thread(server.fail_commands, "off", {})
