"""How old the newest numbers are: old is not stale."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from multimarket_async.readers.freshness import freshness
from multimarket_async.store import GENERATIONS, Store
from multimarket_async.store.dirty import DIRTY

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def publish(database: "Database[Any]", as_of: datetime) -> None:
    facts = {"newest_event": as_of, "seconds": 0.5, "definition": "d", "quarantined": Int64(2), "drift": Int64(0)}
    database[GENERATIONS].insert_one({"_id": Int64(7), "as_of": as_of, "computed_at": as_of, **facts})


def touch(database: "Database[Any]", at: datetime) -> None:
    database[DIRTY].insert_one({"collection": "c", "partitions": ["p"], "done": True, "at": at})


async def test_before_the_first_generation_there_is_nothing_to_tell(store: Store) -> None:
    """Not even an age."""
    assert await freshness(store, NOW, 60) is None


async def test_a_quiet_night_makes_numbers_old_and_not_stale(store: Store, database: "Database[Any]") -> None:
    """Nothing waits to be measured."""
    publish(database, NOW - timedelta(hours=9))
    assert await freshness(store, NOW, 60) == {
        "number": 7,
        "as_of": "2026-05-20T03:00:00+00:00",
        "age_s": 32400.0,
        "newest_event": "2026-05-20T03:00:00+00:00",
        "seconds": 0.5,
        "definition": "d",
        "quarantined": 2,
        "drift": 0,
        "behind_s": 0.0,
        "stale": False,
    }


@pytest.mark.parametrize(("waited_s", "stale"), [(59, False), (60, False), (61, True)])
async def test_orders_that_wait_to_be_measured_make_them_stale(
    store: Store, database: "Database[Any]", waited_s: int, stale: bool
) -> None:
    """The one that waits longest counts."""
    publish(database, NOW - timedelta(seconds=61))
    touch(database, NOW)
    touch(database, NOW - timedelta(seconds=waited_s))
    found = await freshness(store, NOW, 60)
    assert found is not None
    assert (found["behind_s"], found["stale"]) == (waited_s, stale)
