"""The ledger: generations with rows of any number, published whole or not at all, and nothing left beside them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from multimarket_async import generations
from multimarket_async.clock import Clock
from multimarket_async.domains import Column, Kpi, LoadedDomain
from multimarket_async.errors import Unavailable
from multimarket_async.generations import NotKept
from multimarket_async.readers import changes
from multimarket_async.readers.changes import Step
from multimarket_async.settings import Settings
from multimarket_async.snapshots import Snapshotter
from multimarket_async.snapshots.generations import content
from multimarket_async.snapshots.ledger import Ledger
from multimarket_async.store import GENERATIONS, ROWS, Store

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
FOR_EVER = Settings.model_validate({})
COLUMNS = (Column("shop", "string", "Shop"), Column("pieces", "integer", "Pieces"))
SHORT, LONG = (Kpi(name, name, "pieces", "Pieces.", (), COLUMNS, "") for name in ("short", "long"))
MANY = 200_000


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    """With the views and indexes of two KPIs."""
    opened = Store(mongo_uri, database.name)
    await Snapshotter([LoadedDomain("pieces", (), (SHORT, LONG))], opened, Clock())._prepare()
    yield opened
    await opened.aclose()


def rows(count: int, *, first: int = 0, pieces: int = 1) -> list[dict[str, Any]]:
    return [{"shop": f"shop {number:06}", "pieces": Int64(pieces)} for number in range(first, first + count)]


def generation(number: int, *, short: int = 1, **long: Any) -> dict[str, Any]:
    """With rows of both KPIs, at so many hours."""
    tables = {"short": rows(short), "long": rows(**{"count": 5000, **long})}
    kpis = {name: {"title": name, "unit": "pieces", "rows": table} for name, table in tables.items()}
    at = NOW + timedelta(hours=number)
    return {"_id": Int64(number), "definition": "d", "as_of": at, "computed_at": at, "kpis": kpis}


async def published(store: Store, *given: dict[str, Any]) -> list[dict[str, Any]]:
    """These generations, as they are stored."""
    for each in given:
        assert await Ledger(store).publish(each, await store.newest(GENERATIONS))
    return [document async for document in store.aggregate(GENERATIONS, [{"$sort": {"_id": 1}}])]


def tables(database: "Database[Any]") -> set[str]:
    return set(database[ROWS].distinct("table"))


# --- publishing -----------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_kpi_of_200_000_rows(store: Store, database: "Database[Any]") -> None:
    """Published, read by its view and by readers, pruned; no document is large."""
    [stored] = await published(store, generation(1, count=MANY))
    entry = stored["kpis"]["long"]
    assert (entry["rows"], entry["count"], type(database[GENERATIONS].find_one()["kpis"]["long"]["count"])) == (
        [],
        MANY,
        Int64,
    )
    assert stored["kpis"]["short"] == {"title": "short", "unit": "pieces", "rows": rows(1)}
    sizes = [size["bytes"] for size in database[ROWS].aggregate([{"$project": {"bytes": {"$bsonSize": "$$ROOT"}}}])]
    assert len(sizes) > 5
    assert max(sizes) < 1_500_000
    seen = list(database["kpi_long"].find())
    assert [row["shop"] for row in seen] == [row["shop"] for row in rows(MANY)]
    assert seen[-1] == rows(MANY)[-1] | {
        "generation": 1,
        "computed_at": stored["computed_at"].replace(tzinfo=None),
        "as_of": stored["as_of"].replace(tzinfo=None),
    }
    assert [row["generation"] for row in database["kpi_short"].find()] == [1]
    assert await generations.rows(store, LONG, stored) == rows(MANY)
    assert [len(chunk) for chunk in [chunk async for chunk in generations.chunks(store, SHORT, stored)]] == [1]
    await published(store, generation(2))
    year = NOW + timedelta(days=365)
    await Ledger(store).prune(year, FOR_EVER)
    assert tables(database) == {database[GENERATIONS].find_one()["kpis"]["long"]["rows_in"]}


async def test_equal_rows_are_not_written_again(store: Store, database: "Database[Any]") -> None:
    """The later generation refers to those of the one before, as long as they are equal."""
    first, second, third = await published(store, generation(1), generation(2, short=2), generation(3, pieces=2))
    names = [each["kpis"]["long"]["rows_in"] for each in (first, second, third)]
    assert names[0] == names[1] != names[2]
    assert tables(database) == {names[0], names[2]}
    assert await generations.rows(store, LONG, second) == rows(5000)
    assert [row["pieces"] for row in database["kpi_long_history"].find()] == [1] * 10_000 + [2] * 5000


async def test_content_is_the_same_wherever_rows_are_stored(store: Store) -> None:
    """Else an equal generation would be published at each look."""
    [stored] = await published(store, generation(1))
    assert content(stored) == content(generation(2))
    assert content(stored) != content(generation(2, first=1))
    assert content(stored) != content(generation(2, short=2))


async def test_the_schema_is_that_of_short_tables_and_of_references(store: Store, database: "Database[Any]") -> None:
    """MongoDB refuses other fields and types."""
    [stored] = await published(store, generation(1))
    definition = database[GENERATIONS].options()["validator"]["$jsonSchema"]["anyOf"][0]["properties"]["definition"]
    whole = {**stored, "definition": definition["enum"][0], "documents": {}}
    database[GENERATIONS].insert_one({**whole, "_id": Int64(2)})
    whole["kpis"]["long"]["count"] = 5000
    with pytest.raises(Exception, match="failed validation"):
        database[GENERATIONS].insert_one({**whole, "_id": Int64(3)})


# --- whole or not at all --------------------------------------------------------------------


async def test_a_lost_race_leaves_no_rows(store: Store, database: "Database[Any]") -> None:
    """The number was taken meanwhile; the rows of the winner stay."""
    [stored] = await published(store, generation(1))
    assert not await Ledger(store).publish(generation(1, pieces=2), None)
    assert tables(database) == {stored["kpis"]["long"]["rows_in"]}
    assert await generations.rows(store, LONG, stored) == rows(5000)


async def test_two_publishers_of_one_number(store: Store, database: "Database[Any]") -> None:
    """One of them wins, with all its rows."""
    won = await asyncio.gather(*(Ledger(store).publish(generation(1, pieces=n), None) for n in range(5)))
    assert won.count(True) == 1
    stored = await generations.generation(store)
    assert tables(database) == {stored["kpis"]["long"]["rows_in"]}
    assert await generations.rows(store, LONG, stored) == rows(5000, pieces=won.index(True))


class Dying(Store):
    """Dies at the write of a generation; before, its rows have been written."""

    async def insert_if_absent(self, collection: str, document: dict[str, Any]) -> bool:
        if collection == GENERATIONS:
            raise Unavailable("killed")
        return await super().insert_if_absent(collection, document)


async def test_a_death_between_rows_and_generation(mongo_uri: str, store: Store, database: "Database[Any]") -> None:
    """Nobody sees the rows; they are removed once their number is taken, and not before: it may be only slow."""
    await published(store, generation(1))
    dying = Dying(mongo_uri, database.name)
    with pytest.raises(Unavailable):
        await Ledger(dying).publish(generation(2, pieces=2), None)
    await dying.aclose()
    assert {row["pieces"] for row in database["kpi_long"].find()} == {1}
    await Ledger(store).prune(NOW, FOR_EVER)
    assert len(tables(database)) == 2
    stored = await published(store, generation(2, short=3))
    await Ledger(store).prune(NOW, FOR_EVER)
    assert tables(database) == {stored[0]["kpis"]["long"]["rows_in"]}


async def test_rows_stay_as_long_as_a_generation_refers_to_them(store: Store, database: "Database[Any]") -> None:
    """Written for one that is pruned, taken over by one that is kept."""
    await published(store, generation(1), generation(2, short=2))
    await Ledger(store).prune(NOW + timedelta(days=365), FOR_EVER)
    [kept] = list(database[GENERATIONS].find())
    assert kept["_id"] == 2
    assert await generations.rows(store, LONG, kept) == rows(5000)


async def test_rows_that_were_pruned_meanwhile_are_not_half_an_answer(store: Store, database: "Database[Any]") -> None:
    """A reader that has read the generation before is told so."""
    [stored] = await published(store, generation(1, count=MANY // 4))
    database[ROWS].delete_one({"chunk": 1})
    with pytest.raises(NotKept, match="not kept any more"):
        await generations.rows(store, LONG, stored)


# --- history and diff -----------------------------------------------------------------------


async def test_history_over_short_and_long_tables(store: Store) -> None:
    """A table that becomes long, and one that is referred to again, are no change by themselves."""
    given = generation(1, count=2), generation(2), generation(3, short=2), generation(4, count=4999)
    stored = await published(store, *given)
    steps = [step async for step in changes.history(store, LONG, "pieces")]
    at = [each["as_of"] for each in stored]
    assert steps[:2] == [Step(1, at[0], (f"shop 00000{number}",), 1) for number in range(2)]
    assert [step.generation for step in steps[2:-1]] == [2] * 4998
    assert steps[-1] == Step(4, at[3], ("shop 004999",), None)


async def test_diff_over_short_and_long_tables(store: Store) -> None:
    """In the order of the later generation, then what it lacks."""
    short, long, other = await published(store, generation(1, count=2), generation(2), generation(3, first=1, pieces=1))

    async def keys(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        return [change.key[0] async for change in changes.changes(store, LONG, before, after)]

    assert await keys(short, long) == [row["shop"] for row in rows(4998, first=2)]
    assert await keys(long, other) == ["shop 005000", "shop 000000"]
    assert await keys(long, long) == []


# --- a KPI that fails -----------------------------------------------------------------------


@pytest.mark.parametrize("kpi", [SHORT, LONG])
async def test_a_kpi_that_fails_keeps_the_rows_it_had(store: Store, database: "Database[Any]", kpi: Kpi) -> None:
    """They are marked, through any number of generations, and written once."""
    [first] = await published(store, generation(1))
    later = [generation(2, short=2, pieces=2), generation(3, short=2, pieces=2)]
    for each in later:
        newest = await store.newest(GENERATIONS)
        each["kpis"][kpi.name] = await Ledger(store).entry_of_failed(kpi, "broken", newest)
        await published(store, each)
    for stored in await published(store):
        assert await generations.rows(store, kpi, stored) == await generations.rows(store, kpi, first)
    last = await generations.generation(store)
    assert generations.errors(last) == {kpi.name: "broken"}
    assert generations.stale(last) == {kpi.name: first["as_of"]}
    row = database[f"kpi_{kpi.name}"].find_one()
    assert (row["generation"], row["as_of"]) == (3, first["as_of"].replace(tzinfo=None))
    assert set(database[f"kpi_{kpi.name}_history"].distinct("generation")) == {1}


async def test_a_kpi_that_never_worked_has_no_rows(store: Store) -> None:
    """Nor one whose columns were others when it did."""
    never = {"title": "short", "unit": "pieces", "rows": [], "error": "broken"}
    assert await Ledger(store).entry_of_failed(SHORT, "broken", None) == never
    first, _ = await published(store, generation(1), {**generation(2), "kpis": {"short": never}})
    assert await Ledger(store).entry_of_failed(SHORT, "broken", await store.newest(GENERATIONS)) == never
    wider = replace(LONG, columns=(*COLUMNS, Column("month", "string", "Month")))
    assert (await Ledger(store).entry_of_failed(wider, "broken", first))["rows"] == []
    assert "rows_in" not in await Ledger(store).entry_of_failed(wider, "broken", first)
