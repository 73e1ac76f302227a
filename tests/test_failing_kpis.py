"""A KPI that fails, and facts that fail: named with the reason, its last rows stale, and nothing else is affected."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.domains import Attribute, Column, Kpi, Listing, LoadedDomain, Rollup, Value
from multimarket_async.readers.changes import changes, history
from multimarket_async.readers.freshness import freshness
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Store
from multimarket_async.tasks import Tasks
from tests.test_snapshots import ALL, BY_SHOP, SALES, SUM, TOTAL, change, facts, kpi, ledger, sell, sold, unmeasured

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
PIECES = {"$toLong": "$pieces"}
SHARE = kpi(
    "share",
    ALL,
    "SELECT * FROM all_sold",
    SUM,
    {"$replaceWith": {"pieces": {"$toLong": {"$divide": [6, {"$subtract": ["$pieces", 2]}]}}}},
)
BY_ZERO = "can't $divide by zero"


class Time:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(now=lambda: NOW, monotonic=lambda: self.seconds)


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


def domain(*kpis: Kpi) -> LoadedDomain:
    return replace(SALES, kpis=kpis)


def many(name: str, rows: int) -> Kpi:
    """A KPI of so many rows of 29 bytes and their number as a key."""
    return kpi(
        name, ALL, SUM, {"$set": {"n": {"$range": [0, rows]}}}, {"$unwind": "$n"}, {"$replaceWith": {"pieces": PIECES}}
    )


def failed(generation: dict[str, Any]) -> dict[str, str]:
    return {name: kpi["error"] for name, kpi in generation["kpis"].items() if "error" in kpi}


async def test_a_kpi_that_divides_by_zero_is_named_and_the_others_are_published(
    store: Store, database: "Database[Any]"
) -> None:
    """Without rows, and its flat view has none."""
    sell(database, "Rabat", "Fès")
    generation = await Snapshotter([domain(TOTAL, SHARE, BY_SHOP)], store, Clock()).refresh()
    assert failed(generation) == {"share": BY_ZERO}
    assert generation["kpis"]["share"]["rows"] == list(database["kpi_share"].find()) == []
    assert generation["kpis"]["total"]["rows"] == [{"pieces": 2}]
    assert [row["shop"] for row in database["kpi_by_shop"].find()] == ["Fès", "Rabat"]
    assert unmeasured(database) == []
    assert (await freshness(store, NOW, 60.0)).failed == {"share": BY_ZERO}


async def test_a_failure_is_logged_once_for_each_reason_and_so_is_its_end(
    store: Store, database: "Database[Any]"
) -> None:
    """Each refresh tries again."""
    snapshotter = Snapshotter([domain(TOTAL, SHARE)], store, Clock())
    with capture_logs() as entries:
        for _ in range(2):
            sell(database, "Rabat")
            await snapshotter.refresh()
            await snapshotter.refresh()
        sell(database, "Rabat")
        await snapshotter.refresh()
    logged = [entry for entry in entries if entry["event"].startswith("kpi.")]
    facts = {"kpi": "share", "domain": "pieces"}
    assert logged == [
        {"event": "kpi.failed", "log_level": "error", **facts, "why": BY_ZERO},
        {"event": "kpi.resumed", "log_level": "info", **facts},
    ]
    assert [failed(generation) for generation in ledger(database)] == [{}, {"share": BY_ZERO}, {}]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"pieces": None}, "pieces of row 1 is null, declared as integer."),
        ({"pieces": 1.5}, "pieces of row 1 is float, declared as integer."),
        ({"other": 1}, "Row 1 has the columns other instead of pieces."),
        ({"pieces": {"$toLong": "Jane Doe"}}, "Failed to parse number '...' in $convert with no onError value"),
        ({"pieces": {"$nonsense": 1}}, "Unrecognized expression '$nonsense'"),
        ({"pieces": {"$dateFromParts": {"year": 9999, "month": 99}}}, "year 10007 is out of range"),
    ],
)
async def test_rows_that_cannot_be_published_fail_the_kpi(
    store: Store, database: "Database[Any]", value: Any, why: str
) -> None:
    """Of another shape than declared, or not to be computed at all."""
    wrong = replace(TOTAL, name="wrong", pipeline=({"$limit": 1}, {"$replaceWith": value}))
    sell(database, "Rabat")
    generation = await Snapshotter([domain(TOTAL, wrong)], store, Clock()).refresh()
    assert why in failed(generation)["wrong"]
    assert generation["kpis"]["total"]["rows"] == [{"pieces": 1}]


async def test_facts_that_fail_leave_their_kpis_out_and_their_partitions_unmeasured(  # noqa: PLR0915
    store: Store, database: "Database[Any]"
) -> None:
    """Another subject area is measured meanwhile; what comes after the repair is whole."""
    share = "CASE WHEN pieces = 0 THEN error('sold nothing') ELSE 2 / pieces END"
    fields = {**facts().fields, "pieces": Value("sold", "BIGINT")}
    of_returns = replace(facts("returns"), fields=fields, columns={"share": share})
    rollup = Rollup("returned", of_returns, "SELECT period, count(share) AS pieces FROM sold GROUP BY ALL")
    returns = LoadedDomain("returns", (), (kpi("returned", rollup, "SELECT sum(pieces) AS pieces FROM returned"),))
    time = Time()
    snapshotter = Snapshotter([SALES, returns], store, time.clock)
    database["returns"].insert_many([sold("Rabat") | {"sold": 0}, sold("Fès") | {"sold": 1}])
    sell(database, "Rabat")
    first = await snapshotter.refresh()
    assert "returns cannot be read: " in failed(first)["returned"]
    assert "sold nothing" in failed(first)["returned"]
    assert (list(failed(first)), first["documents"]) == (["returned"], {"pieces": 1})
    change(database, "Rabat", collection="returns")
    sell(database, "Rabat")
    await snapshotter.refresh_if_changed()
    assert [(item["_id"], item["documents"]) for item in ledger(database)] == [(1, {"pieces": 1}), (2, {"pieces": 2})]
    assert unmeasured(database) == ["returns Rabat"]
    database["returns"].update_many({}, {"$set": {"sold": 1}})
    await snapshotter.refresh_if_changed()
    assert len(ledger(database)) == 2
    time.seconds = 60.0
    await snapshotter.refresh_if_changed()
    last = ledger(database)[-1]
    assert (failed(last), last["documents"]) == ({}, {"pieces": 2, "returns": 2})
    assert last["kpis"]["returned"]["rows"] == [{"pieces": 2}]
    assert unmeasured(database) == []


async def test_what_failed_is_tried_again_though_nothing_has_changed(store: Store, database: "Database[Any]") -> None:
    """After a minute, then after two; an equal outcome is no new generation."""
    time, tried = Time(), []
    snapshotter = Snapshotter([domain(TOTAL, SHARE)], store, time.clock)
    sell(database, "Rabat", "Fès")
    await snapshotter.refresh()
    altered = f'UPDATE pieces."{ALL.key}" SET pieces = pieces + 1'  # by a hand that raises no version
    for seconds in (59.0, 60.0, 179.0, 180.0):
        time.seconds = seconds
        await snapshotter._copying.run(snapshotter._columnar._execute, altered)
        await snapshotter.refresh_if_changed()
        tried.append(len(ledger(database)))
    assert tried == [1, 2, 2, 2]


async def test_a_listing_that_cannot_be_indexed_stops_no_measuring(store: Store, database: "Database[Any]") -> None:
    """It is listed more slowly; the failure is logged and shown."""
    text = Column("at", "date", "When")
    listing = Listing("sales", "Sales", "sales", Attribute(text, "at.$wrong"), ())
    tasks = Tasks(Clock())
    sell(database, "Rabat")
    with capture_logs() as entries:
        generation = await Snapshotter([replace(SALES, listings=(listing,))], store, Clock(), tasks=tasks).refresh()
    assert generation["kpis"]["total"]["rows"] == [{"pieces": 1}]
    assert list(tasks.failing) == ["index of sales", "view list_sales"]
    assert [entry["task"] for entry in entries if entry["event"] == "task.failed"] == [*tasks.failing]


async def test_history_and_diff_pass_over_a_kpi_that_failed(store: Store, database: "Database[Any]") -> None:
    """Its rows stay those of the first, and are marked; they are no step, and no row of the history view."""
    snapshotter = Snapshotter([domain(TOTAL, SHARE)], store, Clock())
    for _ in range(3):
        sell(database, "Rabat")
        await snapshotter.refresh()
    assert [(step.generation, step.value) async for step in history(store, SHARE, "pieces")] == [(1, -6), (3, 6)]
    first, second, third = ledger(database)
    assert (second["kpis"]["share"]["rows"], second["kpis"]["share"]["stale_since"]) == (
        [{"pieces": -6}],
        first["as_of"],
    )
    assert "stale_since" not in third["kpis"]["share"]
    for before, after in ((first, second), (second, third)):
        assert [change async for change in changes(store, SHARE, before, after)] == []
    assert [row["generation"] for row in database["kpi_share_history"].find()] == [1, 3]
    assert database[GENERATIONS].count_documents({}) == 3


async def test_a_sum_beyond_64_bits_fails_its_kpi(store: Store, database: "Database[Any]") -> None:
    """Amounts that others deliver add up without a bound."""
    sell(database, "Rabat")
    large = replace(TOTAL, name="large", pipeline=(), query="SELECT 9223372036854775807::HUGEINT + 1 AS pieces")
    least = replace(TOTAL, name="least", pipeline=(), query="SELECT (-9223372036854775808)::HUGEINT AS pieces")
    generation = await Snapshotter([domain(TOTAL, large, least)], store, Clock()).refresh()
    assert failed(generation) == {"large": "pieces of row 1 is 9223372036854775808, which takes more than 64 bits."}
    assert generation["kpis"]["least"]["rows"] == [{"pieces": -(1 << 63)}]
