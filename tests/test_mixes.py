"""Files of many records in every mix: what is stored, what is accounted for, and what `verify` says of it."""

import asyncio
import hashlib
import inspect
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any, Self

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Feed, LoadedDomain, Table
from multimarket_async.errors import Rejected
from multimarket_async.formats import Csv, Integer, Text
from multimarket_async.landing import Landing, RejectsWriter
from multimarket_async.readers.accounting import FeedFiles
from multimarket_async.readers.verify import Report, verify
from multimarket_async.settings import Settings
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Receipts, RecordCounts, Store

INSERT, UPSERT, REPLACE = "insert", "upsert", "replace"
KEEP, REJECT = "keep_rest", "reject_file"
ROWS = Csv({"key": Integer("_id"), "value": Text("value"), "run": Integer("run", nullable=True)})
SETTINGS = Settings(quiet_period_s=0, scan_every_s=0.001)


def made(row: dict[str, Any]) -> dict[str, Any]:
    if row["value"] == "odd":
        raise Rejected("odd_value", "a value is not odd", "/value")
    return row


@dataclass
class File:
    """A CSV file: its rows, and the time of its content, seconds."""

    rows: list[tuple[Any, ...]]
    at: int = 0

    def content(self) -> bytes:
        return "".join(f"{','.join(map(str, row))}\n" for row in [("key", "value", "run"), *self.rows]).encode()


@dataclass
class World:
    """A feed of CSV files, its table, and what is said of both."""

    uri: str
    folder: Path
    table: Table
    on_bad_record: str
    name: str = field(default_factory=lambda: f"test_{uuid.uuid4().hex[:12]}")
    files: int = 0

    async def __aenter__(self) -> Self:
        declared = {"suffixes": (".csv",), "records": "many", "on_bad_record": self.on_bad_record}
        self.feed = Feed("rows", self.table, ROWS.reader(made), self_delimiting=False, **declared)
        self.landing = Landing(self.folder, "rows", (".csv",))
        self.landing.prepare()
        self.store = Store(self.uri, self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.aclose()
        with MongoClient(self.uri) as client:
            client.drop_database(self.name)

    def put(self, *files: File, name: str = "") -> None:
        for file in files:
            self.files += 1
            path = self.landing.sources / (name or f"{self.files:03}.csv")
            path.write_bytes(file.content())
            os.utime(path, (file.at, file.at))

    async def collect(self, *files: File) -> None:
        """One after the other."""
        for file in files:
            self.put(file)
            await self.until_empty()

    async def until_empty(self) -> None:
        await Collector([(self.feed, self.landing)], self.store, SETTINGS, Clock()).until_empty()

    async def verify(self) -> Report:
        domain = LoadedDomain("rows", (self.feed,), ())
        await Snapshotter([domain], self.store, Clock()).refresh()
        generation = await self.store.newest(GENERATIONS)
        return await verify([domain], [(self.feed, self.landing)], self.store, generation)

    async def right(self) -> FeedFiles:
        report = await self.verify()
        assert report.differences == []
        [files] = report.feeds
        return files

    async def differences(self) -> list[str]:
        return (await self.verify()).differences

    @contextmanager
    def database(self) -> Iterator[Database[Any]]:
        with MongoClient(self.uri) as client:
            yield client[self.name]

    async def stored(self) -> dict[int, Any]:
        return {document["_id"]: document["value"] async for document in self.store.aggregate(self.table.name, [])}


INSERTED = Table("rows_table")
TABLES = {
    INSERT: INSERTED,
    UPSERT: Table("rows_table", "upsert"),
    "versioned": Table("rows_table", "upsert", version=lambda row: row["run"] or 0),
    REPLACE: Table("rows_table", "replace"),
}
rows = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["a", "b", "odd"]), st.sampled_from([1, 2, "x"])), max_size=5
)
files = st.lists(st.builds(File, rows, st.integers(1, 6)), max_size=6)


@pytest.mark.parametrize("on_bad_record", [KEEP, REJECT])
@pytest.mark.parametrize("mode", TABLES)
@settings(max_examples=3)
@given(files=files)
def test_any_mix_is_accounted_for(
    mode: str, on_bad_record: str, files: list[File], mongo_uri: str, tmp_path_factory: Any
) -> None:
    """In files and in records, and `verify` says so; overlaps, bad rows, header only, the same row twice."""
    accounted_for(mode, on_bad_record, files, mongo_uri, tmp_path_factory.mktemp("mix"))


@pytest.mark.slow
@pytest.mark.parametrize("on_bad_record", [KEEP, REJECT])
@pytest.mark.parametrize("mode", TABLES)
@settings(max_examples=40)
@given(files=files)
def test_any_of_many_mixes_is_accounted_for(
    mode: str, on_bad_record: str, files: list[File], mongo_uri: str, tmp_path_factory: Any
) -> None:
    accounted_for(mode, on_bad_record, files, mongo_uri, tmp_path_factory.mktemp("mix"))


def accounted_for(mode: str, on_bad_record: str, files: list[File], mongo_uri: str, folder: Path) -> None:
    async def mixed() -> None:
        async with World(mongo_uri, folder, TABLES[mode], on_bad_record) as world:
            await world.collect(*files)
            found = await world.right()
            kept = [file.content().count(b"\n") - 1 for file in archived(world)]
            outcomes = found.stored + found.duplicate + found.superseded + found.quarantined.total()
            assert (found.received, outcomes) == (len(files), len(files))
            assert found.records.records == sum(kept)
            stored = await world.stored()
            assert stored == expected(mode, archived(world))
            assert found.records.stored - found.records.replaced == len(stored) or mode == REPLACE

    asyncio.run(mixed())


def archived(world: World) -> list["File"]:
    """The archived files in the order in which they were collected."""
    found = sorted(world.landing.archive_files(), key=lambda path: path.name)
    return [
        File([tuple(line.split(",")) for line in path.read_text().splitlines()[1:]], int(path.stat().st_mtime))
        for path in found
    ]


def good(file: File) -> list[tuple[str, str, str]]:
    return [row for row in file.rows if row[1] != "odd" and row[2] != "x"]


def expected(mode: str, files: list[File]) -> dict[int, str]:
    """The table after these files, if no two different rows have the same key and version."""
    if mode == REPLACE:
        newest = [file for file in files if file.at == max(other.at for other in files)]
        files = sorted(newest, key=tie)[-1:]
    elif mode == UPSERT:
        files = sorted(files, key=lambda file: (file.at, tie(file)))
    table: dict[int, tuple[int, str]] = {}
    for file in files:
        for key, value, run in good(file):
            row = (int(run), value) if mode == "versioned" else (0, value)
            if int(key) not in table or mode in (UPSERT, REPLACE):
                table[int(key)] = row
            elif mode == "versioned":
                table[int(key)] = max(table[int(key)], row, key=lambda item: (item[0], digest(int(key), *item)))
    return {key: value for key, (_, value) in table.items()}


def tie(file: File) -> str:
    """Order of files of the same time."""
    return hashlib.sha256(file.content()).hexdigest()


def digest(key: int, run: int, value: str) -> str:
    """Order of rows of the same version."""
    return hashlib.sha256(bson.encode({"_id": key, "value": value, "run": run})).hexdigest()


# --- what is wrong is found --------------------------------------------------------------------


@pytest.fixture
async def world(mongo_uri: str, tmp_path: Path) -> AsyncIterator[World]:
    """A re-export with a row more, a changed row and a bad one."""
    async with World(mongo_uri, tmp_path, INSERTED, KEEP) as world:
        await world.collect(File([(1, "a", 1)], 1), File([(1, "a", 1), (2, "b", 1), (1, "c", 1), (3, "odd", 1)], 2))
        yield world


async def test_every_record_has_its_outcome(world: World) -> None:
    files = await world.right()
    assert (files.received, files.stored, files.duplicate, files.quarantined.total()) == (2, 2, 0, 0)
    assert files.records == RecordCounts(stored=2, duplicate=1, rejected=2)
    assert files.rejects == {"conflict": 1, "odd_value": 1}


async def test_a_lost_document_is_found(world: World) -> None:
    with world.database() as database:
        database["rows_table"].delete_one({"_id": 2})
    assert "rows: 002.csv is archived, but 2 is not stored; its receipt says 2 rejected" in await world.differences()


async def test_a_changed_document_is_found(world: World) -> None:
    with world.database() as database:
        database["rows_table"].update_one({"_id": 2}, {"$set": {"ingestion.digest": "other"}})
    assert any("002.csv differs from what is stored as 2" in difference for difference in await world.differences())


async def test_a_lost_receipt_is_found(world: World) -> None:
    with world.database() as database:
        database["receipts"].delete_one({"file": "002.csv"})
    differences = await world.differences()
    assert "rows: 002.csv is archived, and has no receipt" in differences
    assert "rows: 2 files are archived, but MongoDB knows 1 stored, 0 duplicate, 0 superseded" in differences


async def test_an_archive_that_is_thinned_out_is_right(world: World) -> None:
    next(iter(sorted(world.landing.archive_files()))).unlink()
    assert await world.differences() == []


async def test_a_document_of_nobody_is_found(world: World) -> None:
    with world.database() as database:
        ingestion = {"feed": "rows", "receipt": "0", "record": 1, "partition": "all"}
        database["rows_table"].insert_one({"_id": 9, "value": "z", "ingestion": ingestion})
    assert "rows: 3 documents are stored, and 2 of them are in archived files" in await world.differences()


async def test_a_changed_archived_file_is_found(world: World) -> None:
    newest = max(world.landing.archive_files())
    newest.write_bytes(newest.read_bytes().replace(b"2,b", b"2,z"))
    assert any("has no receipt" in difference for difference in await world.differences())


async def test_a_row_that_an_older_file_put_back_is_found(mongo_uri: str, tmp_path: Path) -> None:
    """A replace table holds a row that its newest file lacks."""
    async with World(mongo_uri, tmp_path, TABLES[REPLACE], KEEP) as world:
        await world.collect(File([(1, "a", 1), (2, "a", 1)], 1), File([(1, "b", 1)], 2))
        await world.right()
        with world.database() as database:
            database["rows_table"].update_one({"_id": 1}, {"$set": {"value": "a", "ingestion.version": "0"}})
        assert any("newer than what is stored" in difference for difference in await world.differences())


@pytest.mark.parametrize("mode", TABLES)
async def test_records_that_were_stored_before_their_file_changed_are_in_an_archived_file(
    mode: str, mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was written to while they were being stored, and came again: its first receipt is of no archived one."""
    async with World(mongo_uri, tmp_path, TABLES[mode], KEEP) as world:
        insert = Store.insert

        async def growing(*arguments: Any) -> Any:
            monkeypatch.undo()
            world.put(File([(1, "a", 1), (2, "b", 1), (3, "c", 1)], 2), name="1.csv")
            return await insert(*arguments)

        monkeypatch.setattr(Store, "insert", growing)
        world.put(File([(1, "a", 1), (2, "b", 1)], 1), name="1.csv")
        await world.until_empty()
        assert await world.stored() == {1: "a", 2: "b", 3: "c"}
        await world.right()
        with world.database() as database:
            database["rows_table"].update_one({"_id": 1}, {"$set": {"ingestion.digest": "other"}})
        assert await world.differences() != []


async def test_a_revised_forecast_is_no_conflict(mongo_uri: str, tmp_path: Path) -> None:
    """A newer run replaces the slots of the older one, in any order, and an older one that comes late is superseded."""
    for order in permutations([1, 2, 3]):
        async with World(mongo_uri, tmp_path / "".join(map(str, order)), TABLES["versioned"], REJECT) as world:
            await world.collect(*(File([(1, f"run {run}", run), (2, f"run {run}", run)]) for run in order))
            files = await world.right()
            assert await world.stored() == {1: "run 3", 2: "run 3"}
            assert files.records.superseded + files.records.replaced == 4


# --- killed, and two at a time -----------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


STEPS = [
    (Store, "insert"),
    (Store, "replace"),
    (Store, "raise_version"),
    (Store, "remove_older"),
    (Receipts, "write"),
    (RejectsWriter, "synced"),
    (Landing, "archive"),
]
MIX = [
    File([(1, "a", 1), (2, "b", 1), (2, "b", 1)], 2),
    File([(1, "c", 2), (2, "odd", 1), (3, "d", 1)], 4),
    File([(1, "a", 1), (4, "e", 3)], 1),
    File([], 3),
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", TABLES)
async def test_killed_after_any_step_and_started_again_the_end_is_the_same(
    mode: str, mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(mongo_uri, tmp_path / "whole", TABLES[mode], KEEP) as world:
        await world.collect(*MIX)
        end = await world.stored(), (await world.right()).records.records
    for number, (part, method) in enumerate(STEPS):
        async with World(mongo_uri, tmp_path / str(number), TABLES[mode], KEEP) as world:
            for file in MIX:
                world.put(file)
                with monkeypatch.context() as planted, suppress(Killed, BaseExceptionGroup):
                    planted.setattr(part, method, dying(getattr(part, method)))
                    await world.until_empty()
                await world.until_empty()
            assert (await world.stored(), (await world.right()).records.records) == end, method


def dying(real: Any) -> Any:
    """The method, which ends the process after it has done its work."""

    async def dies_later(*arguments: Any) -> None:
        await real(*arguments)
        raise Killed

    def dies(*arguments: Any) -> None:
        real(*arguments)
        raise Killed

    return dies_later if inspect.iscoroutinefunction(real) else dies


@pytest.mark.parametrize("mode", TABLES)
async def test_two_collectors_of_the_same_files(mode: str, mongo_uri: str, tmp_path: Path) -> None:
    """Each file is archived once, with one receipt, and every record has its outcome."""
    async with World(mongo_uri, tmp_path, TABLES[mode], KEEP) as world:
        for number in range(12):
            rows = [(key, f"v{(number * key) % 5}", number % 4) for key in range(1, 40)]
            world.put(File(rows, 1 + number % 7))
        await asyncio.gather(world.until_empty(), world.until_empty())
        files = await world.right()
        assert files.received == 12 == files.archived + files.quarantined.total()
