"""Files of many records: tables that insert, upsert and replace; receipts; rejected records."""

import asyncio
import errno
import itertools
import json
import os
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Derived, Document, Feed, IncomingFile, Located, RejectedRecord, Table
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.formats import Csv, Number, Text
from multimarket_async.settings import Settings
from multimarket_async.store import Receipts
from tests.collector.readings import MANY, Site, away, until

INSERT, UPSERT, REPLACE = Table("readings"), Table("readings", "upsert"), Table("readings", "replace")
VERSIONED = Table("readings", "upsert", version=lambda document: document["v"])
KEEP = {"records": "many", "on_bad_record": "keep_rest"}


def lines(content: bytes) -> Any:
    """Records of lines such as `1 first`; a line with "?" is bad, and one that says "boom" finds a mistake here."""
    for number, line in enumerate(content.decode().splitlines(), start=1):
        key, _, value = line.partition(" ")
        if "?" in line:
            reasons = Rejected("no_value", "a line has no ?", "/value", line=number), Rejected("odd", "at all")
            yield RejectedRecord(reasons, number, line.encode(), b"head\n")
        elif line == "boom":
            raise ZeroDivisionError
        else:
            version = {"v": int(value.partition("@")[2])} if "@" in value else {}
            yield Located({"_id": key, "value": value, **version}, number, line, b"head\n")


def put(site: Site, name: str, *content: str, at: int = 0) -> None:
    """A file of these lines; at: seconds, the time of its content."""
    path = site.put(name, "\n".join(content))
    os.utime(path, (at, at))


async def collect(site: Site, table: Table = INSERT, declared: Any = KEEP) -> None:
    assert await site.collector(reader=lines, table=table, declared=declared).sweep()


def receipts(site: Site) -> dict[str, dict[str, int]]:
    """Counts other than zero by file."""
    names = ("records", "stored", "duplicate", "superseded", "rejected", "replaced")
    found = site.database["receipts"].find(sort=[("at", 1)])
    return {receipt["file"]: {name: receipt[name] for name in names if receipt[name]} for receipt in found}


def outcomes(site: Site) -> dict[str, str]:
    return {receipt["file"]: receipt["outcome"] for receipt in site.database["receipts"].find()}


def partitions(site: Site) -> dict[str, str]:
    """The partition of each document."""
    return {document["_id"]: document["ingestion"]["partition"] for document in site.database["readings"].find()}


def versions(site: Site) -> dict[str, int]:
    found = site.database["kpi_partition_versions"].find({"collection": "readings"})
    return {document["partition"]: document["version"] for document in found}


async def test_every_record_of_a_file_is_stored(site: Site) -> None:
    """And the file is one file, with one receipt."""
    put(site, "1.json", "1 a", "2 b", "3 c")
    collector = site.collector(reader=lines, declared=KEEP)
    await collector.sweep()
    assert (site.stored(), site.archived()) == ({"1": "a", "2": "b", "3": "c"}, ["1.json"])
    assert (receipts(site), collector.tally.outcomes) == (
        {"1.json": {"records": 3, "stored": 3}},
        {("north", "stored"): 1},
    )


async def test_a_re_export_brings_old_records_and_new_ones(site: Site) -> None:
    """M1, M3: the same line among others is a duplicate, and the file is received."""
    put(site, "1.json", "1 a")
    await collect(site)
    put(site, "2.json", "1 a", "2 b")
    await collect(site)
    assert receipts(site)["2.json"] == {"records": 2, "stored": 1, "duplicate": 1}
    assert (site.archived(), site.quarantined()) == (["1.json", "2.json"], {})


async def test_a_long_re_export_is_looked_up_and_only_new_records_are_inserted(site: Site) -> None:
    """From the chunk on that begins when the first one has shown it. A contradiction is found all the same."""
    old = [f"{number} a" for number in range(7_000)]
    put(site, "1.json", *old)
    await collect(site)
    site.store.batches.clear()
    put(site, "2.json", *old[:4_900], "4900 other", *old[4_901:], "new b", at=1)
    await collect(site)
    assert receipts(site)["2.json"] == {"records": 7_001, "stored": 1, "duplicate": 6_999, "rejected": 1}
    assert [record["raw"] for record in rejects(site, "2.json")] == ["4900 other"]
    assert site.store.batches[-1] == ["new"]


async def test_a_file_of_nothing_but_duplicates_is_a_duplicate(site: Site) -> None:
    put(site, "1.json", "1 a", "2 b")
    put(site, "2.json", "2 b", "1 a", at=1)
    await collect(site)
    assert outcomes(site) == {"1.json": "stored", "2.json": "duplicate"}


async def test_a_file_without_records_is_stored(site: Site) -> None:
    """M4: such as a CSV file with a header only."""
    put(site, "1.json")
    await collect(site)
    assert (site.archived(), receipts(site), outcomes(site)) == (["1.json"], {"1.json": {}}, {"1.json": "stored"})


async def test_the_same_line_twice_in_a_file_is_stored_once(site: Site) -> None:
    """M8."""
    put(site, "1.json", "1 a", "1 a")
    await collect(site)
    assert receipts(site) == {"1.json": {"records": 2, "stored": 1, "duplicate": 1}}


async def test_one_changed_line_rejects_the_file_and_nothing_of_it_is_stored(site: Site) -> None:
    """M2: neither its new lines nor its changed one."""
    put(site, "1.json", "1 a")
    await collect(site, declared=MANY)
    put(site, "2.json", "2 b", "1 other")
    await collect(site, declared=MANY)
    assert (site.stored(), site.quarantined()) == ({"1": "a"}, {"2.json": "conflict"})
    assert site.landings["north"].quarantine.list()[0].reason["differs"] == ["value"]
    assert list(receipts(site)) == ["1.json"]


async def test_a_contradiction_within_a_file_rejects_it(site: Site) -> None:
    """Though no line of it is stored yet; and however far apart they are."""
    put(site, "1.json", "1 a", *(f"x{number} b" for number in range(3000)), "1 other")
    await collect(site, declared=MANY)
    assert (site.stored(), site.quarantined()) == ({}, {"1.json": "conflict"})
    reason = site.landings["north"].quarantine.list()[0].reason
    assert (reason["key"], reason["differs"]) == ("1", ["value"])


async def test_one_changed_line_is_listed_and_the_rest_is_stored(site: Site) -> None:
    """M2, where the rest is kept."""
    put(site, "1.json", "1 a")
    await collect(site)
    put(site, "2.json", "2 b", "1 other")
    await collect(site)
    assert (site.stored(), site.quarantined()) == ({"1": "a", "2": "b"}, {})
    assert receipts(site)["2.json"] == {"records": 2, "stored": 1, "rejected": 1}
    [rejected] = rejects(site, "2.json")
    assert (rejected["line"], rejected["raw"], rejected["reasons"][0]["code"]) == (2, "1 other", "conflict")
    assert "(value)" in rejected["reasons"][0]["sentence"]


def rejects(site: Site, name: str) -> list[dict[str, Any]]:
    path = site.landings["north"].quarantine.folder / f"{name}.rejects.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


async def test_a_bad_line_is_listed_with_all_reasons_and_the_rest_is_stored(site: Site) -> None:
    """M7."""
    put(site, "1.json", "1 a", "2 ?", "3 c")
    await collect(site)
    assert (site.stored(), site.archived()) == ({"1": "a", "3": "c"}, ["1.json"])
    assert receipts(site) == {"1.json": {"records": 3, "stored": 2, "rejected": 1}}
    [rejected] = rejects(site, "1.json")
    assert (rejected["line"], rejected["raw"], rejected["head"]) == (2, "2 ?", "head\n")
    assert [reason["code"] for reason in rejected["reasons"]] == ["no_value", "odd"]


def dated(content: bytes) -> Any:
    """Records of lines such as `1 2026-03-01T12:00`, without a zone: UTC; a line without a date is bad."""
    for line in content.decode().splitlines():
        key, _, at = line.partition(" ")
        if at:
            yield {"_id": key, "value": at, "at": datetime.fromisoformat(at)}
        else:
            yield RejectedRecord((Rejected("no_value", "a line has no date"),), 4, line.encode())


@pytest.mark.parametrize(("days", "stored"), [(1.0, ["1", "2"]), (0.0, ["1"]), (20_000, ["1", "2", "3"])])
async def test_a_record_of_the_future_is_no_record(site: Site, days: float, stored: list[str]) -> None:
    """It would be the newest of all until then. How far ahead a clock may be is a setting."""
    put(site, "1.json", "1 2020-03-01T11:00", "2 2020-03-02T11:59", "3 2020-03-02T12:01", "4")
    table = Table("readings", dated="at")
    assert await site.collector(reader=dated, table=table, declared=KEEP, max_ahead_days=days).sweep()
    assert sorted(site.stored()) == stored
    codes = [reason["code"] for rejected in rejects(site, "1.json") for reason in rejected["reasons"]]
    assert codes == [*["date_in_future"] * (3 - len(stored)), "no_value"]


async def test_a_bad_line_rejects_the_file_where_it_is_declared_so(site: Site) -> None:
    """With the reasons of every bad line."""
    put(site, "1.json", "1 a", "2 ?", "3 ?")
    await collect(site, declared=MANY)
    assert (site.stored(), site.quarantined()) == ({}, {"1.json": "no_value"})
    reason = site.landings["north"].quarantine.list()[0].reason
    assert [other["code"] for other in reason["also"]] == ["odd", "no_value", "odd"]


async def test_a_file_of_bad_lines_only_goes_to_the_quarantine_as_it_is(site: Site) -> None:
    put(site, "1.json", "1 ?", "2 ?")
    await collect(site)
    assert (site.quarantined(), receipts(site)) == ({"1.json": "no_value"}, {})


@pytest.mark.parametrize("declared", [KEEP, MANY])
async def test_a_mistake_of_the_domain_rejects_the_file(site: Site, declared: Any) -> None:
    put(site, "1.json", "1 a", "boom")
    await collect(site, declared=declared)
    assert (site.stored(), site.quarantined()) == ({}, {"1.json": "parser_failed"})


async def test_an_acknowledgement_is_lost(site: Site) -> None:
    """Written, but the acknowledgement is lost: read again, the records are those of this file, and stored once."""
    put(site, "1.json", "1 a", "2 b")
    site.store.after = away
    collector = site.collector(reader=lines, declared=KEEP)
    assert await collector.sweep() is False
    assert (len(site.stored()), site.waiting(), receipts(site)) == (2, ["1.json"], {})
    site.store.after = None
    assert await collector.sweep() is True
    assert (site.archived(), receipts(site)) == (["1.json"], {"1.json": {"records": 2, "stored": 2}})


# --- upsert ------------------------------------------------------------------------------------

ORDERS = [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a"), ("c", "a", "b")]


@pytest.mark.parametrize("order", ORDERS)
async def test_the_newest_file_wins_in_any_order_of_arrival(site: Site, order: tuple[str, ...]) -> None:
    """By the time of its content; what came before is replaced, what comes late is superseded."""
    for name in order:
        put(site, f"{name}.json", f"1 of {name}", f"{name} alone", at=ord(name))
        await collect(site, UPSERT)
    assert site.stored() == {"1": "of c", "a": "alone", "b": "alone", "c": "alone"}
    counts = receipts(site)
    assert sum(count.get("superseded", 0) + count.get("replaced", 0) for count in counts.values()) == 2
    assert all(count["records"] == 2 for count in counts.values())


@pytest.mark.parametrize("order", ORDERS)
async def test_the_same_content_again_later_counts_as_newer(site: Site, order: tuple[str, ...]) -> None:
    """A, then B, then A once more: A, in any order of arrival."""
    contents = {"a": "1 A", "b": "1 B", "c": "1 A"}
    for name in order:
        put(site, f"{name}.json", contents[name], at=ord(name))
        await collect(site, UPSERT)
    assert site.stored() == {"1": "A"}


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
async def test_the_highest_version_wins(site: Site, order: tuple[int, ...]) -> None:
    for number in order:
        put(site, f"{number}.json", f"1 x@{number}")
        await collect(site, VERSIONED)
    assert site.stored() == {"1": "x@3"}


async def test_the_last_line_of_a_file_wins(site: Site) -> None:
    put(site, "1.json", "1 first", "1 second")
    await collect(site, UPSERT)
    assert (site.stored(), receipts(site)["1.json"]) == ({"1": "second"}, {"records": 2, "stored": 2, "replaced": 1})


async def test_a_replaced_document_moves(site: Site) -> None:
    """Both partitions change, the one that it leaves and the one that it comes to."""
    put(site, "1.json", "1 old", "2 same")
    await collect(site, UPSERT)
    before, old = partitions(site), versions(site)
    put(site, "2.json", "1 new", "2 same", at=1)
    await collect(site, UPSERT)
    after = partitions(site)
    assert (before["2"], before["1"] != after["1"]) == (after["2"], True)
    assert {name for name, version in versions(site).items() if version != old.get(name)} == {before["1"], after["1"]}


# --- replace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
async def test_the_newest_file_is_the_whole_table(site: Site, order: tuple[str, ...]) -> None:
    """Rows that it lacks end, in any order of arrival."""
    rows = {"a": ["1 a", "2 a"], "b": ["1 b", "3 b"], "c": ["1 c", "4 c"]}
    for name in order:
        put(site, f"{name}.json", *rows[name], at=ord(name))
        await collect(site, REPLACE)
    assert site.stored() == {"1": "c", "4": "c"}
    assert all(count["records"] == 2 for count in receipts(site).values())


async def test_an_older_file_of_a_whole_table_is_superseded(site: Site) -> None:
    put(site, "2.json", "1 b", at=2)
    await collect(site, REPLACE)
    put(site, "1.json", "1 a", "2 a", at=1)
    await collect(site, REPLACE)
    assert (outcomes(site)["1.json"], receipts(site)["1.json"]) == ("superseded", {"records": 2, "superseded": 2})
    assert (site.stored(), site.archived()) == ({"1": "b"}, ["1.json", "2.json"])


async def test_a_write_that_comes_too_late_leaves_no_row_in_a_whole_table(site: Site) -> None:
    """Of a file that another collector has stored and archived meanwhile, and a newer one: then the connection ends."""
    put(site, "1.json", "1 a", "2 a", at=1)

    async def overtaken() -> None:
        site.store.before = None
        await collect(site, REPLACE)
        put(site, "2.json", "1 b", at=2)
        await collect(site, REPLACE)
        site.store.after = away

    site.store.before = overtaken
    late = site.collector(reader=lines, table=REPLACE, declared=KEEP)
    assert await late.sweep() is False
    assert site.waiting() == []
    site.store.after = None
    site.hands.seconds += 1
    assert await late.sweep() is True
    assert site.stored() == {"1": "b"}


class Killed(BaseException):
    """The process ends here."""


async def test_a_row_that_a_killed_collector_left_is_ended_by_a_living_one(site: Site) -> None:
    """It was killed after a write that came late: its file, and a newer one, are archived already, so none comes."""
    living = site.collector(reader=lines, table=REPLACE, declared=KEEP)
    put(site, "1.json", "1 a", "2 a", at=1)

    async def overtaken() -> None:
        site.store.before = None
        await living.sweep()
        put(site, "2.json", "1 b", at=2)
        await living.sweep()
        site.store.after = killed

    async def killed() -> None:
        raise Killed

    site.store.before = overtaken
    with pytest.raises(Killed):
        await site.collector(reader=lines, table=REPLACE, declared=KEEP).sweep()
    assert (site.stored(), site.waiting()) == ({"1": "b", "2": "a"}, [])
    site.hands.seconds += 1
    await living.sweep()
    assert site.stored() == {"1": "b"}


async def test_no_row_ends_whose_partition_is_not_raised(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late one of another partition comes after the partitions were looked up: it ends too, and its version rises."""
    table = REPLACE
    put(site, "1.json", "1 a", "2 a", at=1)
    await collect(site, table)
    late = site.database["readings"].find_one({"_id": "2"})
    put(site, "2.json", "3 b", at=2)
    late = {**late, "_id": "late", "ingestion": {**late["ingestion"], "partition": "of late"}}
    remove_older = site.store.remove_older

    async def remove_after_it_came(*arguments: Any) -> int:
        monkeypatch.undo()
        site.database["readings"].insert_one(late)
        return await remove_older(*arguments)

    monkeypatch.setattr(site.store, "remove_older", remove_after_it_came)
    await collect(site, table)
    assert versions(site)["of late"] == 2
    assert site.stored() == {"3": "b"}


async def test_rows_of_older_files_are_found_by_an_index(site: Site) -> None:
    """Of tables in which there may be such."""
    for table in (REPLACE, Table("others", "upsert")):
        await collect(site, table)
    indexed = {
        name for name in ("readings", "others") if "ingestion.version_1" in site.database[name].index_information()
    }
    assert indexed == {"readings"}


async def test_a_row_that_ends_changes_its_partition(site: Site) -> None:
    """After it has ended, also where the process dies at that moment and another one takes up the file."""
    put(site, "1.json", "2 a", at=1)
    await collect(site, REPLACE)
    left = partitions(site)["2"]
    put(site, "2.json", "1 a", at=2)
    await collect(site, REPLACE)
    assert versions(site)[left] == 4
    put(site, "3.json", "3 a", at=3)
    left, remove_older = partitions(site)["1"], site.store.remove_older

    async def dies(*given: Any) -> int:
        await remove_older(*given)
        raise Unavailable("planted")

    site.store.remove_older = dies  # type: ignore[method-assign]
    assert not await site.collector(reader=lines, table=REPLACE, declared=KEEP).sweep()
    ended, site.store.remove_older = versions(site)[left], remove_older  # type: ignore[method-assign]
    await collect(site, REPLACE)
    assert versions(site)[left] > ended
    settled = versions(site)
    await collect(site, REPLACE)
    assert (versions(site), site.stored()) == (settled, {"3": "a"})


# --- files -------------------------------------------------------------------------------------


async def test_a_file_that_does_not_say_where_it_ends_is_read_when_it_is_quiet(site: Site) -> None:
    """Each prefix of a CSV file looks whole."""
    site.put("1.json", "1 a")
    declared = {**KEEP, "self_delimiting": False}
    wall = site.hands.wall
    site.hands.wall = wall.fromtimestamp((site.landings["north"].sources / "1.json").stat().st_mtime + 2.9, wall.tzinfo)
    await collect(site, declared=declared)
    assert site.waiting() == ["1.json"]
    site.hands.wall += (wall - wall).__class__(seconds=0.2)
    await collect(site, declared=declared)
    assert site.archived() == ["1.json"]


async def test_what_is_written_to_a_file_meanwhile_is_no_record(site: Site) -> None:
    """Half a line came after the file was checked: it is not stored, or the whole line would contradict it."""
    put(site, "1.json", "1 a")
    read = itertools.count(1)

    def growing(content: bytes) -> Any:
        """The file grows once it is being read to be stored."""
        if next(read) == 2:
            put(site, "1.json", "1 a", "2 whole", at=1)
            content = b"1 a\n2 wh"
        yield from lines(content)

    declared = {"records": "many", "on_bad_record": "reject_file"}
    await site.collector(reader=growing, declared=declared).sweep()
    assert (site.stored(), site.archived()) == ({"1": "a", "2": "whole"}, ["1.json"])


# --- while MongoDB is away, and this machine is short of something -----------------------------


async def test_a_receipt_is_not_replaced_by_that_of_an_attempt_that_failed(site: Site) -> None:
    """Of a collector that could not read the file to its end, while another one stored and archived it."""
    put(site, "1.json", "1 a", "2 b")
    read = itertools.count(1)

    def failing(content: bytes) -> Any:
        if next(read) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield from lines(content)

    behind = site.collector(reader=failing, declared=KEEP)
    write = Receipts.write

    async def late(*arguments: Any) -> None:
        patched.undo()
        await collect(site)
        await write(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Receipts, "write", late)
        await behind.sweep()
    assert receipts(site) == {"1.json": {"records": 2, "stored": 2}}
    assert (outcomes(site), site.archived()) == ({"1.json": "stored"}, ["1.json"])


async def test_a_stop_while_mongodb_is_away_and_a_file_is_being_read_ends_the_sweep(site: Site) -> None:
    """It is taken up again at the next start."""
    put(site, "1.json", "1 a")
    read = list[bytes]()

    def reading(content: bytes) -> Any:
        read.append(content)
        yield from lines(content)

    site.store.before = away
    collector = site.collector(reader=reading, declared=KEEP)
    assert await collector.sweep(lambda: len(read) == 3) is False  # to check it, to store it, and while it waits
    assert site.waiting() == ["1.json"]


async def test_bad_files_are_quarantined_while_mongodb_is_away(site: Site) -> None:
    """Good ones wait, and are stored when it is back."""
    put(site, "1.json", "1 a")
    put(site, "2.json", "boom", at=1)
    put(site, "3.json", "3 ?", at=2)
    site.store.before = away
    collector = site.collector(reader=lines, declared=MANY)
    assert await collector.sweep() is False
    assert (site.waiting(), site.quarantined()) == (["1.json"], {"2.json": "parser_failed", "3.json": "no_value"})
    site.store.before = None
    assert await collector.sweep() is True
    assert (site.archived(), site.stored()) == (["1.json"], {"1": "a"})


async def test_an_outage_is_logged_when_it_begins_and_ends(site: Site) -> None:
    put(site, "1.json", "1 a")
    site.store.before = away
    collector = site.collector(reader=lines, declared=KEEP)
    with capture_logs() as logs:
        assert [await collector.sweep() for _ in range(3)] == [False] * 3
        site.store.before = None
        await collector.sweep()
    assert [entry["event"] for entry in logs] == ["collection.interrupted", "collection.resumed", "file.collected"]


async def test_out_of_file_descriptors_nothing_is_quarantined(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site, "1.json", "1 a")
    collector = site.collector(reader=lines, declared=KEEP)

    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as planted:
        planted.setattr("multimarket_async.collector.opened.os.preadv", none_left)
        assert await collector.sweep() is False
    assert (site.waiting(), site.quarantined()) == (["1.json"], {})
    assert await collector.sweep() is True
    assert site.archived() == ["1.json"]


async def test_a_large_file_holds_up_no_small_one_that_comes_later(site: Site) -> None:
    """Neither of the same feed nor of another one: both are stored before the large one is."""
    clock = Clock()
    put(site, "large.json", *(f"{number} {'x' * 200}" for number in range(12_000)))
    stop, halfway = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        if len(site.store.batches) == 3:
            for feed in ("north", "south"):
                site.put(f"{feed}.json", f"{feed} a", feed)
            await halfway.wait()

    site.store.before = slow
    collector = site.collector(clock, reader=lines, declared=KEEP)
    async with asyncio.TaskGroup() as group:
        group.create_task(collector.run(stop))
        await until(lambda: {"north.json", "south.json"} <= {*site.archived()})
        assert "large.json" not in site.archived()
        halfway.set()
        await until(lambda: "large.json" in site.archived())
        stop.set()


async def test_after_an_outage_that_another_feed_ended_the_rest_is_stored_too(site: Site) -> None:
    """Files that were read and deferred meanwhile are taken again."""
    put(site, "1.json", "1 a")
    collector = site.collector(reader=lines, declared=KEEP)
    site.store.before = away
    assert await collector.sweep() is False
    site.store.before = None
    site.put("2.json", "2 b", "south")
    assert await collector.sweep() is True
    assert site.archived() == ["1.json", "2.json"]


def counted(file: IncomingFile) -> list[Document]:
    """The number of lines of a file, under its time."""
    return [{"_id": f"{file.received_at:%s}", "lines": len(file.content.splitlines())}]


async def test_what_follows_from_a_file_is_stored_beside_its_records(site: Site) -> None:
    """Also of an older list than the newest; it is none of the file's records."""
    following = {**KEEP, "derived": (Derived(Table("lines"), counted),)}
    put(site, "1.json", "1 a", "2 b", at=20)
    await collect(site, REPLACE, following)
    put(site, "2.json", "1 a", "3 ?", "4 d", at=10)
    await collect(site, REPLACE, following)
    assert {found["_id"]: found["lines"] for found in site.database["lines"].find()} == {"20": 2, "10": 3}
    assert receipts(site) == {
        "1.json": {"records": 2, "stored": 2},
        "2.json": {"records": 3, "superseded": 2, "rejected": 1},
    }
    partitions = {found["ingestion"]["partition"] for found in site.database["lines"].find()}
    assert partitions == {
        found["partition"] for found in site.database["kpi_partition_versions"].find({"collection": "lines"})
    }


async def test_streams_of_a_file_have_a_place_each(site: Site) -> None:
    """A CSV file whose conventions are found is read twice at the same time."""
    rows = "".join(f"{number};1,5\n" for number in range(20_000))
    site.put("1.json", "key;value\n" + rows)
    read = Csv({"key": Text("_id"), "value": Number("value")}, delimiter=";", decimal=None)
    feed, landing = Feed("north", INSERT, read.reader(dict), **KEEP), site.landings["north"]
    await Collector([(feed, landing)], site.store, Settings(), site.hands.clock).sweep()
    assert receipts(site) == {"1.json": {"records": 20_000, "stored": 20_000}}


async def test_small_files_are_stored_together_each_with_its_receipt(site: Site) -> None:
    """One write for all; a file with a bad record or a contradiction has its own outcome all the same."""
    for number in range(4):
        put(site, f"{number}.json", f"{number} a", f"{number + 10} b", at=number)
    put(site, "bad.json", "20 c", "?", at=5)
    put(site, "contradicts.json", "1 other", at=6)
    put(site, "unreadable.json", "boom", at=7)
    put(site, "nothing.json", "?", at=8)
    site.store.batches.clear()
    collector = site.collector(reader=lines, declared=KEEP)
    await collector.sweep()
    assert site.store.batches[0] == ["0", "10", "1", "11", "2", "12", "3", "13", "1"]
    assert receipts(site) == {
        **{f"{number}.json": {"records": 2, "stored": 2} for number in range(4)},
        "bad.json": {"records": 2, "stored": 1, "rejected": 1},
    }
    assert site.quarantined() == {
        "contradicts.json": "conflict",
        "unreadable.json": "parser_failed",
        "nothing.json": "no_value",
    }
    assert site.archived() == ["0.json", "1.json", "2.json", "3.json", "bad.json"]


async def test_small_files_that_are_delivered_again_are_duplicates(site: Site) -> None:
    for attempt in range(2):
        for number in range(3):
            put(site, f"{attempt}-{number}.json", f"{number} a", at=number)
        await collect(site)
    assert outcomes(site) == {f"{a}-{n}.json": word for a, word in enumerate(("stored", "duplicate")) for n in range(3)}


async def test_newer_versions_in_small_files_win_whatever_their_order(site: Site) -> None:
    for name, content in (("a", "1 old@1"), ("b", "1 new@3"), ("c", "1 between@2")):
        put(site, f"{name}.json", content)
    await collect(site, VERSIONED)
    assert site.stored() == {"1": "new@3"}
    assert sum(counts.get("replaced", 0) for counts in receipts(site).values()) >= 1
