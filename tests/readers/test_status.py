"""status: where every file is, and how old the newest numbers are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from multimarket_async.domains import Feed
from multimarket_async.landing import Landing
from multimarket_async.readers.status import status
from multimarket_async.store import GENERATIONS, Store

AS_OF = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def publish(database: "Database[Any]", number: int, as_of: datetime) -> None:
    database[GENERATIONS].insert_one(
        {"_id": Int64(number), "as_of": as_of, "computed_at": as_of + timedelta(seconds=2)}
    )


async def test_before_the_first_generation(store: Store) -> None:
    """It says so, and what to do."""
    found = await status([], store, AS_OF)
    assert found.generation is None
    assert "kpi refresh" in found.freshness()


async def test_the_age_is_that_of_the_data(store: Store, database: "Database[Any]") -> None:
    """Counted from as_of, not from when the computation ended; of the newest generation."""
    publish(database, 9, AS_OF - timedelta(days=1))
    publish(database, 10, AS_OF)
    found = await status([], store, AS_OF + timedelta(seconds=75.26))
    assert found.generation is not None
    assert (found.generation["number"], found.generation["as_of"]) == (10, "2026-05-20T12:00:00+00:00")
    assert found.generation["age_s"] == 75.3
    assert found.freshness() == "KPI generation 10 is as of 2026-05-20T12:00:00+00:00, 75 s ago."


async def test_every_channel_is_told(store: Store, tmp_path: Path) -> None:
    """In the order they are declared."""
    channels = [(Feed(name, "sales", lambda _: []), Landing(tmp_path, name)) for name in ("web", "shop")]
    for _, landing in channels:
        landing.prepare()
    await channels[1][1].deliver("1.json", b"{}")
    found = await status(channels, store, AS_OF)
    assert [(one.feed, one.waiting) for one in found.channels] == [("web", 0), ("shop", 1)]
