"""Generations: one truth, published whole, numbered upwards, kept as long as they are of use."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.errors import WriteError
from pymongo.write_concern import WriteConcern
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.columnar.copy import Columnar
from multimarket_async.domains import Column, Facts, Feed, Kpi, LoadedDomain, Rollup, Table, Value
from multimarket_async.errors import Unavailable
from multimarket_async.readers.freshness import freshness
from multimarket_async.settings import Settings
from multimarket_async.snapshots import Snapshotter, superseded
from multimarket_async.snapshots.snapshotter import RETIRED
from multimarket_async.store import GENERATIONS, PLACEHOLDER_PARTITION, Store
from multimarket_async.store.partitions import VERSIONS

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
Documents = list[dict[str, Any]]
UNASKED = WriteConcern(w=1, j=False)


def facts(collection: str = "sales") -> Facts:
    """A period is the first letter of a shop's name."""
    fields = {"at": Value("at", "TIMESTAMP"), "shop": Value("shop", "VARCHAR")}
    return Facts("sold", collection, fields, event="at", period="left(shop, 1)")


def kpi(name: str, rollup: Rollup, query: str, *stages: dict[str, Any]) -> Kpi:
    columns = (Column("pieces", "integer", "Pieces"),)
    if name == "by_shop":
        columns = (Column("shop", "string", "Shop"), *columns)
    return Kpi(name, name.title(), "pieces", "Pieces sold.", (rollup,), columns, query, stages)


def settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


SHOPS = Rollup("shops", facts(), "SELECT period, shop, count(*) AS pieces FROM sold GROUP BY ALL")
ALL = Rollup("all_sold", facts(), "SELECT period, count(*) AS pieces FROM sold GROUP BY ALL")
SUM = {"$group": {"_id": None, "pieces": {"$sum": "$pieces"}}}
TOTAL = kpi("total", ALL, "SELECT * FROM all_sold", SUM, {"$replaceWith": {"pieces": {"$toLong": "$pieces"}}})
BY_SHOP = kpi("by_shop", SHOPS, "SELECT shop, sum(pieces) AS pieces FROM shops GROUP BY ALL ORDER BY shop")
SALES = LoadedDomain(
    "pieces", (Feed("a", Table("sales"), lambda _: []), Feed("b", Table("sales"), lambda _: [])), (TOTAL, BY_SHOP)
)
numbers = itertools.count(1)


def sold(shop: str) -> dict[str, Any]:
    number = next(numbers)
    return {"_id": f"{shop}:{number}", "shop": shop, "at": NOW, "ingestion": {"partition": shop, "ingested_at": NOW}}


def change(database: "Database[Any]", *shops: str, collection: str = "sales") -> None:
    """Raise the versions of partitions, as a collector does before an insert and after."""
    for shop in sorted(set(shops)):
        raised = {"$inc": {"version": Int64(1)}, "$min": {"since": NOW}}
        inserted = {"$setOnInsert": {"collection": collection, "partition": shop}}
        database[VERSIONS].update_one({"_id": f"{collection} {shop}"}, {**raised, **inserted}, upsert=True)


def sell(database: "Database[Any]", *shops: str, concern: WriteConcern | None = None) -> None:
    sales = [sold(shop) for shop in shops]
    durable = WriteConcern(w="majority", j=True)
    change(database, *shops)
    database.get_collection("sales", write_concern=concern or durable).insert_many(sales)
    change(database, *shops)


def unmeasured(database: "Database[Any]") -> list[str]:
    return [found["_id"] for found in database[VERSIONS].find({"since": {"$exists": True}}, sort=[("_id", 1)])]


def ledger(database: "Database[Any]") -> Documents:
    return list(database[GENERATIONS].find(sort=[("_id", 1)]))


def totals(database: "Database[Any]") -> list[int]:
    return [generation["kpis"]["total"]["rows"][0]["pieces"] for generation in ledger(database)]


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


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
    assert len(published.pop("definition")) == 12
    assert published.pop("newest_event") == NOW.replace(tzinfo=None)
    assert published.pop("newest_events") == {"pieces": NOW.replace(tzinfo=None)}
    assert (published.pop("quarantined"), published.pop("drift")) == (0, 0)
    assert published.pop("foreign") == {}
    assert published == {
        "_id": 1,
        "computed_at": NOW.replace(tzinfo=None),
        "as_of": NOW.replace(tzinfo=None),
        "documents": {"pieces": 3},
        "kpis": {
            "total": {"title": "Total", "unit": "pieces", "rows": [{"pieces": 3}]},
            "by_shop": {
                "title": "By_Shop",
                "unit": "pieces",
                "rows": [{"shop": "Fès", "pieces": 1}, {"shop": "Rabat", "pieces": 2}],
            },
        },
    }
    assert (type(published["_id"]), type(published["documents"]["pieces"])) == (Int64, Int64)


async def test_what_refresh_gives_is_what_it_published(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """`verify` relies on it."""
    sell(database, "Rabat")
    given = await snapshotter.refresh()
    assert given["kpis"] == ledger(database)[0]["kpis"]


async def test_as_of_is_taken_before_measuring(store: Store, database: "Database[Any]") -> None:
    """Documents stored until then are in it; computed_at comes after."""
    seconds = itertools.count()
    one = Snapshotter([SALES], store, Clock(now=lambda: NOW + timedelta(seconds=next(seconds))))
    generation = await one.refresh()
    assert generation["as_of"] < generation["computed_at"]


async def test_nothing_stored_is_a_generation_too(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """No rows, not no answer."""
    await snapshotter.refresh()
    assert [
        (generation["documents"]["pieces"], generation["kpis"]["by_shop"]["rows"]) for generation in ledger(database)
    ] == [(0, [])]


async def test_a_collection_is_counted_once(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """Two feeds share it."""
    sell(database, "Rabat")
    assert (await snapshotter.refresh())["documents"]["pieces"] == 1


async def test_subjects_are_measured_together(store: Store, database: "Database[Any]") -> None:
    """One generation over all domains, each with its own collection and count."""
    returned = kpi("returned", replace(ALL, facts=facts("returns")), "SELECT pieces FROM all_sold")
    returns = LoadedDomain("returns", (Feed("c", Table("returns"), lambda _: []),), (returned,))
    sell(database, "Rabat", "Fès")
    database["returns"].insert_one(sold("Rabat"))
    generation = await Snapshotter([SALES, returns], store, Clock()).refresh()
    assert generation["documents"] == {"pieces": 2, "returns": 1}
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
    await snapshotter.rebuild()
    assert [generation["_id"] for generation in ledger(database)] == [1, 2]


async def test_every_change_is_one_generation_with_the_next_number(
    snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """1, 2, 3: numbers only grow."""
    for _ in range(3):
        sell(database, "Rabat")
        await snapshotter.refresh_if_changed()
    assert [(generation["_id"], generation["documents"]["pieces"]) for generation in ledger(database)] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]


async def test_numbers_go_on_after_a_restart(store: Store, snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """Also above numbers whose lower ones were forgotten."""
    database[GENERATIONS].insert_one({"_id": Int64(41), "computed_at": NOW, "as_of": NOW, "kpis": {}})
    assert (await snapshotter.refresh())["_id"] == 42


class Watched(Store):
    """Records aggregations by collection and first stage, and the partitions of which documents were read."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: list[tuple[str, Any]] = []
        self.read: list[tuple[str, list[str] | None]] = []  # None: all

    def aggregate(self, collection: str, stages: Any, **more: Any) -> Any:
        self.asked.append((collection, stages[0].get("$match")))
        return super().aggregate(collection, stages, **more)

    def batches(self, collection: str, condition: Any, size: int) -> Any:
        self.read.append((collection, condition.get("ingestion.partition", {}).get("$in")))
        return super().batches(collection, condition, size)


@pytest.fixture
async def watched(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Watched]:
    opened = Watched(mongo_uri, database.name)
    yield opened
    await opened.aclose()


async def test_an_unchanged_store_is_not_measured_again(mongo_uri: str, database: "Database[Any]") -> None:
    """A look costs one query, of versions."""
    store = Watched(mongo_uri, database.name)
    snapshotter = Snapshotter([SALES], store, Clock())
    sell(database, "Rabat")
    await snapshotter.refresh_if_changed()
    store.asked.clear()
    await snapshotter.refresh_if_changed()
    assert [(collection, "since" in match) for collection, match in store.asked] == [(VERSIONS, True)]
    await store.aclose()


# --- what a refresh reads -------------------------------------------------------------------


async def test_only_what_was_touched_is_read(watched: Watched, database: "Database[Any]", tmp_path: Path) -> None:
    """The documents of these partitions, in a new process too."""
    copy = tmp_path / "kpis.duckdb"
    sell(database, "Rabat", "Fès", "Agadir")
    first = Snapshotter([SALES], watched, Clock(), copy=copy)
    await first.refresh()
    await first.aclose()
    sell(database, "Rabat")
    generation = await Snapshotter([SALES], watched, Clock(), copy=copy).refresh()
    assert watched.read == [("sales", None), ("sales", ["Rabat"])]
    assert generation["documents"]["pieces"] == 4


async def test_rows_of_a_historic_kpi_are_read_where_they_have_changed(
    store: Store, database: "Database[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a generation takes over those of the one before, or refers to them; after a failure they are read."""
    read = list[str]()
    rows = Columnar.rows
    monkeypatch.setattr(Columnar, "rows", lambda self, domain, kpi: read.append(kpi.name) or rows(self, domain, kpi))
    first = kpi("by_shop", SHOPS, "SELECT shop, pieces FROM shops WHERE period < 'R' ORDER BY shop")
    many = replace(
        first, name="many", query=f"SELECT shop, n + pieces AS pieces FROM ({first.query}), range(9000) r(n)"
    )
    historic = tuple(replace(each, historic="shops") for each in (first, many))
    snapshotter = Snapshotter([replace(SALES, kpis=(TOTAL, *historic))], store, Clock())
    sell(database, "Agadir", "Rabat")
    await snapshotter.refresh()
    sell(database, "Rabat")
    await snapshotter.refresh()
    assert read == ["total", "by_shop", "many", "total"]
    one, two = (generation["kpis"] for generation in ledger(database))
    assert totals(database) == [2, 3]
    assert (two["by_shop"], two["many"]) == (one["by_shop"], one["many"])
    assert one["by_shop"]["rows"] == [{"shop": "Agadir", "pieces": 1}]
    assert one["many"]["count"] == 9000
    sell(database, "Agadir")
    await snapshotter.refresh()
    assert read[4:] == ["total", "by_shop", "many"]
    assert ledger(database)[-1]["kpis"]["by_shop"]["rows"] == [{"shop": "Agadir", "pieces": 2}]


async def test_two_definitions_publish_by_turns(store: Store, database: "Database[Any]") -> None:
    """As during an upgrade: each has its own numbers, and neither is drift."""
    doubled = replace(TOTAL, reads=(replace(ALL, query=ALL.query.replace("count(*)", "2 * count(*)")),))
    other = replace(SALES, kpis=(doubled, BY_SHOP))
    sell(database, "Rabat", "Fès")
    old, new = Snapshotter([SALES], store, Clock()), Snapshotter([other], store, Clock())
    generations = [await snapshotter.refresh() for snapshotter in (old, new, old, new)]
    assert totals(database) == [2, 4, 2, 4]
    assert [generation["drift"] for generation in generations] == [0] * 4


RENAMED = replace(
    TOTAL,
    title="Total.",
    unit="items",
    definition="All.",
    columns=(replace(TOTAL.columns[0], title="Sold.", unit="items"),),
    french={"All.": "Tout"},
)
TENFOLD = replace(TOTAL, pipeline=(SUM, {"$replaceWith": {"pieces": {"$toLong": {"$multiply": ["$pieces", 10]}}}}))
DOUBLED = replace(TOTAL, reads=(replace(ALL, query=ALL.query.replace("count(*)", "2 * count(*)")),))


@pytest.mark.parametrize(("changed", "pieces"), [(RENAMED, 2), (TENFOLD, 20), (DOUBLED, 4)])
async def test_no_document_is_read_for_another_definition(
    watched: Watched, database: "Database[Any]", tmp_path: Path, changed: Kpi, pieces: int
) -> None:
    """Of words, of a KPI, or of a rollup; and none of it is drift."""
    copy = tmp_path / "kpis.duckdb"
    sell(database, "Rabat", "Fès")
    first = Snapshotter([SALES], watched, Clock(), copy=copy)
    await first.refresh()
    await first.aclose()
    watched.read.clear()
    second = Snapshotter([replace(SALES, kpis=(changed, BY_SHOP))], watched, Clock(), copy=copy)
    generation = await second.refresh()
    assert (watched.read, changed.digest == TOTAL.digest) == ([], changed is RENAMED)
    entry = {"title": changed.title, "unit": changed.unit, "rows": [{"pieces": pieces}]}
    assert (generation["_id"], generation["kpis"]["total"]) == (2, entry)
    assert (await second.rebuild())["drift"] == 0


async def test_documents_of_others_are_counted_and_left_out(
    store: Store, snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """They have no source, or other types."""
    sell(database, "Rabat")
    database["sales"].insert_many([{"_id": "a", "shop": "Rabat", "at": NOW}, {"_id": 7}, sold("Fès") | {"at": "now"}])
    generation = await snapshotter.refresh()
    assert (generation["documents"], generation["foreign"], totals(database)) == ({"pieces": 1}, {"pieces": 3}, [1])
    assert (await freshness(store, NOW, 60.0)).foreign == {"pieces": 3}


async def test_a_domain_may_be_named_like_a_field_of_a_generation(store: Store, database: "Database[Any]") -> None:
    """Its count is under `documents`."""
    sell(database, "Rabat", "Fès")
    generation = await Snapshotter([replace(SALES, name="drift")], store, Clock()).refresh()
    assert (generation["drift"], generation["documents"]) == (0, {"drift": 2})


async def test_derived_collections_of_earlier_versions_are_removed(store: Store, database: "Database[Any]") -> None:
    """Their generations stay, numbers go on, and everything is measured from scratch: old marks are not needed."""
    for name in RETIRED:
        database[name].insert_one({"_id": "old"})
    database[GENERATIONS].insert_one({"_id": Int64(7), "computed_at": NOW, "as_of": NOW, "kpis": {}, "definition": "0"})
    database["sales"].insert_one(sold("Rabat"))
    generation = await Snapshotter([SALES], store, Clock()).refresh()
    assert (generation["_id"], generation["documents"], generation["drift"]) == (8, {"pieces": 1}, 0)
    assert not set(RETIRED) & set(database.list_collection_names())
    assert [stored["_id"] for stored in ledger(database)] == [7, 8]


async def test_what_waits_for_its_document_is_not_measured(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """From scratch or not: follow-ups that came before their document are no documents."""
    sell(database, "Rabat")
    database["sales"].insert_one({"_id": "early", "ingestion": {"partition": PLACEHOLDER_PARTITION}})
    assert (await snapshotter.rebuild())["documents"]["pieces"] == 1
    assert (await snapshotter.refresh())["documents"]["pieces"] == 1


async def test_documents_without_a_partition_are_measured_too(
    snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """They were stored before there were partitions."""
    database["sales"].insert_one({"_id": "old", "shop": "Rabat", "at": NOW, "ingestion": {"ingested_at": NOW}})
    sell(database, "Rabat")
    assert (await snapshotter.refresh())["kpis"]["by_shop"]["rows"] == [{"shop": "Rabat", "pieces": 2}]


async def test_a_partition_may_change_its_period(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """A document that changes its period after it was measured: the period it left is measured again too."""
    sell(database, "Rabat", "Rabat")
    await snapshotter.refresh()
    database["sales"].update_one({}, {"$set": {"shop": "Agadir"}})
    change(database, "Rabat")
    rows = (await snapshotter.refresh())["kpis"]["by_shop"]["rows"]
    assert rows == [{"shop": "Agadir", "pieces": 1}, {"shop": "Rabat", "pieces": 1}]


async def test_a_partition_may_become_empty(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """A rebuild finds it although nothing of it is stored."""
    sell(database, "Rabat", "Agadir")
    await snapshotter.refresh()
    database["sales"].delete_many({"shop": "Agadir"})
    assert (await snapshotter.rebuild())["kpis"]["by_shop"]["rows"] == [{"shop": "Rabat", "pieces": 1}]


# --- versions -------------------------------------------------------------------------------


async def test_partitions_are_measured(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """Also where what was measured says nothing new."""
    sell(database, "Rabat")
    await snapshotter.refresh()
    assert unmeasured(database) == []
    change(database, "Rabat")
    await snapshotter.refresh_if_changed()
    assert (unmeasured(database), len(ledger(database))) == ([], 1)


async def test_an_insert_that_was_not_confirmed_is_measured(
    snapshotter: Snapshotter, database: "Database[Any]"
) -> None:
    """Its collector died before it raised the version again; another one finds the document, and raises it."""
    await snapshotter.refresh()
    change(database, "Rabat")
    database["sales"].insert_one(sold("Rabat"))
    await snapshotter.refresh_if_changed()
    assert (ledger(database)[-1]["documents"]["pieces"], unmeasured(database)) == (1, [])


async def test_an_insert_of_a_paused_collector_is_measured(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """For however long: its partition was measured before the insert."""
    change(database, "Rabat")
    await snapshotter.refresh()
    database["sales"].insert_one(sold("Rabat"))
    change(database, "Rabat")
    await snapshotter.refresh_if_changed()
    assert (ledger(database)[-1]["documents"]["pieces"], unmeasured(database)) == (1, [])


async def test_a_version_that_rises_meanwhile_is_not_measured(mongo_uri: str, database: "Database[Any]") -> None:
    """The insert landed after its partition was read: it is measured next time."""
    slow = Overtaken(mongo_uri, database.name)
    stages = Snapshotter([SALES], slow, Clock(now=lambda: NOW))

    async def lands() -> None:
        database["sales"].insert_one(sold("Rabat"))
        change(database, "Rabat")

    sell(database, "Rabat")
    slow.meanwhile = lands
    await stages.refresh()
    assert (totals(database), unmeasured(database)) == ([1], ["sales Rabat"])
    await stages.refresh_if_changed()
    assert (totals(database), unmeasured(database)) == ([1, 2], [])
    await slow.aclose()


# --- the self-check --------------------------------------------------------------------------


async def test_drift_is_found_told_and_mended(mongo_uri: str, database: "Database[Any]") -> None:
    """Every third generation here: what nobody touched is compared too."""
    store = Store(mongo_uri, database.name)
    stage = Snapshotter([SALES], store, Clock(), settings(full_recompute_every_generations=3))
    sell(database, "Rabat", "Fès")
    await stage.refresh()
    database["sales"].insert_one(sold("Fès"))  # by a hand that leaves no mark
    for _ in range(2):
        sell(database, "Rabat")
        with capture_logs() as entries:
            await stage.refresh()
    await store.aclose()
    assert totals(database) == [2, 3, 5]
    assert [generation["drift"] for generation in ledger(database)] == [0, 0, 1]
    [told] = [entry for entry in entries if entry["event"] == "drift.found"]
    assert (told["places"], told["first"], told["log_level"]) == (1, "sold Fès", "error")


async def test_a_document_of_another_hand_is_no_drift(mongo_uri: str, database: "Database[Any]") -> None:
    """Nobody raised a version for it: it is counted from the next check on, also where its key is like one of ours."""
    store = Store(mongo_uri, database.name)
    stage = Snapshotter([SALES], store, Clock(), settings())
    database["sales"].insert_one({**sold("Rabat"), "_id": "7"})
    change(database, "Rabat")
    await stage.refresh()
    database["sales"].insert_one({"_id": 7, "ingestion": {"partition": ["?"], "ingested_at": "today"}})
    with capture_logs() as entries:
        generation = await stage.rebuild()
    await store.aclose()
    assert (generation["drift"], generation["foreign"]) == (0, {"pieces": 1})
    assert not [entry for entry in entries if entry["event"] == "drift.found"]


@pytest.mark.slow
async def test_a_check_under_fire_finds_no_drift(mongo_uri: str, database: "Database[Any]") -> None:
    """Orders that come while everything is compared are not drift."""
    stop, store = asyncio.Event(), Store(mongo_uri, database.name)
    clock = Clock(now=lambda: NOW)  # that of the marks: an open one must not look stale
    stage = Snapshotter([SALES], store, clock, settings(full_recompute_every_generations=1))
    selling = asyncio.create_task(asyncio.to_thread(_sell_until, stop, database))
    drifts = [(await stage.refresh())["drift"] for _ in range(15)]
    stop.set()
    await selling
    await store.aclose()
    assert drifts == [0] * 15


# --- the shape ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row", [{}, {"pieces": 1.0}, {"pieces": "1"}, {"pieces": None}, {"pieces": Int64(1), "more": 1}, {"pieces": 1}]
)
async def test_mongodb_refuses_rows_of_another_shape(
    snapshotter: Snapshotter, database: "Database[Any]", row: dict[str, Any]
) -> None:
    """A column missing, of another type, or one too many; an int32 is another type than an int64."""
    sell(database, "Rabat")
    await snapshotter.refresh()
    with pytest.raises(WriteError, match="failed validation"):
        database[GENERATIONS].update_one({}, {"$set": {"kpis.total.rows": [row]}})


# --- under fire -----------------------------------------------------------------------------


@pytest.mark.slow
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
    assert [item["_id"] for item in published if len(set(_counts(item))) > 1] == []
    assert len(published) > 10


def _sell_until(stop: asyncio.Event, database: "Database[Any]") -> None:
    while not stop.is_set():
        sell(database, *["Rabat", "Fès", "Agadir"] * 20, concern=UNASKED)


def _counts(generation: dict[str, Any]) -> list[int]:
    kpis = generation["kpis"]
    of_total, of_shops = (sum(row["pieces"] for row in kpis[name]["rows"]) for name in ("total", "by_shop"))
    return [generation["documents"]["pieces"], of_total, of_shops]


@pytest.mark.slow
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
    published = [(generation["_id"], generation["documents"]["pieces"]) for generation in ledger(database)]
    assert [number for number, _ in published] == list(range(1, len(published) + 1))
    assert [pieces for _, pieces in published] == sorted(pieces for _, pieces in published)
    for store in stores:
        await store.aclose()


class Overtaken(Store):
    """Between its measuring and its publishing somebody else does `meanwhile`, once."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def insert_if_absent(self, collection: str, document: dict[str, Any]) -> bool:
        if self.meanwhile:
            others, self.meanwhile = self.meanwhile, None
            await others()
        return await super().insert_if_absent(collection, document)


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
    assert (given["_id"], given["documents"]["pieces"], totals(database)) == (1, 2, [2])
    await slow.aclose()


class Killed(BaseException):
    """The end of the process."""


class Dying(Store):
    """Dies at the n-th write of what a refresh writes; `late`: just after it instead of just before."""

    after = 10**9
    late = False

    async def _step(self, write: Awaitable[Any]) -> Any:
        self.after -= 1
        if self.after < 0 and not self.late:
            write.close()  # type: ignore[attr-defined]
            raise Killed
        done = await write
        if self.after < 0:
            raise Killed
        return done

    async def insert_if_absent(self, *given: Any) -> bool:
        return await self._step(super().insert_if_absent(*given))

    async def update(self, *given: Any, **how: Any) -> None:
        await self._step(super().update(*given, **how))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("writes", range(2))
async def test_a_crash_anywhere_leaves_one_truth_and_the_next_refresh_right(
    mongo_uri: str, snapshotter: Snapshotter, database: "Database[Any]", writes: int, late: bool
) -> None:
    """Writes: the generation, what is measured."""
    sell(database, "Rabat", "Agadir")
    await snapshotter.refresh()
    sell(database, "Rabat", "Agadir")
    dying = Dying(mongo_uri, database.name)
    dying.after, dying.late = writes, late
    with pytest.raises(Killed):
        await Snapshotter([SALES], dying, Clock()).refresh()
    await dying.aclose()
    published = writes == 1 or late
    assert totals(database) == ([2, 4] if published else [2])
    assert [row["pieces"] for row in database["kpi_total"].find()] == [4 if published else 2]
    generation = await snapshotter.refresh()
    assert (generation["_id"], generation["documents"]["pieces"], _counts(generation)) == (2, 4, [4, 4, 4])
    assert unmeasured(database) == []


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
    assert list(superseded(at.items(), NOW, settings())) == [1, 4, 6, 8]


def test_the_newest_is_kept_however_old() -> None:
    """A system that stood still for a year still has its numbers."""
    assert list(superseded([(1, NOW - timedelta(days=400)), (2, NOW - timedelta(days=400))], NOW, settings())) == [1]


async def test_publishing_forgets_what_is_superseded(snapshotter: Snapshotter, database: "Database[Any]") -> None:
    """In the ledger itself."""
    old = [
        {"_id": Int64(n), "computed_at": datetime(2026, 3, 1, n, tzinfo=UTC), "as_of": NOW, "kpis": {}}
        for n in (1, 2, 3)
    ]
    database[GENERATIONS].insert_many(old)
    await snapshotter.refresh()
    assert [generation["_id"] for generation in ledger(database)] == [3, 4]


# --- the store away -------------------------------------------------------------------------


class Flaky(Store):
    """Away at some looks: "x" in the script; stops the stage after the last one."""

    script: Iterator[str]
    stop: asyncio.Event

    async def aggregate(self, collection: str, stages: Any, **more: Any) -> Any:
        if collection == VERSIONS:
            self._look()
        async for document in super().aggregate(collection, stages, **more):
            yield document

    def _look(self) -> None:
        look = next(self.script, "")
        if not look:
            self.stop.set()
        if look == "x":
            raise Unavailable("connection refused")


async def interruptions(mongo_uri: str, database: "Database[Any]", script: str) -> list[str]:
    store, stop = Flaky(mongo_uri, database.name), asyncio.Event()
    store.script, store.stop = iter(script), stop
    with capture_logs() as entries:
        await Snapshotter([SALES], store, Clock()).run(0.001, stop)
    await store.aclose()
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
    await store.aclose()
    assert [entry["event"] for entry in entries] == ["snapshots.interrupted"]


# --- documents of others beside generations and versions ----------------------------------------

STRANGERS: Documents = [
    {"note": "of somebody else"},
    {"_id": "zzz", "kpis": {}},
    {"_id": 7, "kpis": "none"},
    {"_id": Int64(9), "as_of": "today", "computed_at": NOW, "kpis": {}},
    {"_id": 1e300},
    {"_id": {"a": 1}},
]


async def test_documents_of_others_beside_the_generations_are_counted(
    snapshotter: Snapshotter, store: Store, database: "Database[Any]"
) -> None:
    """Before the first start: they end nothing, take no number, are in no view, and are never removed."""
    database[GENERATIONS].insert_many([dict(stranger) for stranger in STRANGERS])
    sell(database, "Rabat", "Fès")
    published = await snapshotter.refresh()
    assert (published["_id"], published["foreign"]) == (10, {GENERATIONS: len(STRANGERS)})
    sell(database, "Rabat")
    assert (await snapshotter.refresh())["_id"] == 11
    await snapshotter.prune()
    assert [row["pieces"] for row in database["kpi_total"].find()] == [3]
    assert [row["pieces"] for row in database["kpi_total_history"].find()] == [2, 3]
    assert database[GENERATIONS].count_documents({}) == len(STRANGERS) + 2
    assert (await freshness(store, NOW, settings().stale_after_s)).generation == 11


@pytest.mark.parametrize(
    "forged",
    [
        {"_id": "sales x", "collection": "sales", "partition": "x", "since": NOW},
        {"_id": "sales x", "collection": "sales", "version": Int64(1), "since": NOW},
        {"_id": "sales x", "collection": "sales", "version": "2", "partition": "x", "since": "now"},
        {"_id": "sales x", "collection": "sales", "version": Int64(2), "partition": ["x"], "since": NOW},
        {"_id": "sales x", "collection": ["sales"], "version": Int64(2), "partition": "x", "since": NOW},
        {"_id": 3},
    ],
)
async def test_a_forged_version_of_a_partition_ends_nothing(
    snapshotter: Snapshotter, database: "Database[Any]", forged: dict[str, Any]
) -> None:
    """It is counted where it can be told from ours; the numbers are right, now and from scratch."""
    database[VERSIONS].insert_one(dict(forged))
    sell(database, "Rabat", "Fès")
    await snapshotter.refresh()
    sell(database, "Rabat")
    await snapshotter.refresh()
    assert totals(database) == [2, 3]
    assert (await snapshotter.rebuild())["drift"] == 0
