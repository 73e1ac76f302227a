"""Retention removes what is old and stored, counts it, and is completed after a crash; by default all is kept."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.clock import Clock
from multimarket_async.domains import Table
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.erasure import Keep, Retention
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import expired, pack
from multimarket_async.readers.status import read_status
from multimarket_async.settings import Settings
from multimarket_async.store import GENERATIONS, Expirations, Store
from tests.erasure.test_erase import HER, HIM, VISITS, Killed, Place, fill, order, shop, visits

__all__ = ["shop"]
ALL = Keep(archive_days=30, quarantine_days=30, logs_days=30)


def later(days: float) -> Clock:
    return Clock(now=lambda: datetime.now(UTC) + timedelta(days=days))


async def expire(shop: Place, keep: Keep = ALL, days: float = 40) -> None:
    await Retention(shop.feeds, shop.store, later(days), keep, logs=[shop.folder / "logs"]).run()


def files(shop: Place) -> list[Path]:
    return list(shop.landing("site_web").archive_files())


def plant(shop: Place) -> Path:
    """A good file in the archive of which MongoDB does not know."""
    path = files(shop)[0].with_name("planted.json")
    path.write_bytes(order(77, HIM))
    return path


async def test_what_is_old_and_stored_is_removed(shop: Place) -> None:
    """Orders, follow-ups and duplicates; `status` counts them, and `verify` knows of them. The documents stay."""
    await fill(shop)
    before, documents = len(files(shop)), shop.database.commandes.count_documents({})
    await expire(shop)
    assert (files(shop), [*shop.landing("site_web").archived.glob("2*")]) == ([], [])
    assert shop.database.commandes.count_documents({}) == documents
    report = await shop.verified()
    [counted] = report.feeds
    assert (counted.expired, counted.unseen, counted.holds, report.differences) == (before, 0, True, [])
    assert report.unseen(["site_web"]) == before  # so KPIs are not compared, and it is not called whole
    parts = shop.feeds, shop.store, shop.settings, datetime.now(UTC), shop.folder / "latency.json"
    [feed] = (await read_status(*parts)).feeds
    assert (feed.expired, feed.expired_quarantined, feed.quarantined) == (before, 4, 0)
    await shop.collect()  # what waited is archived and counted as before
    assert len(files(shop)) == 2
    assert [counted.unseen for counted in (await shop.verified()).feeds] == [0]


async def test_what_is_not_stored_stays(shop: Place) -> None:
    """Alone in its day, or in a pack, which stays whole then; it is found by `verify` as before."""
    await fill(shop)
    planted = plant(shop)
    await expire(shop)
    assert files(shop) == [planted]
    pack(shop.landing("site_web").archived, date(2999, 1, 1))
    await expire(shop)
    assert shop.landing("site_web").archived_files() == 1
    assert any("planted.json" in difference for difference in (await shop.verified()).differences)


async def test_packs_are_removed(shop: Place) -> None:
    """And counted by their files."""
    await fill(shop)
    before = len(files(shop))
    pack(shop.landing("site_web").archived, date(2999, 1, 1))
    await expire(shop)
    [counted] = (await shop.verified()).feeds
    assert (counted.archived, counted.expired, counted.unseen) == (0, before, 0)


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_files_of_many_records_are_known_by_their_receipts(shop: Place, mode: Any) -> None:
    shop.domain = visits(Table("visits", mode), VISITS.reader(dict), ".csv")
    landing = shop.landing("visits")
    landing.prepare()
    await landing.deliver("1.csv", b"visit,client,pages\r\nv1,C-7,1\r\nv2,C-7,x\r\n")
    await shop.collect()
    await expire(shop)
    assert (landing.archived_files(), landing.expired_files()[0]) == (0, 1)


@pytest.mark.parametrize("days", [0, 29])
async def test_what_is_young_stays(shop: Place, days: float) -> None:
    await fill(shop)
    before = shop.holding(HER)
    await expire(shop, days=days)
    assert shop.holding(HER) == before


async def test_by_default_everything_is_kept(shop: Place) -> None:
    await fill(shop)
    before = shop.holding(HER)
    await expire(shop, Keep(), days=40_000)
    assert shop.holding(HER) == before


@pytest.mark.slow
@pytest.mark.parametrize("dies_in", ["complete", "atomic_write", "rmtree"])
async def test_killed_it_counts_each_file_once(shop: Place, monkeypatch: pytest.MonkeyPatch, dies_in: str) -> None:
    """Before it counts, before the number is on the disk, and when half of the files are gone."""
    await fill(shop)
    before = len(files(shop))

    def dies(path: Path, *_: Any) -> None:
        if dies_in == "rmtree":
            next(path.iterdir()).unlink()
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(*((shutil, "rmtree", dies) if dies_in == "rmtree" else (expired, dies_in, dies)))
        with pytest.raises(Killed):
            await expire(shop)
    await expire(shop)
    await expire(shop)
    [counted] = (await shop.verified()).feeds
    assert (counted.archived, counted.expired, counted.expired_quarantined) == (0, before, 4)


async def test_another_process_that_removes_is_left_alone(shop: Place) -> None:
    await fill(shop)
    before = files(shop)
    with expired.alone(shop.landing("site_web").archived) as ours:
        assert ours
        await expire(shop)
    assert files(shop) == before


async def test_lines_of_logs_are_removed_by_their_age(shop: Place) -> None:
    """Whole files that were rotated away; in others, old lines are overwritten, and young ones stay."""
    logs, now = shop.folder / "logs", datetime.now(UTC)
    logs.mkdir()
    old = {"event": "a", "timestamp": now.isoformat().replace("+00:00", "Z")}
    young = {"event": "b", "timestamp": (now + timedelta(days=35)).isoformat()}
    mongod = {"t": {"$date": now.isoformat()}, "msg": "c"}
    for name in ("multimarket.jsonl", "multimarket.jsonl.1", "multimarket.jsonl.2"):
        lines = [old, mongod] + ([] if name.endswith("1") else [young])
        (logs / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    await expire(shop)
    assert sorted(path.name for path in logs.iterdir()) == ["multimarket.jsonl", "multimarket.jsonl.2"]
    for path in logs.iterdir():
        events = [json.loads(line)["event"] for line in path.read_text().splitlines()]
        assert events == ["line.erased", "line.erased", "b"]


DOCUMENTS = replace(ALL, documents_days={"commandes": 31})


@pytest.mark.slow
async def test_old_documents_are_removed_after_their_files(shop: Place) -> None:
    """With their follow-ups; every sum holds, published generations keep their numbers, newer ones lack them."""
    await fill(shop)
    [before] = (await shop.verified()).feeds
    published = await shop.store.newest(GENERATIONS) or {}
    await expire(shop, DOCUMENTS, days=30.5)
    documents = shop.database.commandes.count_documents({})
    assert documents > 0  # they are young
    await expire(shop, DOCUMENTS)
    assert shop.database.commandes.count_documents({}) == 0
    await shop.measure()
    report = await shop.verified()
    [counted] = report.feeds
    assert report.differences == []
    assert (counted.received, counted.stored, counted.unseen) == (before.received - 4, before.stored, 0)
    assert counted.expired_documents == documents
    assert report.unseen(["site_web"]) > 0  # so it is not called whole
    [kept] = [found async for found in shop.store.aggregate(GENERATIONS, [{"$match": {"_id": published["_id"]}}])]
    assert kept["kpis"] == published["kpis"]
    newest = await shop.store.newest(GENERATIONS) or {}
    assert newest["documents"] == {"orders": 0}


async def test_a_follow_up_keeps_its_document_young(shop: Place) -> None:
    await fill(shop)
    shop.database.commandes.update_one({"_id": "web:2"}, {"$set": {"suivi.0.ingestion.ingested_at": later(20).now()}})
    await expire(shop, DOCUMENTS)
    assert [document["_id"] for document in shop.database.commandes.find()] == ["web:2"]


async def test_a_channel_without_follow_ups_in_the_same_table_changes_nothing_of_that(shop: Place) -> None:
    await fill(shop)
    settings = OrderSettings.model_validate({"channels": {"exported": {"format": "shopify"}}})
    feeds = tuple(feed for feed in ORDERS.declare(settings).feeds if feed.name in ("site_web", "exported"))
    shop = replace(shop, domain=replace(shop.domain, feeds=feeds))
    shop.landing("exported").prepare()
    shop.database.commandes.update_one({"_id": "web:2"}, {"$set": {"suivi.0.ingestion.ingested_at": later(20).now()}})
    await expire(shop, DOCUMENTS)
    assert [document["_id"] for document in shop.database.commandes.find()] == ["web:2"]


@pytest.mark.slow
@pytest.mark.parametrize("dies_in", ["remove", "end"])
async def test_a_removal_that_was_killed_is_completed(
    shop: Place, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """Each document is counted once."""
    await fill(shop)
    documents = shop.database.commandes.count_documents({})

    async def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Store if dies_in == "remove" else Expirations, dies_in, dies)
        with pytest.raises(Killed):
            await expire(shop, DOCUMENTS)
    for _ in range(2):
        await expire(shop, DOCUMENTS)
    [counted] = (await shop.verified()).feeds
    assert (counted.expired_documents, counted.unseen) == (documents, 0)


async def test_documents_of_many_records_are_removed(shop: Place) -> None:
    """The receipts of their files stay, and count them."""
    shop.domain = visits(Table("visits"), VISITS.reader(dict), ".csv")
    landing = shop.landing("visits")
    landing.prepare()
    await landing.deliver("1.csv", b"visit,client,pages\r\nv1,C-7,1\r\nv2,C-7,2\r\n")
    await shop.collect()
    await shop.measure()
    await expire(shop, replace(ALL, documents_days={"visits": 31}))
    report = await shop.verified()
    [counted] = report.feeds
    assert (counted.expired_documents, counted.stored, counted.unseen, report.differences) == (2, 1, 0, [])
    with pytest.raises(WrongSettings, match=r"no table: visit\. There are visits"):
        await expire(shop, replace(ALL, documents_days={"visit": 31}))


@pytest.mark.parametrize("given", ["commandes", "commandes=x", "commandes=30"])
def test_documents_that_would_go_before_their_files_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match="keep_documents"):
        Settings.model_validate({"keep_documents": given, "keep_archive_days": 30})
