"""From landing to store, on the real mongod, with the feed of readings.py."""

import asyncio
import errno
import itertools
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async.app import workspace
from multimarket_async.clock import Clock
from multimarket_async.collector import Collector, Latency, measured
from multimarket_async.collector import pipeline as module
from multimarket_async.discovery import settings_models
from multimarket_async.domains import Feed, LoadedDomain, Table
from multimarket_async.errors import CannotContinue, Rejected, Unavailable
from multimarket_async.landing import Landing, Quarantine, WaitingFile
from multimarket_async.settings import Settings, load
from multimarket_async.store import Store
from tests.collector.readings import READINGS, Site, away, parse
from tests.files import of_bytes
from tests.tracing import with_faults


def before_the_reading(landing: Landing, happen: Callable[[], object]) -> None:
    """Something happens, once, between the scan of the directory and the reading."""

    def read(*arguments: Any) -> Any:
        del landing.read
        happen()
        return landing.read(*arguments)

    landing.read = read  # type: ignore[method-assign]


@pytest.fixture
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are inserted in the order in which they were read; else they overtake each other."""
    monkeypatch.setattr(module, "BATCHES_IN_FLIGHT", 1)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _events(logs: Sequence[Any], prefix: str = "") -> list[str]:
    return [entry["event"] for entry in logs if entry["event"].startswith(prefix)]


async def _to_the_end(collector: Collector) -> None:
    """Sweep until it got through: what another one has just written may not be durable yet."""
    while not await collector.sweep():
        pass


def _oldest_first(*paths: Path) -> None:
    """Give them times of change in this order: the kernel's clock for files ticks every few milliseconds."""
    moment = 0
    for path in paths:
        os.utime(path)
        while path.stat().st_ctime_ns <= moment:
            os.utime(path)
        moment = path.stat().st_ctime_ns


# --- stored, archived ----------------------------------------------------------------------


async def test_a_file_is_stored_and_archived(site: Site) -> None:
    """The document carries where it came from; the file is in the archive of the day of collection."""
    content = site.put("1.json", {"key": 1, "value": 7}).read_bytes()
    assert await site.collector().sweep() is True
    [document] = site.database[READINGS].find()
    assert document["ingestion"].pop("partition").endswith("-1")
    assert len(document["ingestion"].pop("delivery")) == 20
    assert [document] == [
        {
            "_id": "1",
            "value": 7,
            "ingestion": {
                "feed": "north",
                "file": "1.json",
                "sha256": _digest(content),
                "ingested_at": datetime(2020, 3, 1, 12),  # noqa: DTZ001 - as the plain driver reads it
                "archive": site.landings["north"].identity.id,
            },
        }
    ]
    assert (site.landings["north"].archived / "2020-03-01" / "1.json").read_bytes() == content
    assert site.waiting() == []


async def test_archived_means_stored_first(site: Site) -> None:
    """While the insert runs, and when it fails, the file is where it was."""
    site.put("1.json", {"key": 1})
    seen = []

    async def look() -> None:
        seen.append((site.waiting(), site.archived()))

    site.store.before = site.store.after = look
    await site.collector().sweep()
    assert seen == [(["1.json"], []), (["1.json"], [])]


async def test_feeds_with_collections_of_their_own(site: Site) -> None:
    """Each file's documents go where its feed says, however the batch mixes them."""
    feeds = [(Feed(feed, Table(f"of_{feed}"), of_bytes(parse)), landing) for feed, landing in site.landings.items()]
    site.put_readings("north", range(3))
    site.put_readings("south", range(2))
    await Collector(feeds, site.store, Settings(), site.hands.clock).sweep()
    found = {
        name: sorted(document["_id"] for document in site.database[name].find()) for name in ("of_north", "of_south")
    }
    assert found == {"of_north": ["north:0", "north:1", "north:2"], "of_south": ["south:0", "south:1"]}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a" * 250 + ".json", "a" * 250 + ".json"),
        (os.fsdecode(b"\xff.json"), "\\xff.json"),
        ("a\nb.json", "a\nb.json"),
        ("$é.json", "$é.json"),
    ],
)
async def test_any_name_is_stored_and_quarantined(site: Site, name: str, shown: str) -> None:
    """A name is data from outside: the good file is archived under it, a bad one is quarantined under it."""
    site.put(name, {"key": 1})
    site.put(name, {"no": "key"}, "south")
    await site.collector().sweep()
    assert site.database[READINGS].find_one({}, {"ingestion.file": 1}) == {"_id": "1", "ingestion": {"file": shown}}
    assert site.archived() == [name]
    [one] = site.landings["south"].quarantine.list()
    assert one.reason["file"] == name


async def test_one_name_twice_on_one_day(site: Site) -> None:
    """Two orders in files of the same name: both stored, both archived."""
    collector = site.collector()
    for key in (1, 2):
        site.put("order.json", {"key": key})
        await collector.sweep()
    assert (sorted(site.stored()), site.archived()) == (["1", "2"], ["order.2.json", "order.json"])


async def test_a_landing_directory_removed_and_made_again(site: Site) -> None:
    """The collector goes on when it is gone, and collects when it is back."""
    collector = site.collector()
    site.landings["north"].sources.rmdir()
    site.put("1.json", {"key": 1}, "south")
    assert await collector.sweep() is True
    site.put("2.json", {"key": 2})
    await collector.sweep()
    assert sorted(site.stored()) == ["1", "2"]


# --- bad files -----------------------------------------------------------------------------


async def test_a_bad_file_is_quarantined_with_the_reason(site: Site) -> None:
    """Code, place, digest, size and time; one line in the log; and the good one beside it is stored."""
    bad = site.put("bad.json", [{"key": 1}, {"no": "key"}]).read_bytes()
    site.put("good.json", {"key": 2})
    with capture_logs() as logs:
        await site.collector().sweep()
    [one] = site.landings["north"].quarantine.list()
    expected = {
        "code": "missing",
        "sentence": "a reading has a key",
        "pointer": "/1/key",
        "line": None,
        "column": None,
        "file": "bad.json",
        "feed": "north",
        "bytes": len(bad),
        "sha256": _digest(bad),
        "quarantined_at": "2020-03-01T12:00:00+00:00",
    }
    assert {name: one.reason[name] for name in expected} == expected
    assert (site.stored(), site.waiting()) == ({"2": None}, [])
    [line] = [entry for entry in logs if entry["event"] == "file.quarantined"]
    assert (line["feed"], line["file"], line["code"], line["pointer"]) == ("north", "bad.json", "missing", "/1/key")


async def test_many_files_that_are_bad_alike_are_one_line_of_the_log(site: Site) -> None:
    """With what to do; another fault has its own line. Delivered again, each is counted with the first one."""
    for number in range(12):
        site.put(f"{number}.json", {"other": number})
    site.put("odd.json", [{"key": 1}, {"no": "key"}])
    with capture_logs() as logs:
        await site.collector().sweep()
    lines = [entry for entry in logs if entry["log_level"] == "warning"]
    found = [(line["event"], line.get("files"), line["pointer"]) for line in lines]
    assert found == [("file.quarantined", None, "/1/key"), ("files.quarantined", 12, "/0/key")]
    assert "formats suggest" in lines[1]["advice"]
    for number in range(12):
        site.put(f"again-{number}.json", {"other": number})
    await site.collector().sweep()
    quarantine = site.landings["north"].quarantine
    assert (quarantine.count(), quarantine.codes()["missing"]) == (13, 25)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/etc/hostname")])
async def test_what_is_no_file_blocks_nobody(site: Site, make: Callable[[Path], object]) -> None:
    """A directory, a pipe nobody writes to, a link: quarantined immediately."""
    make(site.landings["north"].sources / "odd.json")
    site.put("good.json", {"key": 1})
    await site.collector().sweep()
    assert site.quarantined() == {"odd.json": "not_a_regular_file"}
    assert sorted(site.stored()) == ["1"]


async def test_too_large_is_quarantined_unread(site: Site) -> None:
    """11 bytes where 10 are allowed: no parser sees them; the digest tells when it comes again."""
    site.put("1.json", b"x" * 11)
    await site.collector(max_file_bytes=10).sweep()
    [one] = site.landings["north"].quarantine.list()
    digest = _digest(b"x" * 11)
    assert (one.reason["code"], one.reason["bytes"], one.reason["sha256"]) == ("file_too_large", 11, digest)


async def test_a_feed_has_a_limit_of_its_own(site: Site) -> None:
    """Larger than that of all feeds, or smaller."""
    feeds = [
        (Feed(name, Table(READINGS), of_bytes(parse), max_file_bytes=limit), site.landings[name])
        for name, limit in (("north", 20), ("south", 10))
    ]
    for name in ("north", "south"):
        site.put("1.json", json.dumps({"key": name}).ljust(19), name)
    await Collector(feeds, site.store, Settings(max_file_bytes=15), site.hands.clock).sweep()
    assert sorted(site.stored()) == ["north"]
    [rejected] = site.landings["south"].quarantine.list()
    assert rejected.reason["code"] == "file_too_large"


async def test_files_of_another_kind_are_logged_once(site: Site) -> None:
    """With their feed and one of their names; they stay where they are, and stop nothing."""
    site.put("notes.txt", b"hello")
    site.put("1.json", {"key": 1})
    collector = site.collector()
    with capture_logs() as lines:
        await collector.sweep()
        await collector.sweep()
    [line] = [line for line in lines if line["event"] == "files.unknown"]
    assert (line["feed"], line["files"], line["example"]) == ("north", 1, "notes.txt")
    assert sorted(site.stored()) == ["1"]
    assert (site.landings["north"].sources / "notes.txt").exists()


async def test_files_with_the_suffix_of_their_feed_are_collected(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A domain whose feed has CSV files: they are taken, in capitals too, and its JSON files are not."""
    feed = Feed("bikes", Table(READINGS), lambda file: [{"_id": file.name}], suffixes=(".csv",))
    monkeypatch.setattr("multimarket_async.app.parts.declared", lambda _: (LoadedDomain("bikes", (feed,), ()),))
    found = workspace(load(settings_models(), {"data_dir": tmp_path / "data"}, {}, tmp_path / "none"))
    folder = tmp_path / "data/sources/bikes"
    for name in ("a.csv", "B.CSV", "c.json"):
        (folder / name).write_bytes(b"model\n")
    await Collector(found.feeds, site.store, found.settings, found.clock).until_empty()
    assert [path.name for path in folder.iterdir()] == ["c.json"]
    assert [path.name for path in sorted(found.feeds[0][1].archive_files())] == ["B.CSV", "a.csv"]


async def test_a_mistake_in_a_parser_stops_nobody(site: Site) -> None:
    """An exception of the parser is a reason as well, and is named in it."""
    site.put("1.json", {"key": 1, "value": "boom"})
    site.put("2.json", {"key": 2})
    await site.collector().sweep()
    [one] = site.landings["north"].quarantine.list()
    assert one.reason["code"] == "parser_failed"
    assert "ZeroDivisionError" in one.reason["sentence"]
    assert sorted(site.stored()) == ["2"]


@pytest.mark.parametrize(
    "given",
    [lambda: None, lambda: [{"no": "_id"}], lambda: [None], lambda: (1 // 0 for _ in "x")],
    ids=["None", "no key", "no document", "failing"],
)
async def test_a_parser_that_gives_nonsense_stops_nobody(site: Site, given: Callable[[], Any]) -> None:
    """Nothing, a document without a key, a generator that fails when it is read: this file's fault alone."""
    site.put("1.json", "nonsense")
    site.put("2.json", {"key": 2})
    await site.collector(reader=lambda content: given() if content == b"nonsense" else parse(content)).sweep()
    assert (site.quarantined(), sorted(site.stored())) == ({"1.json": "parser_failed"}, ["2"])


async def test_what_mongodb_cannot_hold_is_quarantined(site: Site) -> None:
    """A number beyond 64 bits would make the driver refuse the whole batch."""
    site.put("1.json", '{"key": 1, "value": 10000000000000000000}')
    site.put("2.json", {"key": 2})
    await site.collector().sweep()
    assert (site.quarantined(), sorted(site.stored())) == ({"1.json": "not_storable"}, ["2"])


async def test_what_mongodb_refuses_is_quarantined(site: Site) -> None:
    """No key may be a list: the server refuses the document, and the others of the batch are stored."""
    site.put("1.json", "odd")
    site.put("2.json", {"key": 2})
    await site.collector(reader=lambda content: [{"_id": ["1"]}] if content == b"odd" else parse(content)).sweep()
    assert (site.quarantined(), sorted(site.stored())) == ({"1.json": "refused_by_mongodb"}, ["2"])


async def test_what_mongodb_cannot_even_read_is_quarantined(site: Site) -> None:
    """250 levels of nesting: one bad file, and the others of the batch are stored."""
    site.put("1.json", '{"key": 1, "value": ' + "[" * 250 + "]" * 250 + "}")
    site.put("2.json", {"key": 2})
    await site.collector().sweep()
    assert (list(site.quarantined()), sorted(site.stored())) == (["1.json"], ["2"])


async def test_a_file_without_documents(site: Site) -> None:
    """An empty list is a legal file of this feed: there is nothing to store, and it waits no longer."""
    site.put("1.json", [])
    await site.collector().sweep()
    assert site.waiting() == []


# --- files that are still being written -------------------------------------------------------


@pytest.mark.parametrize("begun", [b"", b'{"key": 1, "val'])
async def test_a_young_unfinished_file_is_left_to_its_writer(site: Site, begun: bytes) -> None:
    """Empty or cut: not judged before it has been unchanged for quiet_period_s, and stored when it is whole."""
    path = site.put("1.json", begun)
    collector = site.collector(quiet_period_s=3.0)
    for seconds in (0.0, 1.5, 2.9):
        site.hands.seconds = seconds
        assert await collector.sweep() is True
        assert (site.waiting(), site.quarantined(), site.stored()) == (["1.json"], {}, {})
    path.write_bytes(b'{"key": 1, "value": 5}')
    await collector.sweep()
    assert (site.stored(), site.archived(), site.quarantined()) == ({"1": 5}, ["1.json"], {})


@pytest.mark.parametrize("begun", [b"", b'{"key": 1, "val'])
async def test_an_unfinished_file_that_stays_so_is_quarantined(site: Site, begun: bytes) -> None:
    """3 s unchanged: nobody writes to it any more."""
    site.put("1.json", begun)
    collector = site.collector(quiet_period_s=3.0)
    await collector.sweep()
    site.hands.seconds = 3.0
    await collector.sweep()
    assert (site.quarantined(), site.waiting()) == ({"1.json": "truncated"}, [])


async def test_a_slow_writer_is_never_cut_off(site: Site) -> None:
    """A byte every 2.9 s, for as long as it takes: the patience starts anew with each."""
    path = site.put("1.json", b"")
    collector = site.collector(quiet_period_s=3.0)
    for length in range(len(b'{"key": 1}')):
        path.write_bytes(b'{"key": 1}'[:length])
        await collector.sweep()
        site.hands.seconds += 2.9
        await collector.sweep()
        assert site.quarantined() == {}
    path.write_bytes(b'{"key": 1}')
    await collector.sweep()
    assert sorted(site.stored()) == ["1"]


async def test_a_file_that_grows_while_it_is_read_is_left(site: Site) -> None:
    """Whole JSON so far, but more has come since we looked: not an order yet."""
    path = site.put("1.json", b'{"key": 1')
    collector = site.collector()
    before_the_reading(site.landings["north"], lambda: path.write_bytes(b'{"key": 1}'))
    await collector.sweep(iter([False, True]).__next__)
    assert (site.stored(), site.waiting(), site.quarantined()) == ({}, ["1.json"], {})
    await collector.sweep()
    assert sorted(site.stored()) == ["1"]


async def test_an_unfinished_file_holds_up_nobody(site: Site) -> None:
    """The others are stored in the same sweep."""
    site.put("1.json", b"{")
    site.put("2.json", {"key": 2})
    await site.collector().sweep()
    assert (sorted(site.stored()), site.waiting()) == (["2"], ["1.json"])


async def test_no_patience_is_no_patience(site: Site) -> None:
    """quiet_period_s = 0: quarantined at the first look."""
    site.put("1.json", b"{")
    await site.collector(quiet_period_s=0).sweep()
    assert site.quarantined() == {"1.json": "truncated"}


# --- duplicates and conflicts -----------------------------------------------------------------


async def test_a_duplicate_is_archived_as_done(site: Site) -> None:
    """The same content under another name, in the same batch and later: one document, every file archived."""
    site.put("a.json", {"key": 1})
    site.put("b.json", {"key": 1})
    collector = site.collector()
    await collector.sweep()
    site.put("c.json", {"key": 1})
    await collector.sweep()
    assert (list(site.stored()), site.archived()) == (["1"], ["a.json", "b.json", "c.json"])
    assert collector.tally.outcomes == Counter({("north", "stored"): 1, ("north", "duplicate"): 2})


async def test_an_order_of_the_future_is_quarantined(tmp_path: Path, mongo_uri: str, database: Database[Any]) -> None:
    """The reason names the field. A follow-up may be of the future."""
    orders, now = workspace(load(settings_models(), {"data_dir": tmp_path, "quiet_period_s": 0}, {})), datetime.now(UTC)
    [(feed, landing), *_] = orders.feeds
    delivery = feed.simulate(1, 0, now, now)  # type: ignore[misc]
    for days, name in ((0, "now"), (2, "then")):
        order = json.loads(delivery.content) | {"date_commande": f"{now + timedelta(days):%Y-%m-%dT%H:%M:%S}"}
        await landing.deliver(f"{name}.json", json.dumps(order | {"order_id": name}).encode())
    state = {"etat": "livrée", "date_etat": f"{now + timedelta(2):%Y-%m-%dT%H:%M:%S}"}
    follow_up = {"order_id": "now", "canal": "web", "suivi": state}
    await landing.deliver("late.json", json.dumps(follow_up).encode())
    async with aclosing(Store(mongo_uri, database.name)) as store:
        await Collector(orders.feeds, store, orders.settings, Clock()).until_empty()
    reasons = {file.path.name: (file.reason["code"], file.reason["pointer"]) for file in landing.quarantine.list()}
    assert reasons == {"then.json": ("date_in_future", "/date_commande")}


async def test_a_conflict_is_neither_lost_nor_stored(site: Site) -> None:
    """The same key with other content: the first stays as it is, the second is quarantined with both digests."""
    collector = site.collector()
    first = site.put("1.json", {"key": 1, "value": "first"}).read_bytes()
    await collector.sweep()
    second = site.put("1.json", {"key": 1, "value": "second"}).read_bytes()
    await collector.sweep()
    [one] = site.landings["north"].quarantine.list()
    assert (site.stored(), one.path.read_bytes()) == ({"1": "first"}, second)
    assert {name: one.reason[name] for name in ("code", "key", "differs", "sha256_stored", "sha256_delivered")} == {
        "code": "conflict",
        "key": "1",
        "differs": ["value"],
        "sha256_stored": _digest(first),
        "sha256_delivered": _digest(second),
    }


async def test_a_conflict_within_one_batch(site: Site) -> None:
    """Two contents of one key arrive together: the older file is stored, the younger quarantined."""
    older = site.put("z.json", {"key": 1, "value": "older"})
    younger = site.put("a.json", {"key": 1, "value": "younger"})
    _oldest_first(older, younger)
    await site.collector().sweep()
    assert (site.stored(), site.archived(), site.quarantined()) == ({"1": "older"}, ["z.json"], {"a.json": "conflict"})


async def test_a_document_of_another_hand_is_a_conflict(site: Site) -> None:
    """Nobody knows which file it came from: it is not overwritten, and the file is not taken for done."""
    site.database[READINGS].insert_one({"_id": "1", "value": "theirs"})
    site.put("1.json", {"key": 1, "value": "ours"})
    await site.collector().sweep()
    assert (site.stored(), site.quarantined()) == ({"1": "theirs"}, {"1.json": "conflict"})


# --- somebody else at the same files -----------------------------------------------------------


async def test_two_collectors_at_once(site: Site) -> None:
    """On one directory at the same time: every key once, every file archived exactly once and counted once."""
    site.put_readings("north", range(150))
    collectors = [site.collector(batch_files=7) for _ in range(2)]
    await asyncio.gather(*(_to_the_end(collector) for collector in collectors))
    assert len(site.stored()) == 150
    assert site.archived() == sorted(f"{n}.json" for n in range(150))
    assert sum(collector.tally.total() for collector in collectors) == 150


async def test_a_file_that_another_collector_takes_meanwhile(site: Site) -> None:
    """It is stored and archived by the other one, who counts it."""
    site.put("1.json", {"key": 1})
    other = site.collector()

    async def overtake() -> None:
        site.store.before = None
        await other.sweep()

    site.store.before = overtake
    collector = site.collector()
    assert await collector.sweep() is True
    assert (list(site.stored()), site.archived(), site.quarantined()) == (["1"], ["1.json"], {})
    assert (collector.tally.total(), other.tally.total("stored")) == (0, 1)


async def test_a_file_that_vanishes_is_nobodys_fault(site: Site) -> None:
    """Gone between the look and the reading: nothing happens, and the others go on."""
    path = site.put("1.json", {"key": 1})
    site.put("2.json", {"key": 2})
    collector = site.collector()
    before_the_reading(site.landings["north"], path.unlink)
    await collector.sweep()
    assert (sorted(site.stored()), collector.tally.total()) == (["2"], 1)
    assert list(site.landings["north"].quarantine.folder.iterdir()) == []


async def test_a_file_that_takes_anothers_place_is_not_archived_unread(site: Site) -> None:
    """Renamed over the file in flight, while that is being inserted: it was never read, so it must still wait."""
    path = site.put("1.json", {"key": 1, "value": "first"})

    async def replace() -> None:
        site.store.before = None
        hidden = site.put(".2.part", {"key": 2, "value": "second"})
        hidden.replace(path)

    site.store.before = replace
    collector = site.collector()
    await collector.sweep()
    await collector.sweep()
    assert sorted(site.stored()) == ["1", "2"]


async def test_a_newcomer_under_the_name_of_a_file_just_archived(site: Site) -> None:
    """Two collectors hold 1.json, one archives it, a new 1.json lands: the other must not archive that."""
    site.put("1.json", {"key": 1})
    other = site.collector()

    async def overtake() -> None:
        site.store.before = None
        await other.sweep()
        site.put("1.json", {"key": 2})

    site.store.before = overtake
    collector = site.collector()
    await collector.sweep()
    await collector.sweep()
    assert sorted(site.stored()) == ["1", "2"]


# --- MongoDB away ------------------------------------------------------------------------------


async def test_while_mongodb_is_away_files_wait(site: Site) -> None:
    """However many attempts: nothing moves, one line in the log; back again: all is stored, one more line."""
    site.put("1.json", {"key": 1})
    site.store.before = away
    collector = site.collector()
    with capture_logs() as logs:
        for _ in range(5):
            assert await collector.sweep() is False
        assert (site.waiting(), site.archived(), site.quarantined()) == (["1.json"], [], {})
        site.hands.seconds = 7.5
        site.store.before = None
        assert await collector.sweep() is True
    assert _events(logs) == ["collection.interrupted", "collection.resumed", "batch.collected"]
    assert (logs[0]["why"], logs[1]["after_s"]) == ("planted", 7.5)
    assert (sorted(site.stored()), site.archived()) == (["1"], ["1.json"])


@pytest.mark.usefixtures("_one_by_one")
async def test_after_an_outage_the_oldest_go_first(site: Site) -> None:
    """Files that were in flight when MongoDB went away have waited longest."""
    _oldest_first(*(site.put(f"{key}.json", {"key": key}) for key in (3, 2, 1)))
    site.store.before = away
    collector = site.collector(batch_files=1)
    await collector.sweep()
    site.store.before = None
    site.store.batches.clear()
    await collector.sweep()
    assert list(dict.fromkeys(key for batch in site.store.batches for key in batch)) == ["3", "2", "1"]


async def test_each_outage_is_told_anew(site: Site) -> None:
    """Away, back, away, back."""
    collector = site.collector()
    with capture_logs() as logs:
        for key in (1, 2):
            site.put(f"{key}.json", {"key": key})
            site.store.before = away
            await collector.sweep()
            site.store.before = None
            await collector.sweep()
    assert _events(logs, "collection.") == ["collection.interrupted", "collection.resumed"] * 2


async def test_bad_files_are_quarantined_while_mongodb_is_away(site: Site) -> None:
    """To see that a file is bad takes no database."""
    site.put("good.json", {"key": 1})
    site.put("bad.json", {"no": "key"})
    site.store.before = away
    assert await site.collector().sweep() is False
    assert (site.waiting(), site.quarantined()) == (["good.json"], {"bad.json": "missing"})


async def test_bad_files_behind_many_good_ones_are_quarantined_while_mongodb_is_away(site: Site) -> None:
    """Also when more good files wait than a batch holds."""
    good = [site.put(f"{n}.json", {"key": n}) for n in range(3)]
    _oldest_first(*good, site.put("bad.json", {"no": "key"}))
    site.store.before = away
    collector = site.collector(batch_files=2)
    for _ in range(3):
        await collector.sweep()
    assert site.quarantined() == {"bad.json": "missing"}


async def test_only_an_insert_shows_that_mongodb_is_back(site: Site) -> None:
    """A batch of bad files during the outage: still one line, and no false all-clear."""
    _oldest_first(site.put("cut.json", b"{"), site.put("good.json", {"key": 1}))
    site.store.before = away
    collector = site.collector(batch_files=1, quiet_period_s=3.0)
    with capture_logs() as logs:
        for seconds in (0.0, 1.0, 3.0, 4.0):
            site.hands.seconds = seconds
            await collector.sweep()
    assert _events(logs, "collection.") == ["collection.interrupted"]


async def test_an_acknowledgement_is_lost(site: Site) -> None:
    """Written, but the acknowledgement is lost: sent again, one document, and the file archived once."""
    site.put("1.json", {"key": 1})
    site.put("2.json", {"key": 2})
    site.store.after = away
    collector = site.collector()
    assert await collector.sweep() is False
    assert (len(site.stored()), site.waiting()) == (2, ["1.json", "2.json"])
    site.store.after = None
    assert await collector.sweep() is True
    assert (sorted(site.stored()), site.archived()) == (["1", "2"], ["1.json", "2.json"])
    assert site.quarantined() == {}


async def test_out_of_file_descriptors_nothing_is_quarantined(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """EMFILE while reading is no fault of the files: they wait, and are stored afterwards."""
    site.put("1.json", {"key": 1})
    collector = site.collector(quiet_period_s=0)
    with monkeypatch.context() as planted, capture_logs() as logs:
        planted.setattr("multimarket_async.landing.files.os.open", _too_many_open_files)
        assert await collector.sweep() is False
    assert (site.waiting(), site.quarantined()) == (["1.json"], {})
    assert [entry["why"] for entry in logs] == ["cannot read files: Too many open files"]
    assert await collector.sweep() is True
    assert sorted(site.stored()) == ["1"]


def _too_many_open_files(*_: object) -> int:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _endless(site: Site) -> Callable[[bytes], Any]:
    """A parser at whose every call one more file lands, and a tenth of a second goes by."""

    def read(content: bytes) -> Any:
        site.hands.seconds += 0.1
        site.put(f"{round(site.hands.seconds * 10)}.json", {"key": site.hands.seconds})
        return parse(content)

    return read


async def test_an_outage_ends_though_files_never_cease_to_arrive(site: Site) -> None:
    """There is always one more to look at; all the same MongoDB is asked again."""
    site.put("0.json", {"key": 0})
    collector = site.collector(reader=_endless(site))
    site.store.before = away
    async with asyncio.timeout(60):
        assert await collector.sweep() is False
        site.store.before = None
        assert await collector.sweep(lambda: len(site.archived()) > 30) is True
    assert "0.json" in site.archived()


async def test_a_stop_is_heard_though_files_never_cease_to_arrive(site: Site) -> None:
    """Between two batches."""
    site.put("0.json", {"key": 0})
    collector, stop = site.collector(reader=_endless(site)), asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, stop.set)
    async with asyncio.timeout(60):
        await collector.run(stop)
    assert collector.tally.total("stored") > 0


async def test_a_misplaced_file_is_restored_though_nothing_waits(site: Site) -> None:
    """Moved in place of another file, and not restored yet: the next sweep restores and collects it."""
    landing = site.landings["north"]
    site.put("1.json", {"key": 1})
    collector = site.collector()
    landing.archive(collector.waiting(), date(2026, 3, 1))
    landing._misplaced.append((str(landing.archived / "2026-03-01" / "1.json"), "1.json"))
    await collector.sweep()
    assert (sorted(site.stored()), site.waiting()) == (["1"], [])


# --- killed ------------------------------------------------------------------------------------


KILLED = """
import asyncio, json, os, signal, sys
from pathlib import Path
from multimarket_async.app import workspace
from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.discovery import settings_models
from multimarket_async.domains import Feed, LoadedDomain, Table
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, files, quarantine
from multimarket_async.settings import Settings, load
from multimarket_async.store import Store

folder, uri, database, last_step, way = sys.argv[1:]
if way == "careful":
    files._bulk = None
times, rename_new = 0, quarantine.rename_new

def at(step):
    global times
    times += step == last_step
    if times == (45 if last_step == "reading" else 10):  # five batches are read before the first is archived
        os.kill(os.getpid(), signal.SIGKILL)

def parse(content):
    at("reading")
    document = json.loads(content)
    if "key" not in document:
        raise Rejected("missing", "a reading has a key")
    return [{"_id": document["key"], "value": None}]

class Dying(Store):
    async def insert(self, collection, documents):
        at("before the insert")
        outcomes = await super().insert(collection, documents)
        at("after the insert")
        return outcomes

class DyingLanding(Landing):
    def archive(self, stored, day):
        at("before a batch is archived")
        errors = super().archive(stored, day)
        at("after a batch is archived")
        return errors

def dying_place(*arguments, place=files.place, **how):
    at("before the archive")
    path = place(*arguments, **how)
    at("after the archive")
    return path

def dying_rename(source, target):
    at("between reason and move")
    rename_new(source, target)

files.place = dying_place
quarantine.rename_new = dying_rename
feeds = [(Feed("north", Table("readings"), lambda file: parse(file.content)), DyingLanding(Path(folder), "north"))]
asyncio.run(Collector(feeds, Dying(uri, database), Settings(batch_files=5), Clock()).sweep())
"""
STEPS = ["reading", "before the insert", "after the insert", "before a batch is archived", "after a batch is archived"]
CAREFUL = ["before the archive", "after the archive"]  # each file by itself


@pytest.mark.parametrize("step", [*STEPS, *CAREFUL, "between reason and move"])
async def test_kill_9(site: Site, mongo_uri: str, step: str, way: str) -> None:
    """A process killed at this step, not the first time it gets there; the next one finishes: all is there, once."""
    if step in CAREFUL and way != "careful":
        pytest.skip("files are not archived one by one")
    _deliver_good_and_bad(site)
    command = [sys.executable, "-c", KILLED, str(site.folder), mongo_uri, site.database.name, step, way]
    await _killed_and_finished(site, *command)


@pytest.mark.parametrize(
    "call", ["readv:when=43", "renameat2:when=1", "renameat2:when=13", "newfstatat:when=40", "openat:when=70"]
)
async def test_kill_9_at_a_system_call(site: Site, mongo_uri: str, call: str, way: str, tmp_path: Path) -> None:
    """In the middle of a batch that is read, or archived, in C."""
    if way == "careful":
        pytest.skip("they are the same calls, one by one")
    _deliver_good_and_bad(site)
    words = ["-c", KILLED, site.folder, mongo_uri, site.database.name, "never", way]
    await _killed_and_finished(
        site, *with_faults([call.replace(":", ":signal=SIGKILL:")], tmp_path / "strace.txt", *words)
    )


def _deliver_good_and_bad(site: Site) -> None:
    site.put_readings("north", range(80))
    for number in range(20):
        site.put(f"bad{number}.json", {"no": f"key {number}"})


async def _killed_and_finished(site: Site, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert 0 < len(site.waiting()) <= 100
    assert set(site.archived()) <= {key.removeprefix("north:") + ".json" for key in site.stored()}
    await _to_the_end(site.collector())
    assert sorted(site.stored()) == sorted(f"north:{n}" for n in range(80))
    assert (site.archived(), site.waiting()) == (sorted(f"{n}.json" for n in range(80)), [])
    assert site.quarantined() == {f"bad{n}.json": "missing" for n in range(20)}


# --- files that cannot be moved -----------------------------------------------------------------


class Stubborn(Landing):
    """A landing directory with one file that cannot be moved to the archive, while `stuck`."""

    stuck = True

    def archive(self, stored: list[WaitingFile], day: date) -> list[OSError | None]:
        errors = iter(super().archive([file for file in stored if not self._is_stuck(file)], day))
        stuck = OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return [stuck if self._is_stuck(file) else next(errors) for file in stored]

    def _is_stuck(self, file: WaitingFile) -> bool:
        return self.stuck and file.name == "stuck.json"


async def test_a_file_that_cannot_be_archived_blocks_nobody(site: Site) -> None:
    """The others are archived; it is logged once, tried again later, and archived when that works; stored once."""
    site.landings["north"] = landing = Stubborn(site.folder, "north")
    site.put("stuck.json", {"key": 1})
    site.put("2.json", {"key": 2})
    collector = site.collector()
    with capture_logs() as logs:
        for second in range(10):
            site.hands.seconds = float(second)
            assert await collector.sweep() is True
    assert [entry["first"] for entry in logs if entry["event"] == "file.move_failed"] == [
        "north/stuck.json: Invalid cross-device link"
    ]
    assert (sorted(site.stored()), site.archived(), site.waiting()) == (["1", "2"], ["2.json"], ["stuck.json"])
    landing.stuck = False
    site.hands.seconds = 20.0
    await collector.sweep()
    assert (len(site.stored()), site.archived()) == (2, ["2.json", "stuck.json"])


class Full(Quarantine):
    """A quarantine on a full disk."""

    def add(self, path: Path, rejected: Rejected, facts: dict[str, Any]) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("bad", [pytest.param(b'{"no": "key"}', id="bad at once"), pytest.param(b"{", id="cut")])
async def test_a_bad_file_that_cannot_be_quarantined_blocks_nobody(site: Site, bad: bytes) -> None:
    """It stays where it is, is logged once, and the good ones go on."""
    landing = site.landings["north"]
    landing.quarantine = Full(landing.quarantine.folder, landing.sources)
    site.put("bad.json", bad)
    site.put("2.json", {"key": 2})
    collector = site.collector(quiet_period_s=3.0)
    with capture_logs() as logs:
        for second in range(10):
            site.hands.seconds = float(second)
            assert await collector.sweep() is True
    assert (sorted(site.stored()), site.waiting()) == (["2"], ["bad.json"])
    assert _events(logs, "file") == ["file.move_failed"]


# --- fairness, order, bounds ---------------------------------------------------------------------


@pytest.mark.usefixtures("_one_by_one")
async def test_a_busy_feed_leaves_room_for_a_quiet_one(site: Site) -> None:
    """100 files here, 3 there, batches of 10: the 3 are in the second batch, and no batch mixes feeds."""
    site.put_readings("north", range(100))
    site.put_readings("south", range(3))
    await site.collector(batch_files=10).sweep()
    shares = [Counter(key.partition(":")[0] for key in batch) for batch in site.store.batches]
    assert shares == [{"north": 10}, {"south": 3}, *[{"north": 10}] * 9]


@pytest.mark.usefixtures("_one_by_one")
async def test_a_file_is_in_one_batch_once(site: Site) -> None:
    """Read, sent and moved once; no batch holds files that are gone already."""
    site.put_readings("north", range(12))
    site.put_readings("south", range(1))
    await site.collector(batch_files=10).sweep()
    assert [len(batch) for batch in site.store.batches] == [10, 1, 2]


async def test_a_stuck_file_is_counted_once(site: Site) -> None:
    """One file, and the log says one."""
    site.landings["north"] = Stubborn(site.folder, "north")
    site.put("stuck.json", {"key": 1})
    with capture_logs() as logs:
        await site.collector().sweep()
    assert [entry["files"] for entry in logs if entry["event"] == "file.move_failed"] == [1]


@pytest.mark.usefixtures("_one_by_one")
async def test_two_busy_feeds_take_turns(site: Site) -> None:
    """Batches of 10, one feed after the other."""
    site.put_readings("north", range(20))
    site.put_readings("south", range(20))
    await site.collector(batch_files=10).sweep()
    shares = [Counter(key.partition(":")[0] for key in batch) for batch in site.store.batches]
    assert shares == [{"north": 10}, {"south": 10}] * 2


async def test_a_batch_is_bounded_by_bytes(site: Site) -> None:
    """Files of 40 bytes, batches of 100: the file that crosses the bound is the last of its batch."""
    for number in range(6):
        site.put(f"{number}.json", json.dumps({"key": number}).ljust(40))
    await site.collector(batch_bytes=100).sweep()
    assert [len(batch) for batch in site.store.batches] == [3, 3]


@pytest.mark.usefixtures("_one_by_one")
async def test_a_feed_of_large_files_leaves_room_for_a_quiet_one(site: Site) -> None:
    """10 files that each fill a batch here, a small one there: that one is in the second batch."""
    for number in range(10):
        site.put(f"{number}.json", json.dumps({"key": f"north:{number}"}).ljust(100))
    site.put("small.json", {"key": "south:1"}, "south")
    await site.collector(batch_bytes=100).sweep()
    assert "south:1" in site.store.batches[1]


@pytest.mark.usefixtures("_one_by_one")
async def test_oldest_first(site: Site) -> None:
    """In the order of arrival, whatever the names."""
    _oldest_first(*(site.put(f"{name}.json", {"key": name}) for name in ("m", "z", "a")))
    await site.collector(batch_files=2).sweep()
    assert list(dict.fromkeys(key for batch in site.store.batches for key in batch)) == ["m", "z", "a"]


# --- run, until_empty ------------------------------------------------------------------------------


async def test_run_collects_until_it_is_stopped(site: Site) -> None:
    """Away at first, it tries again, stores, goes on looking, and ends when it is stopped."""
    stop = asyncio.Event()

    async def away_once() -> None:
        site.store.before = None
        site.put("2.json", {"key": 2}, "south")
        raise Unavailable("planted")

    async def enough() -> None:
        if len(site.stored()) == 2:
            stop.set()

    site.store.before, site.store.after = away_once, enough
    site.put("1.json", {"key": 1})
    await asyncio.wait_for(site.collector(Clock(), scan_every_s=0.01).run(stop), 60)
    assert (sorted(site.stored()), site.archived()) == (["1", "2"], ["1.json", "2.json"])


async def test_run_ends_during_an_outage(site: Site) -> None:
    """Stopped while MongoDB is away: no waiting for it, and the file waits unharmed."""
    stop = asyncio.Event()

    async def away_and_stopped() -> None:
        stop.set()
        raise Unavailable("planted")

    site.store.before = away_and_stopped
    site.put("1.json", {"key": 1})
    await asyncio.wait_for(site.collector(Clock()).run(stop), 60)
    assert (site.waiting(), len(site.store.batches)) == (["1.json"], 1)


async def test_until_empty_ends_when_nothing_waits(site: Site) -> None:
    """Good files stored, bad ones quarantined, a cut one too after its time: nothing of ours is left."""
    site.put_readings("north", range(25))
    site.put("bad.json", {"no": "key"})
    site.put("cut.json", b"{")
    site.put("theirs.txt", b"not ours")
    await site.collector(Clock(), quiet_period_s=0.05, scan_every_s=0.01, batch_files=10).until_empty()
    assert (len(site.stored()), site.waiting()) == (25, [])
    assert site.quarantined() == {"bad.json": "missing", "cut.json": "truncated"}


async def test_until_empty_of_nothing(site: Site) -> None:
    """It ends at once, and asks the store nothing."""
    await site.collector().until_empty()
    assert site.store.batches == []


async def test_until_empty_waits_for_mongodb(site: Site) -> None:
    """Away for a moment: it is patient."""

    async def away_once() -> None:
        site.store.before = None
        raise Unavailable("planted")

    site.store.before = away_once
    site.put("1.json", {"key": 1})
    await site.collector(Clock(), scan_every_s=0.01).until_empty()
    assert site.archived() == ["1.json"]


async def test_until_empty_gives_up_when_mongodb_stays_away(site: Site) -> None:
    """After its patience it says how many files wait, unharmed; the bad one is quarantined all the same."""
    site.put("1.json", {"key": 1})
    site.put("2.json", {"key": 2}, "south")
    site.put("bad.json", {"no": "key"})
    site.store.before = away
    collector = site.collector(Clock(), scan_every_s=0.01, quiet_period_s=0, until_empty_timeout_s=0.05)
    with pytest.raises(CannotContinue, match=r"^2 files still wait, unharmed") as gave_up:
        await collector.until_empty()
    assert (gave_up.value.exit_code, site.waiting()) == (3, ["1.json", "2.json"])
    assert site.quarantined() == {"bad.json": "missing"}


# --- latency, conservation ---------------------------------------------------------------------------


async def test_latency_counts_from_landing(site: Site) -> None:
    """Landed 12.5 s ago by the wall: over the budget of 10 s, and counted as a breach."""
    landed_ns = site.put("1.json", {"key": 1}).stat().st_ctime_ns
    site.hands.wall = datetime.fromtimestamp(landed_ns / 1e9, UTC) + timedelta(seconds=12.5)
    collector = site.collector(latency_budget_s=10)
    await collector.sweep()
    assert measured(collector.tally.waits(), collector.tally.latency_budget_s) == Latency(
        files=1, p50_s=12.5, p99_s=12.5, max_s=12.5, breaches=1
    )


async def test_latency_includes_the_insert(site: Site) -> None:
    """4 s in the insert, and a bad file that took none: both count."""

    async def slow() -> None:
        site.hands.seconds += 4

    site.put("1.json", {"key": 1})
    site.put("bad.json", {"no": "key"})
    site.store.before = slow
    collector = site.collector(latency_budget_s=3)
    await collector.sweep()
    assert measured(collector.tally.waits(), collector.tally.latency_budget_s) == Latency(
        files=2, p50_s=2.0, p99_s=3.96, max_s=4.0, breaches=1
    )


async def test_conservation(site: Site) -> None:
    """11 received = 2 waiting + 4 stored + 2 duplicate + 3 quarantined, on disk and in the counts."""
    collector = site.collector()
    for number in range(4):
        site.put(f"{number}.json", {"key": number}, ("north", "south")[number % 2])
    await collector.sweep()
    site.put("again.json", {"key": 0})
    site.put("0.json", {"key": 0})
    site.put("conflict.json", {"key": 1, "value": "other"}, "south")
    site.put("bad.json", {"no": "key"})
    site.put("boom.json", {"key": 9, "value": "boom"})
    site.put("young.json", b"{")
    await collector.sweep()
    site.store.before = away
    site.put("late.json", {"key": 5})
    await collector.sweep()
    assert site.waiting() == ["late.json", "young.json"]
    assert site.archived() == ["0.2.json", "0.json", "1.json", "2.json", "3.json", "again.json"]
    assert site.quarantined() == {"conflict.json": "conflict", "bad.json": "missing", "boom.json": "parser_failed"}
    assert sorted(site.stored()) == ["0", "1", "2", "3"]
    assert collector.tally.by_outcome() == {"stored": 4, "duplicate": 2, "quarantined": 3}


async def test_files_that_cannot_leave_are_tried_again_less_and_less_often(site: Site) -> None:
    """Thousands of them would take a core; within a minute of the first moment at which they can, they leave."""
    site.landings["north"] = Stubborn(site.folder, "north")
    site.put("stuck.json", {"key": 1})
    collector, tries = site.collector(), list[int]()
    for second in range(600):
        site.hands.seconds = float(second)
        before = len(site.store.batches)
        await collector.sweep()
        tries += [second] * (len(site.store.batches) - before)
    assert tries[:5] == [0, 2, 4, 8, 16]
    assert {after - before for before, after in itertools.pairwise(tries[6:])} == {60}
