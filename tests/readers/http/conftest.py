"""A data folder with orders that were collected and measured for real, and the API on it, without a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import LoadedDomain
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.events import publish_logged
from multimarket_async.landing import Landing
from multimarket_async.readers.http import Sources
from multimarket_async.readers.http.api import Api
from multimarket_async.settings import Loaded, Settings
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Store
from multimarket_async.tasks import Tasks

EARLIEST, LATEST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
HERE = "http://127.0.0.1:8000"


@dataclass
class Shop:
    """The parts of a `run`: its sources, its collector, and a client of its API.

    api: where nothing changes any more, the one of all clients; to make it takes longer than to ask it.
    """

    sources: Sources
    collector: Collector
    snapshotter: Snapshotter
    api: Api | None = None

    async def deliver(self, orders_per_channel: int, first: int = 0) -> None:
        for feed, landing in self.sources.feeds:
            assert feed.simulate
            for number in range(first, first + orders_per_channel):
                delivery = feed.simulate(1, number, EARLIEST, LATEST)
                await landing.deliver(delivery.name, delivery.content)

    async def work(self) -> None:
        """Collect what waits, and publish."""
        await self.collector.until_empty()
        await self.snapshotter.refresh()

    def client(self, **headers: str) -> httpx.AsyncClient:
        api = self.api or Api(self.sources)
        api.expire()  # what an earlier test was answered
        return httpx.AsyncClient(transport=httpx.ASGITransport(api.asgi), base_url=HERE, headers=headers)


@pytest.fixture(autouse=True)
def _published() -> Iterator[None]:
    """The log publishes its events, as `logs.configure` has it."""
    configured = structlog.get_config()
    structlog.configure(processors=[publish_logged, *configured["processors"]])
    yield
    structlog.configure(**configured)


Open = Callable[..., Awaitable[Shop]]


@asynccontextmanager
async def shops(mongo_uri: str, database: str, folder: Path) -> AsyncIterator[Open]:
    """Shops with the given domains and settings, without any order."""
    stores = []

    async def opened(domains: Sequence[LoadedDomain] = (), uri: str = mongo_uri, **settings: Any) -> Shop:
        given = Settings(data_dir=folder, quiet_period_s=0, **settings)
        own = Loaded({"": given, "orders": OrderSettings()}, {})
        domains = domains or [ORDERS.under(own)]
        channels = [(feed, Landing(folder, feed.name)) for domain in domains for feed in domain.feeds]
        for _, landing in channels:
            landing.prepare()
        store, clock = Store(uri, database), Clock()
        stores.append(store)
        collector = Collector(channels, store, given, clock)
        meters, stop = collector.tally.meters, asyncio.Event()
        latency_file = folder / "latency.json"
        sources = Sources(domains, channels, store, given, clock, meters, Tasks(clock), latency_file, stop)
        return Shop(sources, collector, Snapshotter(domains, store, clock))

    yield opened
    for store in stores:
        await store.aclose()


@pytest.fixture
async def open_shop(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> AsyncIterator[Open]:
    """A shop with these domains and settings, without any order."""
    async with shops(mongo_uri, database.name, tmp_path) as opened:
        yield opened


async def _stocked(opened: Open) -> Shop:
    shop = await opened()
    await shop.deliver(20)
    await shop.work()
    return shop


@pytest.fixture
async def shop(open_shop: Open) -> Shop:
    """Twenty orders a channel, stored and measured."""
    return await _stocked(open_shop)


@pytest.fixture(scope="session")
async def stocked(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The same, for all tests that only read."""
    async with shops(mongo_uri, "stocked", tmp_path_factory.mktemp("stocked")) as opened:
        shop = await _stocked(opened)
        yield replace(shop, api=Api(shop.sources))


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Asks that shop."""
    async with shop.client() as asking:
        yield asking


@pytest.fixture
async def stocked_client(stocked: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the shop of those who only read."""
    async with stocked.client() as asking:
        yield asking
