"""Faults beneath a sink: a full disk, a server killed in a commit. Nothing is lost, and nothing there twice.

Each fault is one sentence; afterwards the sink holds the newest generation, whole.
"""

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.sinks.lake.delta import Tables
from tests.sinks.conftest import loaded, measured
from tests.sinks.s3 import bucket
from tests.tracing import missing

pytestmark = pytest.mark.slow
FULL = "No space left on device"


class SmallDisk:
    """A file system of its own. filler: what takes the room of others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, left: int = 0) -> None:
        """Leave so many bytes."""
        self._filler.unlink(missing_ok=True)
        at = os.statvfs(self.folder)
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, at.f_bavail * at.f_frsize - left)

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "multimarket-test", str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        missing("needs leave to mount a file system")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def sentence(application: Application, sink: str) -> str:
    """The reason why this sink cannot be written to."""
    why = (await app.sink_once(application))[sink]
    assert isinstance(why, str)
    return why


async def holds(application: Application, sink: str, number: int) -> None:
    assert (await app.sink_once(application))[sink] == number
    assert (await app.compare_sinks(application))[sink] == (number, [])


async def test_a_full_disk_beneath_the_lake(given: dict[str, Any], tmp_path: Path) -> None:
    """At the first table, in the middle of all, and of the merge."""
    with small_disk(tmp_path / "lake", 8) as disk:
        settings = loaded({**given, "sinks": ("lake",), "lake_url": str(disk.folder)})
        async with app.opened(app.workspace(settings)) as application:
            for left in (0, 60_000, 20_000):
                number = await measured(application, *range(left, left + 20))
                disk.fill(left)
                assert FULL in (why := await sentence(application, "lake"))
                assert why.startswith("The table ")
                disk.free()
                await holds(application, "lake", number)


async def test_a_full_disk_where_rows_are_made(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for temporary files."""
    with small_disk(tmp_path / "temporary", 8) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
        async with app.opened(app.workspace(loaded({**given, "sinks": ("lake",)}))) as application:
            for left in (0, 30_000):
                number = await measured(application, *range(left, left + 20))
                disk.fill(left)
                assert FULL in await sentence(application, "lake")
                disk.free()
                await holds(application, "lake", number)


async def test_a_full_disk_beneath_the_warehouse(given: dict[str, Any], tmp_path: Path) -> None:
    """PostgreSQL says so, or ends and is started again."""
    with small_disk(tmp_path / "data" / "postgres", 120) as disk:
        async with app.opened(app.workspace(loaded({**given, "sinks": ("warehouse",)}))) as application:
            await measured(application, 1)
            assert await app.sink_once(application) == {"warehouse": 1}
            for first, left in ((2, 0), (300, 250_000)):
                number = await measured(application, *range(first, first + 200))
                disk.fill(left)
                why = await sentence(application, "warehouse")
                assert re.match(
                    r"The embedded PostgreSQL .* is full; make room|The disk of PostgreSQL at .* is full", why
                )
                disk.free()
                await holds(application, "warehouse", number)


async def test_an_s3_server_killed_in_a_commit(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first table and later ones, and while documents are merged."""
    with bucket(tmp_path / "s3") as remote:
        for name, value in remote.environment.items():
            monkeypatch.setenv(name, value)
        settings = loaded({**given, "sinks": ("lake",), "lake_url": remote.url})
        async with app.opened(app.workspace(settings)) as application:
            for first, (call, after_s) in enumerate(((1, 0.005), (4, 0.02), (1, 0.01))):
                number = await measured(application, *range(9 * first, 9 * first + 9))
                with monkeypatch.context() as patched:
                    kill_in(patched, call, after_s, remote.kill)
                    assert "cannot be read or written" in await sentence(application, "lake")
                await asyncio.to_thread(remote.start)
                await holds(application, "lake", number)


def kill_in(patched: pytest.MonkeyPatch, call: int, after_s: float, kill: Callable[[], None]) -> None:
    """Kill so long after this commit has begun."""
    left = [call]

    def killing(real: Callable[..., Any]) -> Callable[..., Any]:
        def commit(*given: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                Timer(after_s, kill).start()
            return real(*given)

        return commit

    for name in ("replace", "merge"):
        patched.setattr(Tables, name, killing(getattr(Tables, name)))
