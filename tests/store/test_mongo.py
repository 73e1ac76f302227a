"""The store against the real mongod, with every driver: what became of each document, and what comes back."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.tz_util import utc
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.write_concern import WriteConcern

from multimarket_async.errors import OperationFailed, Rejected, Unavailable
from multimarket_async.settings import MongoDriver
from multimarket_async.store import Change, Encoded, Exists, Inserted, Refused, Store, encode, find_mongod
from multimarket_async.store.driver import CLIENTS
from multimarket_async.supervised import free_port

READINGS = "readings"


def _reading(key: Any, sha256: str = "d1", **more: Any) -> Encoded:
    return encode({"_id": key, "ingestion": {"sha256": sha256}, **more})


def _nested(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"x": document}
    return document


# --- encode --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"x": 2**63}, id="integer beyond 64 bits"),
        pytest.param({"x": -(2**63) - 1}, id="integer below 64 bits"),
        pytest.param({"a\0b": 1}, id="NUL in a key"),
        pytest.param({"x": "\ud800"}, id="lone surrogate in a value"),
        pytest.param({"\ud800": 1}, id="lone surrogate in a key"),
        pytest.param({"x": object()}, id="no BSON type"),
        pytest.param(_nested(5000), id="nested beyond the stack"),
    ],
)
def test_encode_rejects_what_bson_cannot_hold(value: dict[str, Any]) -> None:
    """One such document would make the driver refuse its whole batch."""
    with pytest.raises(Rejected) as rejected:
        encode({"_id": "1", "value": value})
    assert (rejected.value.code, rejected.value.unfinished) == ("not_storable", False)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), "NUL in a \0 value", 1e308, datetime(1, 1, 1, tzinfo=UTC)])
async def test_the_extremes_that_bson_holds(store: Store, value: object) -> None:
    """A document that is not rejected is stored."""
    assert await store.insert(READINGS, [_reading("1", value=value)]) == [Inserted()]


# 4 bytes of length, 1 + "_id\0" + 4 + "1\0", 1 + "x\0" + 4 + the text and its NUL, 1 at the end.
_AROUND_THE_TEXT = 4 + (1 + 4 + 4 + 2) + (1 + 2 + 4 + 1) + 1


async def test_a_document_of_exactly_16_mib_is_stored(store: Store) -> None:
    """The limit itself is allowed, by encode and by the server, and harms no neighbour."""
    largest = encode({"_id": "1", "x": "a" * (16 * 1024 * 1024 - _AROUND_THE_TEXT)})
    assert len(largest.bson.raw) == 16 * 1024 * 1024
    assert await store.insert(READINGS, [largest, _reading("2")]) == [Inserted(), Inserted()]


def test_a_document_over_16_mib_is_rejected() -> None:
    """One byte more is too much."""
    with pytest.raises(Rejected) as rejected:
        encode({"_id": "1", "x": "a" * (16 * 1024 * 1024 - _AROUND_THE_TEXT + 1)})
    assert rejected.value.code == "document_too_large"
    assert rejected.value.sentence == "the document takes 16777217 bytes in MongoDB; the limit is 16 MiB"


# --- insert --------------------------------------------------------------------------------


async def test_inserted_then_exists(store: Store) -> None:
    """The second time the answer is the digest of the file that came first."""
    assert await store.insert(READINGS, [_reading("1", "first")]) == [Inserted()]
    assert await store.insert(READINGS, [_reading("1", "second")]) == [Exists("first")]


async def test_outcomes_are_in_order(store: Store, database: Database[Any]) -> None:
    """Each document has its own outcome, and a bad one takes no other with it."""
    await store.insert(READINGS, [_reading("2", "before")])
    outcomes = await store.insert(READINGS, [_reading("1"), _reading("2"), _reading(["3"]), _reading("4")])
    assert outcomes == [Inserted(), Exists("before"), Refused("The '_id' value cannot be of type array"), Inserted()]
    assert sorted(document["_id"] for document in database[READINGS].find()) == ["1", "2", "4"]


async def test_one_key_twice_in_one_insert(store: Store, database: Database[Any]) -> None:
    """The first is inserted, the second finds it there."""
    assert await store.insert(READINGS, [_reading("1", "a"), _reading("1", "b")]) == [Inserted(), Exists("a")]
    assert database[READINGS].count_documents({}) == 1


async def test_insert_changes_nothing_that_is_there(store: Store, database: Database[Any]) -> None:
    """A document of the same key is never overwritten."""
    database[READINGS].insert_one({"_id": "1", "value": "of another hand"})
    assert await store.insert(READINGS, [_reading("1")]) == [Exists("")]
    assert database[READINGS].find_one() == {"_id": "1", "value": "of another hand"}


@pytest.mark.parametrize("levels", [185, 250])
async def test_nested_too_deeply(store: Store, levels: int) -> None:
    """More than MongoDB's 180 levels: the document is rejected or refused on its own, its neighbour is stored."""
    try:
        documents = [_reading("1", value=_nested(levels)), _reading("2")]
    except Rejected:
        documents = [_reading("2")]
    *others, neighbour = await store.insert(READINGS, documents)
    assert neighbour == Inserted()
    assert all(isinstance(other, Refused) for other in others)


async def test_insert_of_nothing(store: Store) -> None:
    """No documents, no outcomes."""
    assert await store.insert(READINGS, []) == []


async def test_a_key_taken_by_a_foreign_document(store: Store, database: Database[Any]) -> None:
    """Whatever another hand wrote into `ingestion`, it is a document without a digest."""
    database[READINGS].insert_one({"_id": "1", "ingestion": [{"sha256": "x"}]})
    assert await store.insert(READINGS, [_reading("1")]) == [Exists("")]


async def test_not_yet_acknowledged_is_unavailable(store: Store, database: Database[Any]) -> None:
    """Two acknowledgements asked of one server: written, but the outcome is unknown; sent again, it is known."""
    durable, store._database = store._database, store._database.with_options(write_concern=WriteConcern(w=2))
    with pytest.raises(Unavailable, match="not yet acknowledged by a majority"):
        await store.insert(READINGS, [_reading("1")])
    store._database = durable
    assert await store.insert(READINGS, [_reading("1")]) == [Exists("d1")]
    assert database[READINGS].count_documents({}) == 1


@pytest.mark.slow
async def test_a_large_file_delivered_twice_is_all_duplicates(store: Store) -> None:
    """The write errors of a command must fit into one reply: mongod closes the connection on 100,000 of them."""
    documents = [_reading(str(number)) for number in range(100_000)]
    assert await store.insert(READINGS, documents) == [Inserted()] * 100_000
    assert all(isinstance(outcome, Exists) for outcome in await store.insert(READINGS, documents))


async def test_a_duplicate_nobody_can_read_yet_is_unavailable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is taken by a document a majority does not have: not stored, not lost, asked again."""

    async def none_yet(*_: object) -> dict[str, object]:
        return {}

    await store.insert(READINGS, [_reading("1")])
    monkeypatch.setattr(store, "existing", none_yet)
    with pytest.raises(Unavailable, match="not yet durable"):
        await store.insert(READINGS, [_reading("1")])


class _Stepping:
    """A collection on a server that steps down in the middle of a bulk insert, as mongos reports it."""

    def __init__(self, code: int) -> None:
        self._error = {"index": 0, "code": code, "errmsg": "the primary stepped down"}

    async def insert_many(self, _documents: object, *, ordered: bool) -> None:
        details = {"writeErrors": [self._error], "writeConcernErrors": []}
        raise pymongo.errors.BulkWriteError({**details, "ordered": ordered})


@pytest.mark.parametrize("code", [6, 89, 91, 189, 10107, 11602])
async def test_a_write_error_that_will_pass_is_unavailable(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A shard that fails over says so document by document: the documents are good, and wait."""
    monkeypatch.setattr(store, "_collection", lambda _name: _Stepping(code))
    with pytest.raises(Unavailable):
        await store.insert(READINGS, [_reading("1")])


async def test_a_server_without_its_keys_yet_is_unavailable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Just started again: it cannot check the time that a client brings, for a moment."""

    async def refused(_: str) -> None:
        raise pymongo.errors.OperationFailure("No keys found for HMAC that is valid for time", 211)

    monkeypatch.setattr(store._database, "command", refused, raising=False)
    with pytest.raises(Unavailable, match="No keys found"):
        await store.ping()


async def test_many_at_once_some_of_them_there_already(store: Store) -> None:
    """A whole batch, every second one a duplicate: each outcome is where its document was."""
    await store.insert(READINGS, [_reading(number, f"{number}") for number in range(0, 1000, 2)])
    outcomes = await store.insert(READINGS, [_reading(number, "again") for number in range(1000)])
    assert outcomes == [Inserted() if number % 2 else Exists(f"{number}") for number in range(1000)]


async def test_a_shape_refuses_one_and_no_other(store: Store) -> None:
    """Documents that break the schema are refused from then on; the schema may change."""
    for kind in ("string", "long"):
        await store.define_schema(READINGS, {"properties": {"value": {"bsonType": kind}}})
    outcomes = await store.insert(READINGS, [_reading("1", value="text"), _reading("2", value=Int64(2))])
    assert outcomes == [Refused("Document failed validation"), Inserted()]


# --- unique indexes of another hand ---------------------------------------------------------

FOREIGN = re.compile("the unique index value_1, which is not MultiMarket's, allows one document with the same value")


@pytest.fixture
def _unique(database: Database[Any]) -> None:
    """One document with each value."""
    for collection in (READINGS, "ledger"):
        database[collection].create_index("value", unique=True)


def _refused(outcome: object) -> bool:
    return isinstance(outcome, Refused) and bool(FOREIGN.match(outcome.sentence))


@pytest.mark.usefixtures("_unique")
async def test_a_duplicate_of_another_index_is_no_duplicate(store: Store) -> None:
    """Inserted, replaced or changed: it is refused on its own, and says why."""
    assert await store.insert(READINGS, [_reading("1", value=1), _reading("2", value=2)]) == [Inserted(), Inserted()]
    outcomes = await store.insert(READINGS, [_reading("3", value=1), _reading("1", value=1), _reading("4", value=4)])
    assert _refused(outcomes[0])
    assert outcomes[1:] == [Exists("d1"), Inserted()]
    changed = await store.update_with_pipeline(READINGS, [Change("1", [{"$set": {"value": 2}}])])
    assert _refused(changed[0])


@pytest.mark.usefixtures("_unique")
async def test_a_replacement_that_another_index_refuses(store: Store, database: Database[Any]) -> None:
    """The others are replaced."""
    first = [encode({"_id": key, "value": value, "ingestion": {"digest": "d1"}}) for key, value in (("1", 1), ("2", 2))]
    later = [encode({"_id": key, "value": value, "ingestion": {"digest": "d2"}}) for key, value in (("1", 2), ("2", 3))]
    await store.insert(READINGS, first)
    refused = await store.replace(READINGS, [(document, Exists("d1")) for document in later])
    assert refused is not None
    assert ([*refused], _refused(refused[0])) == ([0], True)
    assert {found["_id"]: found["value"] for found in database[READINGS].find()} == {"1": 1, "2": 3}


@pytest.mark.usefixtures("_unique")
async def test_a_duplicate_of_another_index_is_not_taken_for_a_key_that_is_there(store: Store) -> None:
    """Not of a generation, a receipt or a version: each says that it was not written."""
    await store.insert_if_absent("ledger", {"_id": 1, "value": 1})
    for work in (
        store.insert_if_absent("ledger", {"_id": 2, "value": 1}),
        store.upsert("ledger", {"_id": 2, "value": 1}),
        store.update("ledger", [({"_id": 2}, {"$set": {"value": 1}})]),
    ):
        with pytest.raises(OperationFailed, match="index: value_1 dup key"):
            await work


# --- what the server is asked --------------------------------------------------------------

PRIMARY = {"mode": "primary"}


class Heard(CommandListener):
    """The commands sent to the server."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in ("insert", "update", "delete", "find", "aggregate", "createIndexes"):
            self.commands.append({"": event.command_name, **event.command})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def concerns(self, kind: str) -> list[tuple[str, Any]]:
        """Each command and its concern of this kind."""
        return [(command[""], command.get(kind)) for command in self.commands]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch, driver: MongoDriver) -> Heard:
    """Commands sent by stores opened from now on."""
    listener = Heard()
    monkeypatch.setitem(CLIENTS, driver, partial(CLIENTS[driver], event_listeners=[listener]))  # type: ignore[arg-type]
    return listener


async def test_every_write_waits_for_the_journals_of_a_majority(heard: Heard, store: Store) -> None:
    """Only who says that it need not be durable does not wait."""
    await store.insert(READINGS, [_reading("1")])
    await store.insert_if_absent(READINGS, {"_id": "2"})
    await store.upsert(READINGS, {"_id": "3"})
    await store.upsert(READINGS, {"_id": "4"})
    await store.upsert(READINGS, {"_id": "5"}, durable=False)
    await store.remove(READINGS, ["1"])
    await store.define_index(READINGS, "value")
    durable = {"w": "majority", "j": True, "wtimeout": 10_000}
    assert heard.concerns("writeConcern") == [
        ("insert", durable),
        ("insert", durable),
        ("update", durable),
        ("update", durable),
        ("update", {"w": 1}),
        ("delete", durable),
        ("createIndexes", durable),
    ]


async def test_every_read_is_of_what_a_majority_has(heard: Heard, store: Store) -> None:
    """A write that could be rolled back is not read."""
    await store.digests(READINGS, ["1"])
    await store.newest(READINGS)
    assert [row async for row in store.aggregate(READINGS, [])] == []
    majority = {"level": "majority"}
    assert heard.concerns("readConcern") == [("find", majority), ("find", majority), ("aggregate", majority)]


async def test_no_option_of_the_uri_makes_reads_older_or_writes_less_durable(
    heard: Heard, mongo_uri: str, database: Database[Any], driver: MongoDriver
) -> None:
    """A stale read would decide what is measured for good."""
    options = "&readPreference=secondaryPreferred&readConcernLevel=local&w=1&journal=false"
    of_set = mongo_uri.replace(
        "directConnection=true", f"replicaSet={database.client.admin.command('hello')['setName']}"
    )
    async with aclosing(Store(of_set + options, database.name, driver)) as store:
        await store.insert(READINGS, [_reading("1")])
        assert (await store.newest(READINGS) or {})["_id"] == "1"
        assert len([row async for row in store.aggregate(READINGS, [])]) == 1
        assert await store.evaluate([{"value": 1}], []) == [{"value": 1}]
        assert [batch async for batch in store.batches(READINGS, {}, 10)]
    assert {command[""] for command in heard.commands} == {"insert", "find", "aggregate"}
    for command in heard.commands:
        assert command.get("$readPreference", PRIMARY) == PRIMARY
        if command[""] != "insert":
            assert command["readConcern"]["level"] == "majority"
        else:
            assert command["writeConcern"] == {"w": "majority", "j": True, "wtimeout": 10_000}


async def test_a_batch_is_one_message(heard: Heard, store: Store) -> None:
    """A thousand documents, encoded before, in one command, unordered."""
    await store.insert(READINGS, [_reading(number) for number in range(1000)])
    [insert] = heard.commands
    assert (len(insert["documents"]), insert["ordered"]) == (1000, False)


# --- the other verbs -----------------------------------------------------------------------


async def test_ping(store: Store) -> None:
    """A server that is there answers."""
    await store.ping()


async def test_digests(store: Store) -> None:
    """Of the keys that are there; of none, none."""
    await store.insert(READINGS, [_reading("1", "a"), _reading("2", "b")])
    assert await store.digests(READINGS, ["1", "2", "3"]) == {"1": "a", "2": "b"}
    assert await store.digests(READINGS, []) == {}


async def test_add_tells_whether_the_key_was_free(store: Store, database: Database[Any]) -> None:
    """True the first time; False when it is taken, and what is there stays."""
    assert await store.insert_if_absent("ledger", {"_id": 1, "x": "first"}) is True
    assert await store.insert_if_absent("ledger", {"_id": 1, "x": "second"}) is False
    assert list(database["ledger"].find()) == [{"_id": 1, "x": "first"}]


async def test_newest_and_remove(store: Store) -> None:
    """The highest key, of none None; what is removed is gone."""
    assert await store.newest("ledger") is None
    for key in (9, 10, 2):
        await store.insert_if_absent("ledger", {"_id": key})
    assert await store.newest("ledger") == {"_id": 10}
    await store.remove("ledger", [10, 2])
    assert await store.newest("ledger") == {"_id": 9}
    assert await store.newest("ledger") is not None


async def test_define_view_twice(store: Store) -> None:
    """Created the first time, changed the second."""
    await store.insert_if_absent("ledger", {"_id": 1, "a": 2, "b": 3})
    for field in ("a", "b"):
        await store.define_view("flat", "ledger", [{"$project": {"_id": 0, "x": f"${field}"}}])
        rows = [row async for row in store.aggregate("flat", [])]
        assert rows == [{"x": {"a": 2, "b": 3}[field]}]


async def test_dates_come_back_aware(store: Store) -> None:
    """A date is in UTC and says so."""
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    await store.insert_if_absent("ledger", {"_id": 1, "at": moment})
    assert await store.newest("ledger") == {"_id": 1, "at": moment}


# --- what comes back -------------------------------------------------------------------------


async def test_an_aggregation_longer_than_the_first_answer(store: Store) -> None:
    """The server gives 101 at first, then as much as fits into 16 MiB: all of them arrive, in order."""
    await store.insert(READINGS, [_reading(number, text="x" * 20_000) for number in range(1500)])
    keys = [row["_id"] async for row in store.aggregate(READINGS, [{"$sort": {"_id": 1}}])]
    assert keys == list(range(1500))


async def test_raw_is_the_bytes_as_they_are(store: Store) -> None:
    """Not decoded until somebody looks; what is only passed on never is."""
    await store.insert(READINGS, [_reading("1", value=2)])
    [raw] = [row async for row in store.aggregate(READINGS, [], raw=True)]
    assert (type(raw), raw.raw) == (RawBSONDocument, _reading("1", value=2).bson.raw)
    [decoded] = [row async for row in store.aggregate(READINGS, [])]
    assert decoded == {"_id": "1", "ingestion": {"sha256": "d1"}, "value": 2}


async def test_who_stops_reading_leaves_a_store_that_works(store: Store) -> None:
    """The rest of an aggregation is not asked for."""
    await store.insert(READINGS, [_reading(number) for number in range(500)])
    async with aclosing(store.aggregate(READINGS, [])) as rows:
        async for _ in rows:
            break
    assert await store.newest(READINGS) == {"_id": 499, "ingestion": {"sha256": "d1"}}


async def test_a_wrong_aggregation_is_our_mistake(store: Store) -> None:
    """Neither waited for nor hidden."""
    with pytest.raises(OperationFailed, match=r"Unrecognized pipeline stage name: '\$nonsense'"):
        assert [row async for row in store.aggregate(READINGS, [{"$nonsense": {}}])] == []


@pytest.mark.parametrize(
    "value", [Int64(5), Int64(2**63 - 1), 2**31, 1.5, "é", None, [1, {"a": []}], datetime(2026, 3, 1, 12, tzinfo=utc)]
)
async def test_a_value_comes_back_with_its_type(store: Store, value: object) -> None:
    """A 64-bit integer remains one, however small, and a date has a time zone."""
    await store.insert_if_absent("ledger", {"_id": 1, "value": value})
    assert repr(await store.newest("ledger")) == repr({"_id": 1, "value": Int64(value) if value == 2**31 else value})


async def test_put_replaces(store: Store, database: Database[Any]) -> None:
    """The whole document, durable or not."""
    for durable in (True, False):
        await store.upsert("marks", {"_id": "m", f"{durable}": 1}, durable=durable)
    assert list(database["marks"].find()) == [{"_id": "m", "False": 1}]


async def test_remove_only_where(store: Store, database: Database[Any]) -> None:
    """A document that has changed meanwhile stays."""
    for key in ("a", "b"):
        await store.upsert("marks", {"_id": key, "done": key == "a"})
    await store.remove("marks", ["a", "b"], done=False)
    assert [document["_id"] for document in database["marks"].find()] == ["a"]


async def test_define_index_twice(store: Store, database: Database[Any]) -> None:
    """Once created, it is there."""
    for _ in range(2):
        await store.define_index(READINGS, "canal", "at")
    assert database[READINGS].index_information()["canal_1_at_1"]["key"] == [("canal", 1), ("at", 1)]


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[str]:
    """The address of a MongoDB that is no replica set."""
    port = free_port(None)
    words = [find_mongod(), "--dbpath", tmp_path, "--bind_ip", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        yield f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=20000"
        server.kill()


async def test_define_index_on_a_standalone(standalone: str, driver: MongoDriver) -> None:
    """It refuses what a replica set is asked for. With a member down: torture/test_failover.py."""
    async with aclosing(Store(standalone, "x", driver)) as store:
        await store.define_index(READINGS, "at")
    with pymongo.MongoClient[dict[str, Any]](standalone) as client:
        assert "at_1" in client["x"][READINGS].index_information()


async def test_a_hundred_at_once(store: Store) -> None:
    """Stages ask at the same time, and each gets its own answer."""
    await asyncio.gather(*(store.insert_if_absent(READINGS, {"_id": number}) for number in range(100)))
    found = await asyncio.gather(*(_value(store, number) for number in range(100)))
    assert found == list(range(100))


async def _value(store: Store, number: int) -> int:
    [row] = [row async for row in store.aggregate(READINGS, [{"$match": {"_id": number}}])]
    return int(row["_id"])
