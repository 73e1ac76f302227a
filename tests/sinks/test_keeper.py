"""A sink is kept at the newest generation, and stops nothing when it fails."""

import asyncio
from typing import Any

import httpx
import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.cli.health import read_status
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.generations import generation, rows_by_kpi
from multimarket_async.readers.doctor import FAULT, OK
from multimarket_async.readers.http import Sources
from multimarket_async.readers.http.api import Api
from multimarket_async.settings import Settings
from multimarket_async.sinks import chosen, kinds
from multimarket_async.sinks.kinds import Kind
from multimarket_async.store import Erasures
from tests.sinks import memory
from tests.sinks.conftest import deliver, measured, running
from tests.sinks.memory import Memory


async def newest(application: Application) -> tuple[int, dict[str, Any]]:
    document = await generation(application.store)
    return document["_id"], await rows_by_kpi(application.store, document)


async def test_a_run_leaves_the_sink_at_its_last_generation(application: Application, sink: Memory) -> None:
    """With all its rows; it is closed in the end."""
    await deliver(application, 1)
    async with running(application) as until:
        await until(lambda: bool(sink.written))
        await deliver(application, 2)
    number, rows = await newest(application)
    assert sink.place
    assert (sink.place.generation, sink.rows, sink.closed) == (number, rows, 1)
    assert sink.written == sorted(set(sink.written))


async def test_a_failing_sink_stops_nothing_and_catches_up(
    application: Application, sink: Memory, database: "Database[Any]"
) -> None:
    """Files that arrive meanwhile are stored and measured; status says which sink, since when, and why."""
    sink.failing = Unavailable("the server is away")
    await deliver(application, 1)
    with capture_logs() as entries:
        async with running(application) as until:
            published = database["kpi_snapshots"]
            await until(lambda: published.count_documents({"documents.orders": 3}) > 0)
            await until(lambda: bool(database["kpi_sinks"].find_one({"why": "the server is away"})))
            [state] = (await read_status(application)).sinks
            assert (state.state, state.generation, state.behind >= 1, state.why) == (
                "failing",
                None,
                True,
                "the server is away",
            )
            assert state.behind_since
            assert state.failing_since
            assert state.sentence().startswith("memory holds no generation yet, ")
            sink.failing = None
            await until(lambda: bool(sink.written))
    assert database["commandes"].count_documents({}) == 3
    [state] = (await read_status(application)).sinks
    assert (state.state, state.behind, state.why, state.failing_since) == ("ok", 0, "", None)
    events = [(entry["event"], entry["task"]) for entry in entries if entry["event"].startswith("task.")]
    assert events == [("task.failed", "sink memory"), ("task.resumed", "sink memory")]


async def test_what_is_not_expected_is_named_too(application: Application, sink: Memory) -> None:
    """A mistake in a sink is a failure of that sink."""
    await measured(application, 1)
    sink.failing = KeyError("planted")
    with pytest.raises(KeyError):
        await app.sink_once(application)
    [state] = (await read_status(application)).sinks
    assert state.why == "'planted'"


async def test_once_brings_it_to_the_newest_generation(application: Application, sink: Memory) -> None:
    """The outcome is that number, or the reason; what it holds already is not written again."""
    assert await app.sink_once(application) == {"memory": 0}
    number = await measured(application, 1)
    for _ in range(2):
        assert await app.sink_once(application) == {"memory": number}
    assert sink.written == [number]
    sink.failing = CannotContinue("the password is wrong")
    assert await app.sink_once(application) == {"memory": "the password is wrong"}


async def test_after_an_erasure_all_of_it_is_written_again(application: Application, sink: Memory) -> None:
    """The sink may show that person, though the number of the generation is the same."""
    number = await measured(application, 1)
    await app.sink_once(application)
    receipts = Erasures(application.store)
    await receipts.end((await receipts.begin("somebody", application.clock.now(), {}))["_id"], application.clock.now())
    assert (await read_status(application)).sinks[0].generation is None
    await app.sink_once(application)
    assert sink.written == [number, number]
    assert (await read_status(application)).sinks[0].generation == number


@pytest.mark.slow
async def test_metrics_have_each_sink(application: Application, sink: Memory) -> None:
    """For an alarm: how far it is behind, since when, and whether it fails."""
    number = await measured(application, 1)
    await app.sink_once(application)
    await measured(application, 2)
    sources = Sources(
        application.domains,
        application.feeds,
        application.store,
        application.settings,
        application.clock,
        application.collector().tally.meters,
        application.tasks(),
        application.latency_file,
        asyncio.Event(),
    )
    transport = httpx.ASGITransport(Api(sources).asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        text = (await client.get("/metrics")).text
        [shown] = (await client.get("/api/status")).json()["sinks"]
    assert f'multimarket_sink_generation{{sink="memory"}} {float(number)}' in text
    assert 'multimarket_sink_behind_generations{sink="memory"} 1.0' in text
    assert 'multimarket_sink_failing{sink="memory"} 0.0' in text
    assert (shown["sink"], shown["state"], shown["generation"], shown["behind"]) == ("memory", "behind", number, 1)


async def test_doctor_looks_at_each_sink(
    application: Application, sink: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its server; and before that at its packages, with the command that installs them."""

    async def found() -> Any:
        [finding] = [finding for finding in await app.examined(application) if finding.check == "sink memory"]
        return finding

    assert ((await found()).level, (await found()).found) == (OK, "in memory")
    sink.failing = Unavailable("no route")
    assert ((await found()).level, (await found()).found) == (FAULT, "no route")
    monkeypatch.setattr(kinds, "KINDS", {"memory": Kind("memory", ("no_such_package",), memory.__name__)})
    lacking = await found()
    assert (lacking.level, lacking.ends) == (FAULT, False)
    assert lacking.found.endswith("-m pip install 'multimarket-async[memory]'")
    outcome = (await app.sink_once(application))["memory"]
    assert outcome == 0  # nothing was measured
    await measured(application, 1)
    assert (await app.sink_once(application))["memory"] == lacking.found


def test_an_unknown_sink_is_refused_with_the_nearest_name(sink: Memory) -> None:
    """At the start."""
    with pytest.raises(WrongSettings, match=r"no sink memry; there are: memory\. Did you mean memory\?"):
        chosen(Settings(sinks=("memry",)))
