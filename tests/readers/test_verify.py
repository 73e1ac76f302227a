"""verify: right when right, and every kind of wrong is found and named."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.columnar import copy as columnar
from multimarket_async.columnar.statements import rolled_up
from multimarket_async.domains import Feed, LoadedDomain, Rollup
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.landing import Landing
from multimarket_async.producer import Producer
from multimarket_async.readers.freshness import freshness
from multimarket_async.readers.verify import Report, different_rows, verify
from multimarket_async.settings import Settings, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, RECEIPTS, ROWS, VERSIONS, Int64, Store
from multimarket_async.store.driver import CLIENTS
from tests.corpus.case import good
from tests.store.test_mongo import Heard

ORDERS_PER_CHANNEL = 4


@dataclass
class World:
    """Three channels, twelve orders, all collected and measured."""

    domain: LoadedDomain
    channels: list[tuple[Feed, Landing]]
    store: Store
    settings: Settings

    async def collect(self) -> None:
        await Collector(self.channels, self.store, self.settings, Clock()).until_empty()

    async def verify(self) -> Report:
        """Against the newest generation, as it is published."""
        generation = await self.store.newest(GENERATIONS)
        return await verify([self.domain], self.channels, self.store, generation)

    def archived(self) -> list[Path]:
        """The files of the web channel."""
        return sorted(self.channels[0][1].archive_files())


@pytest.fixture
async def world(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> AsyncIterator[World]:
    async with aclosing(Store(mongo_uri, database.name)) as store:
        one = empty_world(store, tmp_path)
        for feed, landing in one.channels:
            await Producer(feed, landing, Settings(), Clock()).burst(ORDERS_PER_CHANNEL)
        await one.collect()
        await Snapshotter([one.domain], store, Clock()).refresh()
        yield one


def empty_world(store: Store, folder: Path, **given: Any) -> World:
    """Nothing was delivered yet. given: settings."""
    settings = {"quiet_period_s": 0, "scan_every_s": 0.001, **given}
    loaded = load({"orders": OrderSettings}, settings, {}, folder / "absent.toml")
    domain = ORDERS.under(loaded)
    channels = [(feed, Landing(folder, feed.name)) for feed in domain.feeds]
    for _, landing in channels:
        landing.prepare()
    return World(domain, channels, store, loaded.of(Settings))


def first_key(database: "Database[Any]") -> str:
    return database["commandes"].find_one({"canal": "web"}, sort=[("_id", 1)])["_id"]


async def test_right_is_right(world: World) -> None:
    """All channels and KPIs were looked at, and nothing differs."""
    report = await world.verify()
    assert (report.right, report.differences, report.generation) == (True, [], 1)
    assert [(feed.feed, feed.stored, feed.received) for feed in report.feeds] == [
        ("site_web", 4, 4),
        ("application_mobile", 4, 4),
        ("boutique_physique", 4, 4),
    ]
    assert report.kpis == [kpi.name for kpi in world.domain.kpis]


async def test_months_need_no_time_zone_of_the_server(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mexico City has no summer time since 2023; a MongoDB of 2022 has one for it, and is not asked."""
    heard = Heard()
    monkeypatch.setitem(CLIENTS, "motor", partial(CLIENTS["motor"], event_listeners=[heard]))
    async with aclosing(Store(mongo_uri, database.name)) as store:
        world = empty_world(store, tmp_path, timezone="America/Mexico_City")
        for number, at in enumerate(("2023-06-01T05:59:59Z", "2023-06-01T06:00:00Z")):
            content = good(str(number)).replace(b"2025-04-26T14:00:00", at.encode())
            await world.channels[0][1].deliver(f"{number}.json", content)
        await world.collect()
        generation = await Snapshotter([world.domain], store, Clock()).refresh()
        rows = generation["kpis"]["revenue_by_month_and_channel"]["rows"]
        assert [(row["month"], row["orders"]) for row in rows] == [("2023-05", 1), ("2023-06", 1)]
        assert (await world.verify()).differences == []
    assert "Mexico" not in str(heard.commands)


OF_OTHERS: tuple[dict[str, Any], ...] = (
    {"test": 1},
    {"_id": "somebody", "ingestion": "by hand", "suivi": {"ingestion": 5}},
    {"_id": 7, "since": "x", "ending": True, "collection": "commandes", "partition": 5, "feed": 5, "outcome": 3},
)


@pytest.mark.slow
@pytest.mark.parametrize("collection", ["commandes", RECEIPTS, VERSIONS, ROWS, "table_versions"])
async def test_documents_of_others_in_a_collection_of_ours_change_nothing(
    world: World, database: "Database[Any]", collection: str
) -> None:
    """Whatever they look like: collecting, measuring and every count go on."""
    database[collection].insert_many([dict(document) for document in OF_OTHERS])
    await Producer(*world.channels[1], Settings(), Clock()).burst(1)
    await world.collect()
    snapshotter = Snapshotter([world.domain], world.store, Clock())
    assert (await snapshotter.refresh())["documents"] == {"orders": 13}
    await snapshotter.rebuild()
    assert (await world.verify()).differences == []
    assert (await freshness(world.store, datetime.now(UTC), 60.0)).behind_s == 0.0


async def test_files_are_counted_as_they_are_read(world: World) -> None:
    """For the progress bar: in the end, all of them."""
    read: list[int] = []
    generation = await world.store.newest(GENERATIONS)
    await verify([world.domain], world.channels, world.store, generation, read.append)
    assert sum(read) == 12


async def test_an_order_delivered_twice_is_right(world: World) -> None:
    """A duplicate is archived and counted once."""
    landing = world.channels[0][1]
    await landing.deliver("again.json", world.archived()[0].read_bytes())
    await world.collect()
    report = await world.verify()
    assert report.differences == []
    assert (report.feeds[0].stored, report.feeds[0].duplicate) == (4, 1)


async def test_what_waits_and_what_was_set_aside_is_right(world: World) -> None:
    """Only archived means stored."""
    landing = world.channels[0][1]
    await landing.deliver("bad.json", b"[]")
    await world.collect()
    await landing.deliver("waits.json", b"[]")
    report = await world.verify()
    assert report.differences == []
    assert (report.feeds[0].waiting, report.feeds[0].quarantined.total(), report.feeds[0].received) == (1, 1, 6)


async def test_a_lost_order_is_found(world: World, database: "Database[Any]") -> None:
    """Archived, but not stored: by key and file."""
    key = first_key(database)
    database["commandes"].delete_one({"_id": key})
    report = await world.verify()
    assert f"site_web: {key.removeprefix('web:')}.json is archived, but {key} is not stored" in report.differences
    known = "3 stored, 0 duplicate, 0 superseded"
    assert f"site_web: 4 files are archived, but MongoDB knows {known}" in report.differences


async def test_an_altered_file_is_found(world: World, database: "Database[Any]") -> None:
    """One blank more is another content; only what a slow writer puts at its end is not."""
    file, slow = world.archived()[:2]
    file.write_bytes(b" " + file.read_bytes())
    slow.write_bytes(slow.read_bytes() + b"\n")
    report = await world.verify()
    assert report.differences == [f"site_web: {file.name} differs from what is stored as web:{file.stem}"]


async def test_an_altered_amount_in_a_file_is_found_in_the_kpis_too(world: World) -> None:
    """The content of the files differs from the published numbers."""
    file = world.archived()[0]
    file.write_bytes(file.read_bytes().replace(b'"quantite": ', b'"quantite": 9'))
    differences = (await world.verify()).differences
    assert any(line.startswith("revenue_by_month_and_channel row ") for line in differences)


async def test_a_damaged_file_is_found(world: World) -> None:
    """It is named, and verify goes on."""
    file = world.archived()[0]
    file.write_bytes(b"{")
    differences = (await world.verify()).differences
    assert differences[0].startswith(f"site_web: archived file {file.name} is not valid any more: ")


async def test_an_added_file_is_found(world: World, tmp_path: Path) -> None:
    """A forged order in the archive."""
    file = world.archived()[0]
    forged = file.with_name("forged.json")
    forged.write_bytes(file.read_bytes().replace(file.stem.encode(), b"777"))
    differences = (await world.verify()).differences
    assert "site_web: forged.json is archived, but web:777 is not stored" in differences
    known = "4 stored, 0 duplicate, 0 superseded"
    assert f"site_web: 5 files are archived, but MongoDB knows {known}" in differences


async def test_an_archive_that_is_thinned_out_is_right_as_far_as_it_goes(world: World) -> None:
    """Files that were removed are counted as unseen; what is left is compared, and the KPIs are not."""
    first, second, *_ = world.archived()
    first.unlink()
    report = await world.verify()
    assert (report.differences, report.unseen(["site_web"])) == ([], 1)
    second.write_bytes(b" " + second.read_bytes())
    assert (await world.verify()).differences == [
        f"site_web: {second.name} differs from what is stored as web:{second.stem}"
    ]


async def test_a_compressed_file_is_read_and_a_stranger_is_not(world: World) -> None:
    """Somebody saves room with gzip; a desktop leaves its traces."""
    file = world.archived()[0]
    with gzip.open(f"{file}.gz", "wb") as compressed:
        compressed.write(file.read_bytes())
    file.unlink()
    for name in (".DS_Store", "Thumbs.db"):
        (file.parent / name).touch()
        (file.parent.parent / name).touch()
    report = await world.verify()
    assert (report.differences, report.unseen(["site_web"]), report.feeds[0].archived) == ([], 0, 4)


async def test_two_data_folders_with_one_mongodb_are_right_each(world: World, tmp_path: Path) -> None:
    """Files that the other one archived are counted apart, and are no fault of this archive."""
    other = [(feed, Landing(tmp_path / "other", feed.name)) for feed, _ in world.channels]
    for _, landing in other:
        landing.prepare()
    await other[0][1].deliver("own.json", world.archived()[0].read_bytes().replace(b"100000000", b"900000000"))
    await other[0][1].deliver("again.json", world.archived()[0].read_bytes())
    await Collector(other, world.store, Settings(), Clock()).sweep()
    for feeds, counts in ((other, (1, 1, 2, 0, 4)), (world.channels, (4, 0, 4, 0, 2))):
        generation = await Snapshotter([world.domain], world.store, Clock()).refresh()
        report = await verify([world.domain], feeds, world.store, generation)
        [web, *_] = report.feeds
        assert report.differences == []
        assert (web.stored, web.duplicate, web.archived, web.unseen, web.elsewhere) == counts


async def test_a_document_without_a_file_is_unseen(world: World, database: "Database[Any]") -> None:
    """Even one that claims to come from a file, and that no KPI counts yet."""
    forged = database["commandes"].find_one({"canal": "web"})
    forged |= {"_id": "web:777", "ingestion": {**forged["ingestion"], "sha256": "0" * 64}}
    database["commandes"].insert_one(forged)
    assert (await world.verify()).unseen(["site_web"]) == 1


async def test_a_document_that_borrows_a_digest_is_found_once_measured(world: World, database: "Database[Any]") -> None:
    """The KPIs count it, the archive does not."""
    forged = database["commandes"].find_one({"canal": "web"})
    database["commandes"].insert_one({**forged, "_id": "web:777"})
    await Snapshotter([world.domain], world.store, Clock()).rebuild()
    assert "cancellation_rate_by_channel" in " ".join((await world.verify()).differences)


async def test_an_altered_number_is_found_in_every_kpi(world: World, database: "Database[Any]") -> None:
    """By KPI, row and column, with what it is and what it should be."""
    expected = alter_every_kpi(database)
    assert (await world.verify()).differences == expected


def alter_every_kpi(database: "Database[Any]") -> list[str]:
    """Add one to a number of the first row of each KPI; the differences that are to be found."""
    altered, expected = {}, []
    for kpi, published in database[GENERATIONS].find_one()["kpis"].items():
        row = published["rows"][0]
        column = next(name for name in ("orders", "quantity", "customers") if name in row)
        altered[f"kpis.{kpi}.rows.0.{column}"] = Int64(row[column] + 1)
        expected.append(f"{kpi} row 1: {column} {row[column] + 1} instead of {row[column]}")
    database[GENERATIONS].update_one({}, {"$set": altered})
    return expected


async def test_one_cent_is_found(world: World, database: "Database[Any]") -> None:
    """To the cent is a promise."""
    database[GENERATIONS].update_one({}, {"$inc": {"kpis.revenue_by_month_and_channel.rows.0.revenue_minor": 1}})
    assert (await world.verify()).right is False


def test_a_missing_row_is_told() -> None:
    """And the rows that are there are still compared."""
    assert list(different_rows("k", [{"a": 1}, {"a": 2}], [{"a": 3}])) == [
        "k: 1 rows published, the archived files give 2",
        "k row 1: a 3 instead of 1",
    ]


def test_a_row_too_many_and_a_column_too_many_are_told() -> None:
    """Neither hides behind what agrees."""
    assert list(different_rows("k", [{"a": 1}], [{"a": 1, "b": 5}, {}])) == [
        "k: 2 rows published, the archived files give 1",
        "k row 1: b 5 instead of None",
    ]


def with_wrong_sql(world: World, **wrong: str) -> World:
    """Its first KPI or its tables checked with SQL that DuckDB refuses."""
    first, *others = world.domain.kpis
    received = world.domain.received
    assert received
    broken = replace(world.domain, kpis=(replace(first, check=wrong.get("check", first.check)), *others))
    return replace(
        world, domain=replace(broken, received=replace(received, tables=wrong.get("tables", received.tables)))
    )


async def test_a_check_that_fails_is_a_difference_and_the_others_are_compared(
    world: World, database: "Database[Any]"
) -> None:
    """A mistake in the SQL of one KPI hides no other difference."""
    database[GENERATIONS].update_one({}, {"$set": {"kpis.top_products.rows.0.quantity": Int64(7)}})
    report = await with_wrong_sql(world, check="SELECT nothing FROM commandes").verify()
    first = world.domain.kpis[0].name
    assert [difference.split(":")[0].split(" row")[0] for difference in report.differences] == [first, "top_products"]
    assert 'Referenced column "nothing" not found' in report.differences[0]


async def test_tables_that_fail_are_one_difference(world: World) -> None:
    """And no file is missing for it."""
    report = await with_wrong_sql(world, tables="CREATE TABLE commandes").verify()
    [difference] = report.differences
    assert difference.startswith("orders: its SQL fails on the archived files: Parser Error: ")


async def test_a_bug_of_what_is_computed_step_by_step_is_found_and_mended(world: World) -> None:
    """By `verify`, and by the next computation from scratch, as drift; torture has the same bug among its mutants."""
    landing, snapshotter = world.channels[0][1], Snapshotter([world.domain], world.store, Clock())
    await snapshotter.refresh()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar, "rolled_up", lambda rollup, among="true", **more: without_some(rollup, among, **more))
        order = json.loads(world.archived()[0].read_bytes())
        await landing.deliver("new.json", json.dumps({**order, "order_id": "4711"}).encode())
        await world.collect()
        await snapshotter.refresh()
    assert any("top_products" in difference for difference in (await world.verify()).differences)
    assert (await snapshotter.rebuild())["drift"] > 0
    assert (await world.verify()).differences == []


def without_some(rollup: Rollup, among: str, **more: Any) -> str:
    """An order is left out where only some periods are computed."""
    return rolled_up(rollup, among if among == "true" else f"{among} AND NOT contains(_id, '4711')", **more)


async def test_files_of_a_declared_format_are_compared_many_at_a_time(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The questions to the server, and the files that SQL reads, do not grow with the number of files."""
    heard = Heard()
    monkeypatch.setitem(CLIENTS, "motor", partial(CLIENTS["motor"], event_listeners=[heard]))
    async with aclosing(Store(mongo_uri, database.name)) as store:
        world = empty_world(store, tmp_path, **{"orders.channels": {"shop": {"format": "shopify"}}})
        landings = {feed.name: landing for feed, landing in world.channels}
        for number in range(30):
            await landings["shop"].deliver(f"{number}.json", _exported(number))
        await landings["shop"].deliver("again.json", _exported(0))
        await world.collect()
        await Snapshotter([world.domain], store, Clock()).refresh()
        heard.commands.clear()
        assert (await world.verify()).differences == []
        assert len([command for command in heard.commands if "shop" in str(command)]) < 10
        database["commandes"].delete_one({"_id": "shop:7"})
        database[RECEIPTS].delete_one({"file": "8.json"})
        differences = (await world.verify()).differences
    assert "shop: 7.json is archived, but shop:7 is not stored; its receipt says 0 rejected" in differences
    assert "shop: 8.json is archived, and has no receipt" in differences


def _exported(number: int) -> bytes:
    line = {"id": 1, "name": "Lampe", "quantity": 1, "price": "5.00"}
    order = {"id": number, "created_at": "2026-03-28T18:04:11Z", "financial_status": "paid", "line_items": [line]}
    return json.dumps(order).encode()
