"""Two collectors on one directory at the same time: harmless."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.torture import generations
from multimarket_async.torture.assault import drain, ended
from multimarket_async.torture.history import History, Parcel, Way
from multimarket_async.torture.invalid import written
from multimarket_async.torture.load import QUEUED_NAME, simulated
from multimarket_async.torture.looks import violations
from multimarket_async.torture.victim import Orders, start
from multimarket_async.torture.writers import Writers

pytestmark = pytest.mark.slow


@asynccontextmanager
async def two_at_work(orders: Orders) -> AsyncIterator[Application]:
    """Two collectors in processes of their own while one delivers; afterwards everything is drained."""
    victims = [start(orders), start(orders)]
    async with composition.opened(composition.workspace(orders.loaded())) as application:
        yield application
        for victim in victims:
            victim.terminate()
        assert [await ended(victim, 20) for victim in victims] == [True, True]
        assert await drain(orders) == []


@pytest.fixture
def orders(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> Orders:
    return Orders(tmp_path, mongo_uri, database.name, batch_files=20)


def parcels(application: Application) -> Iterator[Parcel]:
    """Orders; some under one name for all, so that a name is used again as soon as it is free."""
    for feed, _ in application.channels:
        for number in range(100):
            order = simulated(feed, 1, number)
            way, name = (Way.QUEUED, QUEUED_NAME) if number % 5 == 0 else (Way.WHOLE, f"{number}.json")
            yield Parcel(
                feed.name, name, written(order), f"{order['canal']}:{order['order_id']}", None, way, number / 99
            )


async def test_two_collectors_on_one_directory_are_harmless(orders: Orders) -> None:
    """Each order once, each file once, whoever comes first."""
    async with two_at_work(orders) as application:
        writers = Writers(application.channels, application.store)
        received = list(parcels(application))
        await writers.deliver_all(received, [[] for _ in received])
    async with composition.opened(composition.workspace(orders.loaded())) as application:
        await right(application, writers.history)


async def right(application: Application, history: History) -> None:
    found, channels = await violations(application, history, await generations.ledger_of(application.store))
    assert found == []
    assert [(one.stored, one.duplicates) for one in channels] == [(100, 0)] * 3
