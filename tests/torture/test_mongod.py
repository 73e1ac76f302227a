"""The server of all rounds, struck from outside."""

import json
import subprocess
import sys
from pathlib import Path

from multimarket_async.torture.mongod import Mongod


async def test_one_that_is_gone_can_be_struck(tmp_path: Path) -> None:
    """Killed a moment ago, and not started anew yet: the next strike of the round finds nobody."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:  # noqa: ASYNC220 - over at once
        gone.wait()
    (tmp_path / "server.json").write_text(json.dumps({"pid": gone.pid}))
    server = Mongod(tmp_path, "mongodb://127.0.0.1:1/")
    server.kill()
    await server.pause()
