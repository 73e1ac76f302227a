"""Writers and PostgreSQL killed at each named point of the sinks: each holds the generation before or the new one."""

import asyncio
import json
import multiprocessing
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multimarket_async import app, logs
from multimarket_async.app import Application
from multimarket_async.proving.torture import failpoints
from multimarket_async.proving.torture.failpoints import Failpoint
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres
from tests.sinks.conftest import loaded, measured

pytestmark = pytest.mark.slow
PROCESSES = multiprocessing.get_context("forkserver")
TABLE = 4  # the call of those that there are for each table


def write_and_die(given: dict[str, Any], point: Failpoint, pid: int | None, journal: Path) -> None:
    """Write to the sinks, in a process of its own; at the failpoint it dies, or a process with this id."""
    if pid:
        failpoints.kill = lambda: os.kill(pid, 9)
    with Path(os.devnull).open("w") as nowhere:
        logs.configure("json", nowhere, None)
        asyncio.run(_write(given, point, journal))


async def _write(given: dict[str, Any], point: Failpoint, journal: Path) -> None:
    async with app.opened(app.workspace(loaded(given))) as application:
        await app.sink_once(failpoints.instrument(application, failpoints.Injector([point], journal)))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL that is started again when it dies."""
    made = EmbeddedPostgres(tmp_path / "postgres", port=0, schema="multimarket")
    try:
        await made.start()
        yield made
    finally:
        await made.aclose()


@pytest.fixture
async def application(given: dict[str, Any], server: EmbeddedPostgres) -> AsyncIterator[Application]:
    given |= {"sinks": ("warehouse", "lake"), "postgres_uri": server.uri, "until_empty_timeout_s": 60.0}
    async with app.opened(app.workspace(loaded(given))) as made:
        yield made


async def killed(application: Application, given: dict[str, Any], point: Failpoint, pid: int | None, log: Path) -> None:
    """A new generation, of which one of the processes dies at this point; then a writer that does not."""
    number = await measured(application, *range(3 * int(log.name), 3 * int(log.name) + 3))
    process = PROCESSES.Process(target=write_and_die, args=(given, point, pid, log))
    process.start()
    await asyncio.to_thread(process.join)
    assert await asyncio.to_thread(log.read_text) == f"{point.name}\n"
    for held, differences in (await app.compare_sinks(application)).values():
        assert held in (number - 1, number), (point, differences)
        documents = ("star schema", "fact_", "dim_", "commandes")  # are newer, where the generation is the one before
        assert [words for words in differences if held == number or not any(map(words.count, documents))] == [], point
    assert await app.sink_once(application) == {"warehouse": number, "lake": number}
    assert await app.compare_sinks(application) == {"warehouse": (number, []), "lake": (number, [])}


async def test_each_failpoint_of_a_sink(application: Application, given: dict[str, Any], tmp_path: Path) -> None:
    """Nothing is lost, and nothing there twice: the next writer goes on from there. `torture` draws the same ones."""
    await measured(application, 0)
    assert await app.sink_once(application) == {"warehouse": 1, "lake": 1}
    points = [replace(point, call=1) for sink in ("warehouse", "lake") for point in failpoints.SINK_KILLS[sink]]
    points += [replace(point, call=TABLE) for point in points if point.operation == "table"]
    for number, point in enumerate(points, 1):
        await killed(application, given, point, None, tmp_path / str(number))


async def test_postgres_killed_at_each_failpoint(
    application: Application, given: dict[str, Any], tmp_path: Path
) -> None:
    """It comes back, and what was not committed is written again."""
    await measured(application, 0)
    await app.sink_once(application)
    for number, point in enumerate(failpoints.SINK_KILLS["warehouse"], 1):
        pid = json.loads((tmp_path / "postgres" / "server.json").read_text())["pid"]
        await killed(application, given, replace(point, call=1), pid, tmp_path / str(number))
