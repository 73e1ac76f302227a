"""The stored generations: one of them, their history, their changes, their freshness."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from multimarket_async.domains import Column, Kpi
from multimarket_async.errors import CannotContinue
from multimarket_async.generations import generation
from multimarket_async.readers.changes import Change, Entered, Step, changes, entered, history
from multimarket_async.readers.freshness import KpiFreshness, freshness
from multimarket_async.store import GENERATIONS, Store
from multimarket_async.store.partitions import VERSIONS

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
COLUMNS = (Column("shop", "string", "Shop"), Column("pieces", "integer", "Pieces"))
BY_SHOP = Kpi("by_shop", "By shop", "pieces", "Pieces.", (), COLUMNS, "")


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def one(number: int, **shops: int) -> dict[str, Any]:
    rows = [{"shop": shop, "pieces": pieces} for shop, pieces in shops.items()]
    return {"_id": Int64(number), "as_of": NOW + timedelta(hours=number), "kpis": {"by_shop": {"rows": rows}}}


async def test_a_generation_by_number_by_time_or_the_newest(store: Store, database: "Database[Any]") -> None:
    """At a time: the newest that was there then."""
    database[GENERATIONS].insert_many([one(1), one(2), one(10)])
    found = [
        await generation(store),
        await generation(store, number=2),
        await generation(store, at=NOW + timedelta(hours=9, minutes=59)),
        await generation(store, at=NOW + timedelta(hours=10)),
    ]
    assert [each["_id"] for each in found] == [10, 2, 2, 10]


@pytest.mark.parametrize("wanted", [{}, {"number": 3}, {"at": NOW}])
async def test_no_such_generation_is_said(store: Store, database: "Database[Any]", wanted: dict[str, Any]) -> None:
    """Nothing measured, a number that is not kept, a time before the first."""
    if wanted:
        database[GENERATIONS].insert_one(one(1))
    with pytest.raises(CannotContinue):
        await generation(store, **wanted)


async def test_history_tells_each_change_of_each_row(store: Store, database: "Database[Any]") -> None:
    """New, grown and gone rows; an unchanged row has no step."""
    database[GENERATIONS].insert_many([one(1, a=1, b=1), one(2, a=2, b=1), one(3, b=1)])
    assert [step async for step in history(store, BY_SHOP, "pieces")] == [
        Step(1, NOW + timedelta(hours=1), ("a",), 1),
        Step(1, NOW + timedelta(hours=1), ("b",), 1),
        Step(2, NOW + timedelta(hours=2), ("a",), 2),
        Step(3, NOW + timedelta(hours=3), ("a",), None),
    ]


async def test_changes_row_by_row(store: Store) -> None:
    """Changed, new, gone."""
    before, after = one(1, a=1, b=1, c=1), one(2, a=1, b=5, d=2)
    found = [change async for change in changes(store, BY_SHOP, before, after)]
    assert [change.key for change in found] == [("b",), ("d",), ("c",)]
    assert (found[0].before, found[0].after) == ({"shop": "b", "pieces": 1}, {"shop": "b", "pieces": 5})
    assert found[2] == Change("by_shop", ("c",), {"shop": "c", "pieces": 1}, None)


async def test_what_came_in_between(store: Store, database: "Database[Any]") -> None:
    """After the first, until the second; the first keys are named."""
    sales = [{"_id": f"{hour:02}", "ingestion": {"ingested_at": NOW + timedelta(hours=hour)}} for hour in range(30)]
    database["sales"].insert_many(sales)
    found = await entered(store, ["sales"], one(1), one(25))
    assert found == Entered(24, [f"{hour:02}" for hour in range(2, 22)])


async def test_what_came_into_all_tables_of_a_domain(store: Store, database: "Database[Any]") -> None:
    """Together, by key."""
    for table, hour in (("sales", 2), ("visits", 3), ("visits", 1)):
        at = NOW + timedelta(hours=2)
        database[table].insert_one({"_id": f"{hour:02}", "ingestion": {"ingested_at": at}})
    assert await entered(store, ["sales", "visits"], one(1), one(25)) == Entered(3, ["01", "02", "03"])
    assert await entered(store, [], one(1), one(25)) == Entered(0, [])


# --- Freshness: old is not stale ----------------------------------------------------


def publish(database: "Database[Any]", as_of: datetime) -> None:
    facts = {"newest_event": as_of, "seconds": 0.5, "definition": "d", "quarantined": Int64(2), "drift": Int64(0)}
    database[GENERATIONS].insert_one({"_id": Int64(7), "as_of": as_of, "computed_at": as_of, "kpis": {}, **facts})


def change(database: "Database[Any]", at: datetime) -> None:
    database[VERSIONS].insert_one({"collection": "c", "partition": "p", "version": Int64(2), "since": at})


async def test_before_the_first_generation_there_is_nothing_to_tell(store: Store) -> None:
    """Not even an age."""
    assert await freshness(store, NOW, 60) == KpiFreshness()


async def test_a_quiet_night_makes_numbers_old_and_not_stale(store: Store, database: "Database[Any]") -> None:
    """Nothing waits to be measured."""
    publish(database, NOW - timedelta(hours=9))
    then = NOW - timedelta(hours=9)
    assert await freshness(store, NOW, 60) == KpiFreshness(
        generation=7, as_of=then, age_s=32400.0, newest_event=then, behind_s=0.0, stale=False, drift=0
    )


@pytest.mark.parametrize(("waited_s", "stale"), [(59, False), (60, False), (61, True)])
async def test_orders_that_wait_to_be_measured_make_them_stale(
    store: Store, database: "Database[Any]", waited_s: int, stale: bool
) -> None:
    """The one that waits longest counts."""
    publish(database, NOW - timedelta(seconds=61))
    change(database, NOW)
    change(database, NOW - timedelta(seconds=waited_s))
    found = await freshness(store, NOW, 60)
    assert (found.behind_s, found.stale) == (waited_s, stale)
