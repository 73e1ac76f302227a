"""Two collectors on one directory at the same time: harmless."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pymongo.database import Database

from multimarket_async import app as composition
from multimarket_async.app import COPY, Application
from multimarket_async.proving.manifest import Manifest
from multimarket_async.proving.torture.checker import outdated, violations
from multimarket_async.proving.torture.generations import Watcher
from multimarket_async.proving.torture.generator import EARLIEST, LATEST, REUSED_NAME, Generator, Planned, Writing
from multimarket_async.proving.torture.nemesis import drain, ended
from multimarket_async.proving.torture.worker import MANIFEST, WorkerConfig, start

pytestmark = pytest.mark.slow


@asynccontextmanager
async def two_at_work(config: WorkerConfig) -> AsyncIterator[Application]:
    """Two collectors in processes of their own while one delivers; afterwards everything is drained."""
    workers = [start(config), start(config)]
    async with composition.opened(composition.workspace(config.loaded())) as application:
        yield application
        for worker in workers:
            worker.terminate()
        assert [await ended(worker, 20) for worker in workers] == [True, True]
        assert await drain(config) == []


@pytest.fixture
def config(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> WorkerConfig:
    return WorkerConfig(tmp_path, mongo_uri, database.name, batch_files=20)


def load(application: Application) -> Iterator[Planned]:
    """Orders; some under one name for all, so that a name is used again as soon as it is free."""
    for feed, _ in application.feeds:
        for number in range(100):
            delivery = feed.simulate(1, number, EARLIEST, LATEST)
            planned = Planned(feed, delivery, number / 99)
            if number % 5 == 0:
                planned = replace(
                    planned, writing=Writing.REUSED, delivery=replace(delivery, name=f"{REUSED_NAME}.json")
                )
            yield planned


async def test_rollups_that_are_out_of_date_are_found(config: WorkerConfig) -> None:
    """And nothing is said of a KPI that is right."""
    async with composition.opened(composition.workspace(config.loaded())) as application:
        feed, landing = application.feeds[0]
        delivery = feed.simulate(1, 1, EARLIEST, LATEST)
        await landing.deliver(delivery.name, delivery.content)
        await application.collector().until_empty()
        assert await outdated(application, await application.snapshotter().refresh()) == []
        with duckdb.connect(config.data_dir / COPY) as copy:
            named = "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'products_%'"
            [(name,)] = copy.execute(named).fetchall()
            copy.execute(f"DELETE FROM orders.{name}")
        found = await outdated(application, await application.snapshotter().refresh())
    assert "top_products: its rollups are out of date; computed anew from the documents, it differs" in found


async def test_two_collectors_on_one_directory_are_harmless(config: WorkerConfig) -> None:
    """Each order once, each file once, whichever comes first."""
    with Manifest(config.data_dir / MANIFEST, (), {}) as manifest:
        async with two_at_work(config) as application:
            await Generator(application, manifest).deliver_all(list(load(application)))
    async with composition.opened(composition.workspace(config.loaded())) as application:
        broken, channels = await violations(application, manifest, Watcher(application.store))
    assert broken == []
    assert [(channel.stored, channel.duplicate) for channel in channels] == [(100, 0)] * 3
