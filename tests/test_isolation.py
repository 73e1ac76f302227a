"""`run` goes on collecting whatever else fails: a KPI, a simulator, an index, a report."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.clock import beats
from multimarket_async.discovery import settings_models
from multimarket_async.domains import Attribute, Column, Kpi, Listing
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import CannotContinue
from multimarket_async.producer import Producer
from multimarket_async.settings import Loaded, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS

DOMAIN = ORDERS.declare(OrderSettings())
FIRST = DOMAIN.kpis[0]
ROW = {"$replaceWith": {"orders": {"$toLong": 1}}}
ORDERS_COLUMN = (Column("orders", "integer", "Orders"),)
BY_ZERO = replace(FIRST, name="by_zero", columns=ORDERS_COLUMN, pipeline=({"$set": {"a": {"$divide": [1, 0]}}}, ROW))
UNKNOWN = replace(FIRST, name="unknown", columns=ORDERS_COLUMN, query="SELECT nothing FROM orders", pipeline=())


@asynccontextmanager
async def opened(
    uri: str, name: str, data_dir: Path, *kpis: Kpi, listing: Listing | None = None
) -> AsyncIterator[Application]:
    given = {
        "data_dir": data_dir,
        "mongo_uri": uri,
        "mongo_database": name,
        "snapshot_every_s": 0.05,
        "quiet_period_s": 0.1,
        "shutdown_timeout_s": 60,  # a busy machine takes longer than a user wants to wait
    }
    loaded: Loaded = load(settings_models(), given, {}, Path("/dev/null"))
    listings = (*DOMAIN.listings, listing) if listing else DOMAIN.listings
    domain = replace(DOMAIN, kpis=(*DOMAIN.kpis, *kpis), listings=listings)
    async with app.opened(replace(app.workspace(loaded), domains=(domain,))) as application:
        yield application


async def deliver(application: Application, *numbers: int) -> None:
    for feed, landing in application.feeds:
        assert feed.simulate
        for number in numbers:
            delivery = feed.simulate(1, number, application.clock.now(), application.clock.now())
            await landing.deliver(delivery.name, delivery.content)


async def run(
    application: Application, until: Callable[[], bool], producers: list[Producer] | None = None
) -> list[Any]:
    """Run, with files that arrive before and meanwhile, until it is so; the log."""
    stop = asyncio.Event()
    await deliver(application, 1)
    with capture_logs() as entries:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(app.run(application, stop, seconds=None, producers=producers or []))
            async for _ in beats(0.02, stop):
                if until():
                    break
            await deliver(application, 2)
            await asyncio.sleep(0.1)
            stop.set()
    return entries


def names(entries: list[Any], event: str, fact: str) -> list[str]:
    return [entry[fact] for entry in entries if entry["event"] == event]


@pytest.mark.parametrize("kpi", [BY_ZERO, UNKNOWN], ids=lambda kpi: str(kpi.name))
async def test_a_failing_kpi_stops_no_collecting(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path, kpi: Kpi
) -> None:
    """Files that arrive meanwhile are stored, and every other KPI counts them."""
    async with opened(mongo_uri, database.name, tmp_path, kpi) as application:
        published = database[GENERATIONS]
        entries = await run(application, lambda: published.count_documents({"documents.orders": 3}) > 0)
        newest = published.find_one(sort=[("_id", -1)])
        assert newest
        assert database["commandes"].count_documents({}) == newest["documents"]["orders"] == 6
        assert [name for name, shown in newest["kpis"].items() if "error" in shown] == [kpi.name]
        assert sum(row["orders"] for row in newest["kpis"][FIRST.name]["rows"]) == 6
    assert set(names(entries, "kpi.failed", "kpi")) == {kpi.name}
    assert names(entries, "task.failed", "task") == []


async def test_a_producer_that_raises_stops_nothing_else(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path
) -> None:
    """It is named in the log, with its traceback, and in a file for `status` while it fails."""
    async with opened(mongo_uri, database.name, tmp_path) as application:

        def breaks(*_: Any) -> Any:
            raise ZeroDivisionError("planted")

        feed, landing = application.feeds[0]
        producer = Producer(replace(feed, simulate=breaks), landing, application.settings, application.clock)

        def files() -> list[Path]:
            return list(tmp_path.glob("logs/failing-*"))

        entries = await run(application, lambda: bool(files()), [producer])
        assert database["commandes"].count_documents({}) == 6
        [failed] = [entry for entry in entries if entry["event"] == "task.failed"]
        assert (failed["task"], failed["why"], bool(failed["exc_info"])) == (
            producer.name,
            "ZeroDivisionError: planted",
            True,
        )
        assert files() == []


async def test_an_index_that_cannot_be_built_stops_nothing_else(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path
) -> None:
    """The numbers are published without it."""
    dated = Attribute(Column("at", "date", "When"), "date_commande.$wrong")
    listing = Listing("refused", "Refused", "commandes", dated, ())
    async with opened(mongo_uri, database.name, tmp_path, listing=listing) as application:
        published = database[GENERATIONS]
        entries = await run(application, lambda: published.count_documents({"documents.orders": 3}) > 0)
        assert database["commandes"].count_documents({}) == 6
    assert names(entries, "task.failed", "task") == ["index of refused", "view list_refused"]


async def test_a_folder_of_logs_that_cannot_be_written_stops_nothing(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path
) -> None:
    """Neither the report of the latency nor that of failing tasks."""
    (tmp_path / "logs").write_text("a file")
    async with opened(mongo_uri, database.name, tmp_path, BY_ZERO) as application:
        await run(application, lambda: database["commandes"].count_documents({}) == 3)
        assert database["commandes"].count_documents({}) == 6


async def test_a_snapshotter_that_raises_is_begun_again(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By something that nobody thought of; the last generation is published."""
    refresh, left = Snapshotter.refresh, [RuntimeError("planted")]

    async def raises_once(self: Snapshotter, *given: Any, **more: Any) -> Any:
        if left:
            raise left.pop()
        return await refresh(self, *given, **more)

    monkeypatch.setattr(Snapshotter, "refresh", raises_once)
    async with opened(mongo_uri, database.name, tmp_path) as application:
        entries = await run(application, lambda: database[GENERATIONS].count_documents({}) > 0)
        newest = database[GENERATIONS].find_one(sort=[("_id", -1)])
        assert newest
        assert newest["documents"] == {"orders": 6}
    assert names(entries, "task.failed", "why") == ["RuntimeError: planted"]
    assert names(entries, "task.resumed", "task") == ["snapshotter"]


async def test_measuring_alone_ends_where_nothing_can_be_measured(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that are refused, for one."""

    async def refused(*_: Any, **__: Any) -> None:
        raise CannotContinue("MongoDB refuses these credentials")

    monkeypatch.setattr(Snapshotter, "refresh", refused)
    async with opened(mongo_uri, database.name, tmp_path) as application:
        with pytest.raises(CannotContinue):
            await app.measure(application, asyncio.Event())
