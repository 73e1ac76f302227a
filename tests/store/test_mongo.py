"""The store against the real mongod: what became of each document, and what goes wrong in which word."""

import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pymongo
import pytest
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from multimarket_async.errors import CannotContinue, Rejected, Unavailable, WrongSettings
from multimarket_async.store import Encoded, Exists, Inserted, Refused, Store, encode

READINGS = "readings"


@pytest.fixture
async def store(mongo_uri: str, database: Database[Any]) -> AsyncIterator[Store]:
    """A store on an empty database."""
    with closing(Store(mongo_uri, database.name)) as store:
        yield store


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which something listens and never says a word."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        yield f"mongodb://127.0.0.1:{mute.getsockname()[1]}/"


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
    """What is not rejected is stored."""
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
    assert outcomes == [
        Inserted(),
        Exists("before"),
        Refused("The '_id' value cannot be of type array"),
        Inserted(),
    ]
    assert sorted(one["_id"] for one in database[READINGS].find()) == ["1", "2", "4"]


async def test_one_key_twice_in_one_insert(store: Store, database: Database[Any]) -> None:
    """The first is inserted, the second finds it there."""
    assert await store.insert(READINGS, [_reading("1", "a"), _reading("1", "b")]) == [Inserted(), Exists("a")]
    assert database[READINGS].count_documents({}) == 1


async def test_insert_changes_nothing_that_is_there(store: Store, database: Database[Any]) -> None:
    """A document of the same key is never overwritten."""
    database[READINGS].insert_one({"_id": "1", "value": "of another hand"})
    assert await store.insert(READINGS, [_reading("1")]) == [Exists("")]
    assert database[READINGS].find_one() == {"_id": "1", "value": "of another hand"}


@pytest.mark.parametrize(
    "levels",
    [
        185,
        250,
    ],
)
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


async def test_a_duplicate_nobody_can_read_yet_is_unavailable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is taken by a document a majority does not have: not stored, not lost, asked again."""

    async def none_yet(*_: object) -> dict[str, object]:
        return {}

    await store.insert(READINGS, [_reading("1")])
    monkeypatch.setattr(store, "_there", none_yet)
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


async def test_inserts_are_durable(store: Store) -> None:
    """A majority has it in its journal."""
    assert store._database.write_concern.document == {"w": "majority", "j": True, "wtimeout": 10_000}


# --- away, or not ours ---------------------------------------------------------------------


async def test_nobody_answers(nobody: str) -> None:
    """A server that does not answer is unavailable within about two seconds."""
    began = time.monotonic()
    with closing(Store(nobody, "x")) as store, pytest.raises(Unavailable):
        await store.insert(READINGS, [_reading("1")])
    assert 1.5 < time.monotonic() - began < 4


async def test_the_uri_has_the_last_word(nobody: str) -> None:
    """An option in the URI is stronger than ours."""
    began = time.monotonic()
    with closing(Store(f"{nobody}?serverSelectionTimeoutMS=50", "x")) as store, pytest.raises(Unavailable):
        await store.ping()
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("uri", ["", "localhost:27017", "http://localhost/", "mongodb://host:port/", "mongodb://"])
def test_a_wrong_uri_is_a_wrong_setting(uri: str) -> None:
    """Said at the start, with the name of the setting and what is expected."""
    with pytest.raises(WrongSettings, match=r"mongo_uri is not a MongoDB URI.*Expected mongodb://"):
        Store(uri, "x")


async def test_a_wrong_password_cannot_be_waited_for(mongo_uri: str) -> None:
    """Trying again would not help: stop, and say so."""
    wrong = re.sub(r"://([^@/]*@)?", "://somebody:wrong@", mongo_uri)
    with (
        closing(Store(wrong, "x")) as store,
        pytest.raises(CannotContinue, match=r"MongoDB refuses these credentials: Authentication failed\."),
    ):
        await store.ping()


async def test_ping(store: Store) -> None:
    """A server that is there answers."""
    await store.ping()


# --- the other verbs -----------------------------------------------------------------------


async def test_digests(store: Store) -> None:
    """Of the keys that are there; of none, none."""
    await store.insert(READINGS, [_reading("1", "a"), _reading("2", "b")])
    assert await store.digests(READINGS, ["1", "2", "3"]) == {"1": "a", "2": "b"}
    assert await store.digests(READINGS, []) == {}


async def test_add_tells_whether_the_key_was_free(store: Store, database: Database[Any]) -> None:
    """True the first time; False when it is taken, and what is there stays."""
    assert await store.add("ledger", {"_id": 1, "x": "first"}) is True
    assert await store.add("ledger", {"_id": 1, "x": "second"}) is False
    assert list(database["ledger"].find()) == [{"_id": 1, "x": "first"}]


async def test_newest_and_remove(store: Store) -> None:
    """The highest key, of none None; what is removed is gone."""
    assert await store.newest("ledger") is None
    for key in (9, 10, 2):
        await store.add("ledger", {"_id": key})
    assert await store.newest("ledger") == {"_id": 10}
    await store.remove("ledger", [10, 2])
    assert await store.newest("ledger") == {"_id": 9}
    assert await store.newest("ledger") is not None


async def test_define_view_twice(store: Store) -> None:
    """Created the first time, changed the second."""
    await store.add("ledger", {"_id": 1, "a": 2, "b": 3})
    for field in ("a", "b"):
        await store.define_view("flat", "ledger", [{"$project": {"_id": 0, "x": f"${field}"}}])
        rows = [row async for row in store.aggregate("flat", [])]
        assert rows == [{"x": {"a": 2, "b": 3}[field]}]


async def test_dates_come_back_aware(store: Store) -> None:
    """A date is in UTC and says so."""
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    await store.add("ledger", {"_id": 1, "at": moment})
    assert await store.newest("ledger") == {"_id": 1, "at": moment}
