"""Generations: one truth, published whole, numbered upwards, kept as long as they are of use."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.write_concern import WriteConcern
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.domains import Column, Feed, Kpi, Subject
from multimarket_async.errors import Unavailable
from multimarket_async.snapshots import Snapshotter, superseded
from multimarket_async.store import LEDGER, Store

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
Documents = list[dict[str, Any]]
UNASKED = WriteConcern(w=1, j=False)


def kpi(name: str, *stages: dict[str, Any], collection: str = "sales") -> Kpi:
    columns = (Column("pieces", "integer", "Pieces"),)
    return Kpi(name, name.title(), "pieces", "Pieces sold.", collection, columns, list(stages))


TOTAL = kpi("total", {"$group": {"_id": None, "pieces": {"$sum": 1}}}, {"$project": {"_id": 0, "pieces": 1}})
BY_SHOP = kpi(
    "by_shop",
    {"$group": {"_id": "$shop", "pieces": {"$sum": 1}}},
    {"$sort": {"_id": 1}},
    {"$replaceWith": {"shop": "$_id", "pieces": "$pieces"}},
)
SALES = Subject(
    "pieces", (Feed("a", "sales", lambda _: []), Feed("b", "sales", lambda _: [])), (TOTAL, BY_SHOP), lambda: None
)
numbers = itertools.count(1)


def sell(database: "Database[Any]", *shops: str, concern: WriteConcern | None = None) -> None:
    sales = [{"_id": f"{shop}:{next(numbers)}", "shop": shop} for shop in shops]
    durable = WriteConcern(w="majority", j=True)
    database.get_collection("sales", write_concern=concern or durable).insert_many(sales)


def ledger(database: "Database[Any]") -> Documents:
    return list(database[LEDGER].find(sort=[("_id", 1)]))


def totals(database: "Database[Any]") -> list[int]:
    return [one["kpis"]["total"]["rows"][0]["pieces"] for one in ledger(database)]


@pytest.fixture
def store(mongo_uri: str, database: "Database[Any]") -> Iterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    opened.close()


@pytest.fixture
def snapshotter(store: Store) -> Snapshotter:
    return Snapshotter([SALES], store, Clock(now=lambda: NOW))


# --- one generation -------------------------------------------------------------------------


async def test_a_generation_holds_every_kpi(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """One document: number, times, how many documents, and each KPI with its rows in order."""
    sell(database, "Rabat", "Fès", "Rabat")
    await snapshotter.refresh()
    [published] = ledger(database)
    assert published.pop("seconds") >= 0
    assert published == {
        "_id": 1,
        "computed_at": NOW.replace(tzinfo=None),
        "as_of": NOW.replace(tzinfo=None),
        "pieces": 3,
        "kpis": {
            "total": {"title": "Total", "unit": "pieces", "rows": [{"pieces": 3}]},
            "by_shop": {
                "title": "By_Shop",
                "unit": "pieces",
                "rows": [{"shop": "Fès", "pieces": 1}, {"shop": "Rabat", "pieces": 2}],
            },
        },
    }
    assert (type(published["_id"]), type(published["pieces"])) == (Int64, Int64)


async def test_what_refresh_gives_is_what_it_published(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """`verify` relies on it."""
    sell(database, "Rabat")
    given = await snapshotter.refresh()
    assert given["kpis"] == ledger(database)[0]["kpis"]


async def test_as_of_is_taken_before_measuring(store: Store, database: "Database[Any]") -> None:
    """What was stored until then is in it; computed_at comes after."""
    seconds = itertools.count()
    one = Snapshotter([SALES], store, Clock(now=lambda: NOW + timedelta(seconds=next(seconds))))
    generation = await one.refresh()
    assert generation["as_of"] < generation["computed_at"]


async def test_nothing_stored_is_a_generation_too(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """No rows, not no answer."""
    await snapshotter.refresh()
    assert [(one["pieces"], one["kpis"]["by_shop"]["rows"]) for one in ledger(database)] == [(0, [])]


async def test_a_collection_is_counted_once(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """Two feeds share it."""
    sell(database, "Rabat")
    assert (await snapshotter.refresh())["pieces"] == 1


async def test_subjects_are_measured_together(store: Store, database: "Database[Any]") -> None:
    """One generation over all domains, each with its own collection and count."""
    returned = kpi("returned", {"$count": "pieces"}, collection="returns")
    returns = Subject("returns", (Feed("c", "returns", lambda _: []),), (returned,), lambda: None)
    sell(database, "Rabat", "Fès")
    database["returns"].insert_one({"_id": "r"})
    generation = await Snapshotter([SALES, returns], store, Clock()).refresh()
    assert (generation["pieces"], generation["returns"]) == (2, 1)
    assert generation["kpis"]["returned"]["rows"] == [{"pieces": 1}]


# --- when one is published ------------------------------------------------------------------


async def test_nothing_changed_nothing_published(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """However often one looks; the newest one is given."""
    sell(database, "Rabat")
    given = [(await snapshotter.refresh())["_id"] for _ in range(3)]
    await snapshotter.refresh_if_changed()
    assert (given, len(ledger(database))) == ([1, 1, 1], 1)


async def test_a_rebuild_publishes_what_is_equal(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """Because it was asked to."""
    await snapshotter.refresh()
    await snapshotter.refresh(even_if_equal=True)
    assert [one["_id"] for one in ledger(database)] == [1, 2]


async def test_every_change_is_one_generation_with_the_next_number(
    snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """1, 2, 3: numbers only grow."""
    for _ in range(3):
        sell(database, "Rabat")
        await snapshotter.refresh_if_changed()
    assert [(one["_id"], one["pieces"]) for one in ledger(database)] == [(1, 1), (2, 2), (3, 3)]


async def test_numbers_go_on_after_a_restart(store: Store, snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """Also above numbers whose lower ones were forgotten."""
    database[LEDGER].insert_one({"_id": Int64(41), "computed_at": NOW, "as_of": NOW, "kpis": {}})
    assert (await snapshotter.refresh())["_id"] == 42


class Counting(Store):
    """Counts how often it was measured."""

    measured = 0

    async def facet(self, *asked: Any) -> Any:
        self.measured += 1
        return await super().facet(*asked)


async def test_an_unchanged_store_is_not_measured_again(mongo_uri: str, database: "Database[Any]") -> None:
    """A look costs a count from metadata."""
    store = Counting(mongo_uri, database.name)
    snapshotter = Snapshotter([SALES], store, Clock())
    sell(database, "Rabat")
    for _ in range(3):
        await snapshotter.refresh_if_changed()
    assert store.measured == 1
    store.close()


class Lagging(Store):
    """A replica set whose majority is behind at first: what is stored is counted, but not read yet."""

    behind = True

    async def facet(self, collection: str, pipelines: Any) -> Any:
        behind, self.behind = self.behind, False
        return {name: [] for name in pipelines} if behind else await super().facet(collection, pipelines)


async def test_a_document_counted_before_it_is_durable_is_measured_later(
    mongo_uri: str, database: "Database[Any]"
) -> None:
    """Otherwise the last order of the day is in no generation until the next one comes."""
    store = Lagging(mongo_uri, database.name)
    snapshotter = Snapshotter([SALES], store, Clock())
    sell(database, "Rabat")
    for _ in range(2):
        await snapshotter.refresh_if_changed()
    store.close()
    assert [one["pieces"] for one in ledger(database)] == [0, 1]


# --- under fire -----------------------------------------------------------------------------


async def test_all_kpis_of_a_generation_describe_the_same_documents(
    snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """While documents are stored at full speed, the counts of its KPIs agree with each other and with its own."""
    stop = asyncio.Event()
    selling = asyncio.create_task(asyncio.to_thread(_sell_until, stop, database))
    for _ in range(20):
        await snapshotter.refresh()
    stop.set()
    await selling
    published = ledger(database)
    assert [one["_id"] for one in published if len(set(_counts(one))) > 1] == []
    assert len(published) > 10


def _sell_until(stop: asyncio.Event, database: "Database[Any]") -> None:
    while not stop.is_set():
        sell(database, *["Rabat", "Fès", "Agadir"] * 20, concern=UNASKED)


def _counts(generation: dict[str, Any]) -> list[int]:
    kpis = generation["kpis"]
    of_total, of_shops = (sum(row["pieces"] for row in kpis[name]["rows"]) for name in ("total", "by_shop"))
    return [generation["pieces"], of_total, of_shops]


async def test_two_snapshotters_at_once_share_one_sequence(mongo_uri: str, database: "Database[Any]") -> None:
    """No number twice or left out, and no older truth after a newer one."""
    stop, stores = asyncio.Event(), [Store(mongo_uri, database.name) for _ in range(2)]
    selling = asyncio.create_task(asyncio.to_thread(_sell_until, stop, database))

    async def refresh(store: Store) -> None:
        for _ in range(10):
            await Snapshotter([SALES], store, Clock()).refresh()

    await asyncio.gather(*map(refresh, stores))
    stop.set()
    await selling
    published = [(one["_id"], one["pieces"]) for one in ledger(database)]
    assert [number for number, _ in published] == list(range(1, len(published) + 1))
    assert [pieces for _, pieces in published] == sorted(pieces for _, pieces in published)
    for store in stores:
        store.close()


class Overtaken(Store):
    """Between its measuring and its publishing somebody else does `meanwhile`, once."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def add(self, collection: str, document: dict[str, Any]) -> bool:
        if self.meanwhile:
            others, self.meanwhile = self.meanwhile, None
            await others()
        return await super().add(collection, document)


async def test_who_was_overtaken_measures_again(
    mongo_uri: str, snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """It saw one document, the other one saw two and took the number: the older truth is not published."""
    slow = Overtaken(mongo_uri, database.name)
    sell(database, "Rabat")

    async def others() -> None:
        sell(database, "Fès")
        await snapshotter.refresh()

    slow.meanwhile = others
    given = await Snapshotter([SALES], slow, Clock()).refresh()
    assert (given["_id"], given["pieces"], totals(database)) == (1, 2, [2])
    slow.close()


class Killed(BaseException):
    """The end of the process."""


class Dying(Store):
    async def add(self, collection: str, document: dict[str, Any]) -> bool:
        raise Killed


async def test_a_crash_before_publishing_leaves_the_last_generation(
    mongo_uri: str, snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """Readers go on seeing n, in the ledger and in every view."""
    sell(database, "Rabat")
    await snapshotter.refresh()
    sell(database, "Rabat")
    dying = Dying(mongo_uri, database.name)
    with pytest.raises(Killed):
        await Snapshotter([SALES], dying, Clock()).refresh()
    dying.close()
    assert totals(database) == [1]
    assert [(row["generation"], row["pieces"]) for row in database["kpi_total"].find()] == [(1, 1)]
    assert (await snapshotter.refresh())["_id"] == 2


# --- flat views -----------------------------------------------------------------------------


async def test_a_view_is_one_flat_row_a_document(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """In the KPI's order, with the generation it belongs to and its times."""
    sell(database, "Rabat", "Fès", "Rabat")
    await snapshotter.refresh()
    at = NOW.replace(tzinfo=None)
    context = {"generation": 1, "computed_at": at, "as_of": at}
    assert list(database["kpi_by_shop"].find()) == [
        {"shop": "Fès", "pieces": 1, **context},
        {"shop": "Rabat", "pieces": 2, **context},
    ]


async def test_a_view_shows_the_newest_generation_only(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """By number, not by insertion or text: 10 comes after 9."""
    for _ in range(11):
        sell(database, "Rabat")
        await snapshotter.refresh()
    assert [(row["generation"], row["pieces"]) for row in database["kpi_total"].find()] == [(11, 11)]


async def test_a_view_follows_its_definition(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """One that an older version left behind is changed, not kept."""
    database.command("create", "kpi_total", viewOn="elsewhere", pipeline=[])
    sell(database, "Rabat")
    await snapshotter.refresh()
    assert [row["pieces"] for row in database["kpi_total"].find()] == [1]


# --- retention ------------------------------------------------------------------------------


def test_what_is_kept_by_hand() -> None:
    """All of the last day, the last of each hour for 31 days, the last of each day before."""
    at = {
        1: datetime(2026, 3, 1, 8, tzinfo=UTC),  # 2 is later that day
        2: datetime(2026, 3, 1, 22, tzinfo=UTC),
        3: datetime(2026, 3, 2, 5, tzinfo=UTC),
        4: datetime(2026, 4, 19, 11, 10, tzinfo=UTC),  # 31 days and 50 minutes ago; 5 is later that day
        5: datetime(2026, 4, 19, 11, 50, tzinfo=UTC),
        6: datetime(2026, 4, 19, 12, 0, tzinfo=UTC),  # exactly 31 days ago; 7 is later that hour
        7: datetime(2026, 4, 19, 12, 30, tzinfo=UTC),
        8: datetime(2026, 5, 19, 11, 5, tzinfo=UTC),  # 9 is later that hour
        9: datetime(2026, 5, 19, 11, 59, 59, tzinfo=UTC),
        10: datetime(2026, 5, 19, 12, 0, tzinfo=UTC),  # exactly a day ago
        11: datetime(2026, 5, 19, 12, 0, 1, tzinfo=UTC),
        12: datetime(2026, 5, 20, 11, 59, tzinfo=UTC),
    }
    assert list(superseded(at.items(), NOW)) == [1, 4, 6, 8]


def test_the_newest_is_kept_however_old() -> None:
    """A system that stood still for a year still has its numbers."""
    assert list(superseded([(1, NOW - timedelta(days=400)), (2, NOW - timedelta(days=400))], NOW)) == [1]


async def test_publishing_forgets_what_is_superseded(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """In the ledger itself."""
    old = [
        {"_id": Int64(n), "computed_at": datetime(2026, 3, 1, n, tzinfo=UTC), "as_of": NOW, "kpis": {}}
        for n in (1, 2, 3)
    ]
    database[LEDGER].insert_many(old)
    await snapshotter.refresh()
    assert [one["_id"] for one in ledger(database)] == [3, 4]


# --- the store away -------------------------------------------------------------------------


class Flaky(Store):
    """Away at some looks: "x" in the script; stops the stage after the last one."""

    script: Iterator[str]
    stop: asyncio.Event

    async def estimated_count(self, collection: str) -> int:
        look = next(self.script, "")
        if not look:
            self.stop.set()
        if look == "x":
            raise Unavailable("connection refused")
        return await super().estimated_count(collection)


async def interruptions(mongo_uri: str, database: "Database[Any]", script: str) -> list[str]:
    store, stop = Flaky(mongo_uri, database.name), asyncio.Event()
    store.script, store.stop = iter(script), stop
    with capture_logs() as entries:
        await Snapshotter([SALES], store, Clock()).run(0.001, stop)
    store.close()
    return [entry["why"] for entry in entries if entry["event"] == "snapshots.interrupted"]


async def test_a_store_away_is_one_line_and_no_end(mongo_uri: str, database: "Database[Any]") -> None:
    """However often it is looked for; when it is back, what was stored is measured."""
    sell(database, "Rabat")
    assert await interruptions(mongo_uri, database, "xxxxx.") == ["connection refused"]
    assert totals(database) == [1]


async def test_a_second_interruption_is_told_too(mongo_uri: str, database: "Database[Any]") -> None:
    """Away, back with nothing new, away again: two lines."""
    assert len(await interruptions(mongo_uri, database, ".xx.xx.")) == 2


async def test_a_server_that_is_not_there_interrupts_and_does_not_end_the_stage() -> None:
    """The same with a real driver and a port where nobody listens."""
    store, stop = Store("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=20", "nobody"), asyncio.Event()
    with capture_logs() as entries:
        asyncio.get_running_loop().call_later(0.2, stop.set)
        await Snapshotter([SALES], store, Clock()).run(0.001, stop)
    store.close()
    assert [entry["event"] for entry in entries] == ["snapshots.interrupted"]
