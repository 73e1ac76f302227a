"""The status: the files of each feed, and the age of the newest generation."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from multimarket_async.domains import Answer, Feed, Http, Poll, Table
from multimarket_async.landing import Landing
from multimarket_async.polling import PollState, poll_file
from multimarket_async.readers.refusals import refusal
from multimarket_async.readers.status import StatusResponse, read_status
from multimarket_async.settings import Settings
from multimarket_async.store import GENERATIONS, Store

AS_OF = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def publish(database: "Database[Any]", number: int, as_of: datetime) -> None:
    database[GENERATIONS].insert_one(
        {"_id": Int64(number), "as_of": as_of, "computed_at": as_of + timedelta(seconds=2), "kpis": {}}
    )


@pytest.fixture
def read(store: Store, tmp_path: Path) -> Any:
    """Reads the status of these feeds at a time."""

    async def at(now: datetime, *feeds: tuple[Feed, Landing]) -> StatusResponse:
        return await read_status(feeds, store, Settings(data_dir=tmp_path), now, tmp_path / "latency.json")

    return at


async def test_before_the_first_generation(read: Any) -> None:
    """It says so, and what to do."""
    status = await read(AS_OF)
    assert status.kpi.generation is None
    assert "kpi refresh" in status.freshness()


async def test_the_age_is_that_of_the_data(read: Any, database: "Database[Any]") -> None:
    """Counted from as_of, not from when the computation ended; of the newest generation."""
    publish(database, 9, AS_OF - timedelta(days=1))
    publish(database, 10, AS_OF)
    status = await read(AS_OF + timedelta(seconds=75.26))
    assert (status.kpi.generation, status.kpi.as_of, status.kpi.age_s) == (10, AS_OF, 75.3)
    assert status.freshness() == "KPI generation 10 is as of 2026-05-20 12:00:00 UTC, 75 s ago."


async def test_a_polled_source_is_shown_as_its_last_poll_left_it(read: Any, tmp_path: Path) -> None:
    """Never asked, ok, failing, and with nobody to ask it."""

    async def fetch(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        yield Answer("answer", b"{}")

    feed = Feed("weather", Table("weather"), lambda _: [], poll=Poll(60, fetch))
    landing = Landing(tmp_path, feed.name, feed.suffixes)
    landing.prepare()
    file = poll_file(tmp_path, feed.name)
    file.parent.mkdir()
    hour = timedelta(hours=1)
    known = PollState(answered_at=AS_OF, changed_at=AS_OF - hour, next_at=AS_OF + hour)
    away = known.model_copy(update={"failures": 2, "failing_since": AS_OF + hour / 2, "why": "it is away"})
    for state, now, shown in (
        (PollState(), AS_OF, "never asked"),
        (known, AS_OF, "ok"),
        (known, AS_OF + 2 * hour, "overdue"),
        (away, AS_OF, "failing"),
    ):
        file.write_text(state.model_dump_json())
        [source] = (await read(now, (feed, landing))).polls
        assert (source.feed, source.state) == ("weather", shown)
        facts = {"answered_at", "changed_at", "next_at", "failing_since", "why"}
        assert source.model_dump(include=facts) == state.model_dump(include=facts)


async def test_every_feed_is_shown(read: Any, tmp_path: Path) -> None:
    """In the order of their declaration."""
    feeds = [(Feed(name, Table("sales"), lambda _: []), Landing(tmp_path, name)) for name in ("web", "shop")]
    for _, landing in feeds:
        landing.prepare()
    await feeds[1][1].deliver("1.json", b"{}")
    status = await read(AS_OF, *feeds)
    assert [(feed.feed, feed.waiting, feed.received) for feed in status.feeds] == [("web", 0, 0), ("shop", 1, 1)]
    assert [(feed.unknown, feed.unknown_example) for feed in status.feeds] == [(0, None), (0, None)]
    assert status.conservation.model_dump() == {
        "holds": True,
        "sum": {"received": 1, "waiting": 1, "stored": 0, "duplicate": 0, "superseded": 0, "quarantined": 0},
    }


async def test_files_of_another_kind_are_no_part_of_the_sum(read: Any, tmp_path: Path) -> None:
    """They are counted for themselves, with the name of one of them."""
    feed, landing = Feed("web", Table("sales"), lambda _: []), Landing(tmp_path, "web")
    landing.prepare()
    for name in ("1.json", "b.txt", "a.txt"):
        (landing.sources / name).touch()
    status = await read(AS_OF, (feed, landing))
    [found] = status.feeds
    assert (found.received, found.waiting, found.unknown, found.unknown_example) == (1, 1, 2, "a.txt")


@pytest.mark.parametrize(
    ("places", "stored", "said"),
    [
        ({("missing_field", "/order_id"): 449}, 0, "449 of 449 files lack order_id"),
        ({("missing_field", "/order_id"): 12, ("conflict", ""): 3}, 5, "12 of 20 files lack order_id"),
        ({("wrong_type", "/produits"): 10}, 2, r"10 of 12 files are refused alike \(wrong_type at /produits\)"),
        ({("truncated", ""): 10}, 0, r"10 of 10 files are refused alike \(truncated\)"),
    ],
)
def test_most_files_refused_alike_are_one_sentence(places: Any, stored: int, said: str) -> None:
    found = refusal(Counter(places), stored)
    assert found is not None
    assert re.fullmatch(rf"{said}: they look like another format; try `formats suggest`\.", found.sentence())


@pytest.mark.parametrize(("files", "stored"), [(9, 0), (10, 10), (0, 0)])
def test_few_files_refused_alike_are_no_sentence(files: int, stored: int) -> None:
    assert refusal(Counter({("missing_field", "/order_id"): files}), stored) is None
