"""Conservation: received = waiting + stored + duplicate + quarantined."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.domains import Feed, Table
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, UnknownFiles
from multimarket_async.readers.accounting import Accepted, FeedFiles, counted, on_disk, without_feed
from multimarket_async.store import RECEIPTS, Store

TODAY = datetime(2026, 5, 20, tzinfo=UTC).date()


def test_what_no_feed_collects_is_counted(tmp_path: Path) -> None:
    """A folder in other letters, a file beside the folders; of hidden ones nobody speaks."""
    feed, landing = channel(tmp_path, "site_web")
    (landing.sources.parent / "Site_Web").mkdir()
    (landing.sources.parent / "lost.json").touch()
    (landing.sources.parent / ".hidden").touch()
    assert without_feed([(feed, landing)]) == UnknownFiles(2, "Site_Web")


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def channel(folder: Path, name: str, collection: str = "sales") -> tuple[Feed, Landing]:
    landing = Landing(folder, name)
    landing.prepare()
    return Feed(name, Table(collection), lambda _: []), landing


async def received(landing: Landing, *contents: bytes) -> None:
    for number, content in enumerate(contents):
        await landing.deliver(f"{number}.json", content)


def archive(landing: Landing) -> None:
    landing.archive(landing.waiting(), TODAY)


def store_documents(database: "Database[Any]", feed: str, content: bytes, *keys: str) -> None:
    ingestion = {"feed": feed, "sha256": hashlib.sha256(content).hexdigest()}
    database["sales"].insert_many([{"_id": key, "ingestion": ingestion} for key in keys])


def test_the_sum_by_hand() -> None:
    """2 wait, 7 are archived of which 5 were new, 3 were set aside: 12 were received."""
    one = FeedFiles("web", 2, 40, None, archived=7, stored=5, duplicate=2, quarantined=Counter(bad_date=2, conflict=1))
    assert (one.duplicate, one.received) == (2, 12)
    assert one.received == one.waiting + one.stored + one.duplicate + one.quarantined.total()


async def test_files_are_counted_where_they_are(tmp_path: Path) -> None:
    """Waiting with their bytes, archived on any day, set aside by code; the reasons are no files."""
    _, landing = channel(tmp_path, "web")
    await received(landing, b"{}", b"{}", b"{}")
    landing.archive(landing.waiting()[:1], TODAY)
    landing.archive(landing.waiting()[:1], datetime(2026, 5, 21, tzinfo=UTC).date())
    landing.quarantine.add(landing.waiting()[0].path, Rejected("bad_date", "no date"), {})
    await landing.deliver("a.json", b"12345")
    await landing.deliver("b.json", b"123")
    (landing.sources / ".hidden.json").write_bytes(b"not ours")
    (landing.sources / "notes.txt").write_bytes(b"not ours")
    one = on_disk(landing, Accepted(Counter({(landing.feed, "stored"): 2})))
    assert (one.waiting, one.waiting_bytes, one.archived, one.quarantined) == (2, 8, 2, {"bad_date": 1})
    assert one.received == 5


async def test_the_longest_wait_is_told(tmp_path: Path) -> None:
    """Since when the oldest waiting file waits, in UTC; None if none waits."""
    _, landing = channel(tmp_path, "web")
    assert on_disk(landing).oldest_since is None
    await received(landing, b"1", b"2")
    oldest_s = min(file.path.stat().st_ctime_ns for file in landing.waiting()) / 1e9
    assert on_disk(landing).oldest_since == datetime.fromtimestamp(oldest_s, UTC)


async def test_each_feed_has_its_own_counts(tmp_path: Path, store: Store, database: "Database[Any]") -> None:
    """Though their documents share a collection."""
    web, shop = channel(tmp_path, "web"), channel(tmp_path, "shop")
    await received(web[1], b"1", b"2")
    archive(web[1])
    await received(shop[1], b"3")
    store_documents(database, "web", b"1", "web:1")
    store_documents(database, "web", b"2", "web:2")
    found = {item.feed: (item.waiting, item.archived, item.stored) for item in await counted([web, shop], store)}
    assert found == {"web": (0, 2, 2), "shop": (1, 0, 0)}


async def test_a_file_of_many_documents_is_one_file(tmp_path: Path, store: Store, database: "Database[Any]") -> None:
    """Files are conserved, not documents."""
    web = channel(tmp_path, "web")
    await received(web[1], b"[1, 2, 3]")
    archive(web[1])
    store_documents(database, "web", b"[1, 2, 3]", "web:1", "web:2", "web:3")
    [one] = await counted([web], store)
    assert (one.archived, one.stored, one.duplicate) == (1, 1, 0)


async def test_a_file_delivered_again_is_a_duplicate(tmp_path: Path, store: Store, database: "Database[Any]") -> None:
    """Two archived, one stored."""
    web = channel(tmp_path, "web")
    await received(web[1], b"1", b"1")
    archive(web[1])
    store_documents(database, "web", b"1", "web:1")
    [one] = await counted([web], store)
    assert (one.stored, one.duplicate, one.holds) == (1, 0, False)  # one of them nobody knows
    database[RECEIPTS].insert_one({"feed": "web", "outcome": "duplicate", "archive": web[1].identity.id})
    [one] = await counted([web], store)
    assert (one.stored, one.duplicate, one.holds, one.received) == (1, 1, True, 2)


async def test_an_archive_of_an_earlier_version(tmp_path: Path, store: Store, database: "Database[Any]") -> None:
    """Without receipts of its duplicates: they are the files that were there before, and are not stored."""
    day = tmp_path / "archive/web/2026-05-20"
    day.mkdir(parents=True)
    for name in ("1.json", "2.json", "3.json"):
        (day / name).touch()
    store_documents(database, "web", b"1", "web:1")
    web = channel(tmp_path, "web")
    [one] = await counted([web], store)
    assert (one.archived, one.stored, one.duplicate, one.unseen, one.holds) == (3, 1, 2, 0, True)


async def test_feeds_of_different_collections(tmp_path: Path, store: Store, database: "Database[Any]") -> None:
    """Each is looked for where its documents are."""
    web, returns = channel(tmp_path, "web"), channel(tmp_path, "returns", collection="returns")
    store_documents(database, "web", b"1", "web:1")
    database["returns"].insert_one({"_id": "r", "ingestion": {"feed": "returns", "sha256": "x"}})
    assert [item.stored for item in await counted([web, returns], store)] == [1, 1]


async def test_documents_of_another_hand_are_nobodys(tmp_path: Path, store: Store, database: "Database[Any]") -> None:
    """A document without `ingestion` is no file of any feed, and no error."""
    web = channel(tmp_path, "web")
    database["sales"].insert_one({"_id": "typed in"})
    [one] = await counted([web], store)
    assert one.stored == 0


async def test_a_collection_of_both_kinds_of_feeds_counts_each_file_once(
    store: Store, database: "Database[Any]", tmp_path: Path
) -> None:
    """Files of a feed with receipts are those of its receipts, and not also its documents."""
    single, _ = channel(tmp_path, "web")
    landing = Landing(tmp_path, "shop")
    landing.prepare()
    several = Feed("shop", Table("sales", "upsert"), lambda _: [], records="many")
    store_documents(database, "web", b"1", "web:1")
    source = {"feed": "shop", "receipt": "r", "record": 1}
    database["sales"].insert_many([{"_id": f"shop:{n}", "ingestion": {**source, "record": n}} for n in (1, 2)])
    database[RECEIPTS].insert_one({"_id": "r", "feed": "shop", "outcome": "stored", "stored": 2, "records": 2})
    found = await counted([(single, Landing(tmp_path, "web")), (several, landing)], store)
    assert {files.feed: files.stored for files in found} == {"web": 1, "shop": 1}
