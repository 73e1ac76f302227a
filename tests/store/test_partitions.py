"""Versions of partitions, on a real MongoDB; and the partitions that a process fills."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.errors import Unavailable
from multimarket_async.store import PARTITION_DOCUMENTS, Filling, Partitions, Store

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW
        self.clock = Clock(now=lambda: self.now)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def partitions(mongo_uri: str, database: Database[Any], time: Time) -> AsyncIterator[Partitions]:
    store = Store(mongo_uri, database.name)
    yield Partitions(store, time.clock)
    await store.aclose()


async def majority_has_all(partitions: Partitions) -> None:
    """Wait for a durable write: what was written before it, and not awaited, is read from then on."""
    async with partitions.around("visits", ["durable"]):
        pass


async def test_a_version_rises_before_a_write_and_after_it(partitions: Partitions) -> None:
    """So what a reader has is older than its version, or the version rises again."""
    async with partitions.around("sales", ["b", None, "b"]) as changed:
        await majority_has_all(partitions)
        assert await partitions.versions("sales") == {"b": 1, None: 1}
        changed.add("found")
    assert await partitions.versions("sales") == {"b": 2, None: 2, "found": 1}


async def test_a_write_that_fails_was_announced(partitions: Partitions) -> None:
    """Its outcome is unknown."""
    with pytest.raises(Unavailable):
        async with partitions.around("sales", ["a"]):
            raise Unavailable("planted")
    await majority_has_all(partitions)
    assert await partitions.versions("sales") == {"a": 1}
    assert await partitions.any(["visits"])


async def test_versions_are_those_of_one_collection(partitions: Partitions) -> None:
    """Whatever the other names begin with."""
    for collection in ("sales", "sales_lines", "sale", "sales "):
        async with partitions.around(collection, [f"of {collection}"]):
            pass
    assert await partitions.versions("sales") == {"of sales": 2}
    assert await partitions.versions("nothing") == {}


async def test_pending_partitions_are_in_the_order_of_their_first_change(partitions: Partitions, time: Time) -> None:
    """`since` stays what it was when a partition changes again."""
    for name in ("late", "early"):
        time.now += timedelta(seconds=-1)
        async with partitions.around("sales", [name]):
            pass
    time.now = NOW
    async with partitions.around("sales", ["early"]):
        pass
    pending = await partitions.pending()
    assert [(item.partition, item.version) for item in pending] == [("early", 4), ("late", 2)]
    assert [item.since for item in pending] == [NOW - timedelta(seconds=2), NOW - timedelta(seconds=1)]


async def test_other_collections_than_these(partitions: Partitions) -> None:
    async with partitions.around("sales", ["a"]), partitions.around("visits", ["b"]):
        pass
    assert [item.partition for item in await partitions.pending(["visits"])] == ["a"]
    assert not await partitions.any(["visits", "sales"])
    assert await partitions.any(["visits"])


async def test_a_partition_is_measured_if_its_version_still_is_the_one_that_was(
    partitions: Partitions, time: Time
) -> None:
    """And is not measured from its next change on, with the time of that."""
    async with partitions.around("sales", ["a", "b"]):
        pass
    measured = await partitions.pending()
    async with partitions.around("sales", ["b"]):
        pass
    await partitions.clear(measured)
    assert [item.partition for item in await partitions.pending()] == ["b"]
    assert await partitions.versions("sales") == {"a": 2, "b": 4}
    time.now += timedelta(hours=1)
    async with partitions.around("sales", ["a"]):
        pass
    assert [(item.partition, item.since) for item in await partitions.pending()][-1] == ("a", time.now)
    await partitions.clear([])


async def test_a_partition_that_changes_all_the_time_waits_since_it_was_measured(
    partitions: Partitions, time: Time
) -> None:
    """Or numbers would be called stale while the collector is busy, however often they are measured."""
    for minute in range(3):
        time.now = NOW + timedelta(minutes=minute)
        async with partitions.around("sales", ["a"]):
            measured = await partitions.pending()
        await partitions.clear(measured)
        assert [item.since for item in await partitions.pending()] == [time.now]
    await partitions.clear(await partitions.pending())
    await partitions.clear(measured)
    assert not await partitions.any()


async def test_partitions_whose_documents_end_are_known_until_they_have_ended(partitions: Partitions) -> None:
    """Nothing else names them afterwards, also where they were measured meanwhile."""
    with pytest.raises(Unavailable):
        async with partitions.around_ending("prices", ["a"]):
            raise Unavailable("planted")
    await majority_has_all(partitions)
    await partitions.clear(await partitions.pending())
    assert await partitions.left_ending("prices") == {"a"}
    async with partitions.around_ending("prices", ["a", "b"]):
        pass
    assert await partitions.versions("prices") == {"a": 3, "b": 2}
    assert await partitions.left_ending("prices") == set()


async def test_an_index_finds_those_that_are_not_measured(partitions: Partitions, database: Database[Any]) -> None:
    """However many there are."""
    await partitions.prepare()
    query = database["kpi_partition_versions"].find({"since": {"$exists": True}}).sort("since", 1)
    plan = query.explain()["queryPlanner"]["winningPlan"]
    assert "IXSCAN" in str(plan)
    assert "since_1" in str(plan)


async def test_versions_are_read_from_the_primary(mongo_uri: str, database: Database[Any]) -> None:
    """A URI that prefers others changes nothing; here there is no other server."""
    address, _, options = mongo_uri.partition("?")
    kept = [option for option in options.split("&") if option and not option.startswith("directConnection")]
    name = database.client.admin.command("hello")["setName"]
    uri = "?".join([address, "&".join([*kept, f"replicaSet={name}", "readPreference=secondary"])])
    async with aclosing(Store(uri, database.name)) as store:
        assert await Partitions(store, Clock()).versions("sales") == {}


# --- filling -----------------------------------------------------------------------------------


def test_a_partition_is_filled_and_then_the_next_one() -> None:
    """Of each collection its own; their names begin with the time."""
    filling = Filling(Clock(now=lambda: NOW))
    names = [filling.reserve("sales") for _ in range(PARTITION_DOCUMENTS + 1)]
    assert (len(set(names)), names[0], names[-2] == names[0]) == (2, names[0], True)
    assert filling.reserve("visits") not in names
    assert names[0].startswith("20260520T120000-")


def test_two_processes_fill_different_partitions() -> None:
    clock = Clock(now=lambda: NOW)
    assert Filling(clock).reserve("sales") != Filling(clock).reserve("sales")


def test_what_is_given_back_is_filled_by_others() -> None:
    """As long as the partition is not left."""
    filling, half = Filling(Clock()), PARTITION_DOCUMENTS // 2
    first = filling.reserve("sales", half)
    filling.give_back("sales", first, half - 1)
    assert [filling.reserve("sales", half), filling.reserve("sales", half - 1)] == [first, first]
    second = filling.reserve("sales")
    assert second != first
    filling.give_back("sales", first, half)
    assert filling.reserve("sales", PARTITION_DOCUMENTS - 1) == second
    assert filling.reserve("sales") != second


def test_threads_never_fill_a_partition_beyond_its_bound() -> None:
    filling = Filling(Clock())
    with ThreadPoolExecutor(4) as threads:
        names = list(threads.map(lambda _: filling.reserve("sales", 7), range(4_000)))
    assert max(names.count(name) for name in set(names)) <= PARTITION_DOCUMENTS // 7
