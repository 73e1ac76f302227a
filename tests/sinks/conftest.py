"""The application with sinks, on made-up orders."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.clock import beats
from multimarket_async.discovery import settings_models
from multimarket_async.settings import Loaded, load
from multimarket_async.sinks import kinds
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres
from tests.sinks import memory
from tests.sinks.memory import MEMORY, Memory

HASTE = {"until_empty_timeout_s": 0.1, "snapshot_every_s": 0.05, "scan_every_s": 0.02, "quiet_period_s": 0.1}


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """The PostgreSQL that users get, for the session."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), port=0, schema="multimarket")
    try:
        await server.start()
        yield server
    finally:
        await server.aclose()


@pytest.fixture
async def postgres_uri(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """An empty database on it, of a user who may do everything there."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres.uri)
    await connection.execute(f"CREATE DATABASE {name}")
    yield postgres.uri.rpartition("/")[0] + f"/{name}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    """The one kind of sink there is."""
    monkeypatch.setattr(kinds, "KINDS", {"memory": memory.KIND})
    yield MEMORY
    memory.forget()


@pytest.fixture
def given(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> dict[str, Any]:
    """Settings of an application with that sink; a test may add others."""
    own = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name}
    return {**own, **HASTE, "sinks": ("memory",)}


def loaded(given: dict[str, Any], **environ: str) -> Loaded:
    return load(settings_models(), given, environ, Path("/dev/null"))


@pytest.fixture
async def application(given: dict[str, Any], sink: Memory) -> AsyncIterator[Application]:
    """Orders only."""
    async with app.opened(app.workspace(loaded(given))) as opened:
        yield opened


async def deliver(application: Application, *numbers: int) -> None:
    """An order of each of these numbers into every channel."""
    for feed, landing in application.feeds:
        assert feed.simulate
        for number in numbers:
            delivery = feed.simulate(1, number, application.clock.now(), application.clock.now())
            await landing.deliver(delivery.name, delivery.content)


async def measured(application: Application, *numbers: int) -> int:
    """Deliver, collect and measure; the number of the generation."""
    await deliver(application, *numbers)
    return await refreshed(application)


async def refreshed(application: Application) -> int:
    """Collect and measure; the number of the generation."""
    await application.collector().until_empty()
    snapshotter = application.snapshotter()
    try:
        generation = await snapshotter.refresh()
    finally:
        await snapshotter.aclose()
    return int(generation["_id"])


@asynccontextmanager
async def running(application: Application) -> AsyncIterator[Callable[[Callable[[], bool]], Any]]:
    """`run` meanwhile; what is given waits until something is so."""
    stop = asyncio.Event()

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            async for _ in beats(0.02, stop):
                if condition():
                    return

    async with asyncio.TaskGroup() as group:
        group.create_task(app.run(application, stop, seconds=None))
        try:
            yield until
        finally:
            stop.set()
