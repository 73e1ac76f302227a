"""The columnar copy: as the stored documents are, whatever was written to them, and by whom."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest
from bson import ObjectId
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.columnar.copy import Columnar
from multimarket_async.columnar.copying import Copying
from multimarket_async.domains import Facts, Kpi, LoadedDomain, Rollup, Value
from multimarket_async.errors import OperationFailed
from multimarket_async.store import PLACEHOLDER_PARTITION, Partitions, Store

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SHOPS = ("Fès", "Rabat", "Salé")
FACTS = Facts(
    "sold",
    "sales",
    {"at": Value("at", "TIMESTAMP"), "shop": Value("shop", "VARCHAR"), "pieces": Value("lines.pieces", "BIGINT[]")},
    columns={"sum": "list_sum(pieces)"},
    event="at",
    period="strftime(local, '%Y-%m')",
)
MONTHS = Rollup(
    "months",
    FACTS,
    """SELECT period, shop, count(*) AS sales, sum(sum)::BIGINT AS pieces, min(sum) AS least, max(sum) AS most,
      arg_max(_id, ("at", _id)) AS last FROM sold GROUP BY ALL""",
)
SALES = Kpi("sales", "Sales", "", "Sales.", (MONTHS,), (), "SELECT * FROM months ORDER BY period, shop")


class World:
    """A store, and its copy in a file."""

    def __init__(self, store: Store, path: Path | None, *kpis: Kpi, timezone: str = "UTC") -> None:
        self.domain = LoadedDomain("shops", (), kpis or (SALES,), timezone=timezone)
        self.store = store
        self.partitions = Partitions(store, Clock())
        self.columnar = Columnar([self.domain], path)
        self.copying = Copying(store, self.partitions, self.columnar)

    async def rows(self, *, from_scratch: bool = False) -> list[dict[str, Any]]:
        """The rows of the first KPI, brought up to date."""
        for facts in self.domain.facts:
            if from_scratch:
                assert await self.copying.rebuild(facts, lambda *_: None) == []
            else:
                await self.copying.refresh(facts, lambda *_: None)
            assert await self.copying.run(self.columnar.roll_up, facts) == {}
        return await self.copying.run(self.columnar.rows, self.domain, self.domain.kpis[0])


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    opened = Store(mongo_uri, database.name)
    yield opened
    await opened.aclose()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "facts.duckdb")


def sale(key: str, partition: str, draw: random.Random) -> dict[str, Any]:
    lines = [{"pieces": draw.randint(1, 9)} for _ in range(draw.randint(1, 3))]
    at = FIRST + timedelta(days=draw.randrange(90), seconds=draw.randrange(86_400))
    return {"_id": key, "shop": draw.choice(SHOPS), "at": at, "lines": lines, "ingestion": source(partition)}


def source(partition: str) -> dict[str, Any]:
    return {"partition": partition, "ingested_at": FIRST}


async def write(world: World, database: "Database[Any]", *documents: dict[str, Any]) -> None:
    async with world.partitions.around("sales", {document["ingestion"]["partition"] for document in documents}):
        for document in documents:
            database["sales"].replace_one({"_id": document["_id"]}, document, upsert=True)


async def end(world: World, database: "Database[Any]", *keys: str) -> None:
    found = database["sales"].find({"_id": {"$in": list(keys)}})
    async with world.partitions.around("sales", {document["ingestion"]["partition"] for document in found}):
        database["sales"].delete_many({"_id": {"$in": list(keys)}})


def expected(database: "Database[Any]") -> list[dict[str, Any]]:
    """The same rows, in Python."""
    groups: dict[tuple[str, str], list[tuple[datetime, str, int]]] = {}
    for document in database["sales"].find({"ingestion.partition": {"$ne": PLACEHOLDER_PARTITION}}):
        pieces = sum(line["pieces"] for line in document["lines"])
        period = f"{document['at']:%Y-%m}"
        groups.setdefault((period, document["shop"]), []).append((document["at"], document["_id"], pieces))
    return [
        {
            "period": period,
            "shop": shop,
            "sales": len(sales),
            "pieces": sum(pieces for _, _, pieces in sales),
            "least": min(pieces for _, _, pieces in sales),
            "most": max(pieces for _, _, pieces in sales),
            "last": max(sales)[1],
        }
        for (period, shop), sales in sorted(groups.items())
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_any_changes_give_the_same_copy_as_all_documents(
    world: World, database: "Database[Any]", seed: int
) -> None:
    """Documents come, change and move to another partition, end, and wait for theirs."""
    draw, keys = random.Random(seed), list[str]()
    for step in range(25):
        partition = f"p{step // 4}"
        match draw.choice(["insert", "change", "end", "placeholder"]) if keys else "insert":
            case "insert":
                new = [f"{step}-{number}" for number in range(draw.randint(1, 5))]
                keys += new
                await write(world, database, *(sale(key, partition, draw) for key in new))
            case "change":
                changed = draw.sample(keys, min(len(keys), 3))
                await write(world, database, *(sale(key, partition, draw) for key in changed))
            case "end":
                await end(world, database, keys.pop(draw.randrange(len(keys))))
            case "placeholder":
                await write(world, database, {"_id": f"{step}-awaited", "ingestion": source(PLACEHOLDER_PARTITION)})
        if draw.random() < 0.7:
            assert await world.rows() == expected(database)
    assert await world.rows() == await world.rows(from_scratch=True) == expected(database)


async def test_a_refresh_reads_what_changed_whatever_it_is_spread_over(
    world: World, database: "Database[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,000 documents in 10 partitions, 5 of a new one, of three months."""
    draw = random.Random(1)
    await write(world, database, *(sale(f"{number}", f"p{number // 100}", draw) for number in range(1000)))
    await world.rows()
    staged: list[int] = []
    stage = world.columnar.stage
    monkeypatch.setattr(
        world.columnar, "stage", lambda facts, given: (staged.append(given.documents), stage(facts, given))
    )
    await world.rows()
    assert staged == []
    await write(world, database, *(sale(f"{number * 37}", "p10", draw) for number in range(5)))
    assert await world.rows() == expected(database)
    assert sum(staged) == 5


async def test_only_periods_in_which_a_row_differs_are_outdated(
    world: World, database: "Database[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a whole partition was read again, with documents of three months."""
    draw = random.Random(1)
    await write(world, database, *(sale(f"{number}", "p", draw) for number in range(50)))
    await world.rows()
    new = sale("new", "p", draw) | {"at": datetime(2026, 2, 3, tzinfo=UTC)}
    await write(world, database, new)
    await world.copying.refresh(FACTS, lambda *_: None)
    assert world.columnar._rows("SELECT period FROM main.outdated") == [("2026-02",)]
    assert await world.rows() == expected(database)


async def test_a_document_that_moves_while_its_old_partition_is_read_stays(
    world: World, database: "Database[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new partition was read before, and its old one after: numbers only grow."""
    draw = random.Random(1)
    await write(world, database, sale("a", "old", draw), sale("b", "new", draw))
    before = await world.rows()
    await write(world, database, sale("c", "old", draw), sale("d", "new", draw))
    vanished = world.columnar.vanished

    def moved(facts: Facts, partitions: Any) -> list[str]:
        database["sales"].update_one({"_id": "a"}, {"$set": {"ingestion.partition": "new"}})
        world.columnar._execute("DELETE FROM sold_fresh WHERE _id = 'a'".replace("sold_fresh", f'"{FACTS.key}_fresh"'))
        return vanished(facts, partitions)

    monkeypatch.setattr(world.columnar, "vanished", moved)
    assert sum(row["sales"] for row in before) == 2
    assert await world.rows() == expected(database)


async def test_documents_of_others_are_counted_and_left_out(world: World, database: "Database[Any]") -> None:
    """Without a source, or of other types somewhere; also what Python and SQL have no value for."""
    draw = random.Random(2)
    good = sale("good", "p", draw)
    await write(world, database, good)
    fits = {"at": FIRST, "shop": "Rabat", "lines": [{"pieces": 1}]}
    others: list[dict[str, Any]] = [
        {**fits, "ingestion": None},
        {**fits, "at": "yesterday"},
        {**fits, "at": FIRST, "lines": [{"pieces": "many"}]},
        {**fits, "lines": [{"pieces": 1}, {"pieces": None}]},
        {**fits, "lines": 7},
        {"ingestion": source("p")},
        {**fits, "_id": ObjectId(), "shop": {"$where": 1}, "at": None},
        {**fits, "lines": [{"pieces": float("nan")}]},
    ]
    database["sales"].insert_many(
        [{"_id": f"o{n}", "ingestion": source("p"), **other} for n, other in enumerate(others)]
    )
    database.command("insert", "sales", documents=[{"_id": "far", **fits, "ingestion": source("p")}])
    database["sales"].update_one({"_id": "far"}, [{"$set": {"at": {"$toDate": {"$toLong": 400_000_000_000_000}}}}])
    rows = await world.rows()
    total = await world.copying.run(world.columnar.total, FACTS)
    assert [(row["shop"], row["sales"]) for row in rows if row["last"] == "good"] == [(good["shop"], 1)]
    assert total.documents + total.foreign == 2 + len(others)
    assert total.foreign >= len(others)


async def test_a_process_that_ends_before_the_rollups_leaves_them_outdated(
    store: Store, database: "Database[Any]", tmp_path: Path
) -> None:
    """The next one computes them, though nothing has changed."""
    draw = random.Random(3)
    first = World(store, tmp_path / "facts.duckdb")
    await write(first, database, sale("a", "p", draw))
    await first.rows()
    await write(first, database, sale("b", "p", draw))
    await first.copying.refresh(FACTS, lambda *_: None)
    first.columnar.close()
    second = World(store, tmp_path / "facts.duckdb")
    assert await second.rows() == expected(database)


async def test_a_rollup_that_fails_is_named_and_the_others_go_on(store: Store, database: "Database[Any]") -> None:
    """After the repair, it has what came meanwhile."""
    draw = random.Random(4)
    wrong = Rollup("wrong", FACTS, "SELECT period, error('no such thing') AS sales FROM sold GROUP BY ALL")
    both = World(store, None, SALES, Kpi("wrong", "", "", "", (wrong,), (), "SELECT * FROM wrong"))
    await write(both, database, sale("a", "p", draw))
    await both.copying.refresh(FACTS, lambda *_: None)
    failed = await both.copying.run(both.columnar.roll_up, FACTS)
    assert list(failed) == [wrong.key]
    assert "no such thing" in failed[wrong.key]
    assert await both.copying.run(both.columnar.rows, both.domain, SALES) == expected(database)


async def test_another_definition_is_another_table(store: Store, database: "Database[Any]", tmp_path: Path) -> None:
    """A new rollup is computed from the copy; new facts are copied."""
    draw = random.Random(5)
    first = World(store, tmp_path / "facts.duckdb")
    await write(first, database, *(sale(f"{number}", "p", draw) for number in range(20)))
    await first.rows()
    first.columnar.close()
    count = Rollup("number", FACTS, "SELECT period, count(*) AS sales FROM sold GROUP BY ALL")
    second = World(
        store, tmp_path / "facts.duckdb", Kpi("n", "", "", "", (count,), (), "SELECT sum(sales) AS n FROM number")
    )
    assert await second.rows() == [{"n": 20}]
    second.columnar.close()
    with duckdb.connect(tmp_path / "facts.duckdb") as file:
        tables = {name for (name,) in file.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert MONTHS.key not in tables
    assert {count.key, FACTS.key} <= tables


async def test_a_collection_that_was_dropped_is_copied_anew(world: World, database: "Database[Any]") -> None:
    """Under the same name, with the same versions of its partitions."""
    draw = random.Random(6)
    await write(world, database, sale("a", "p", draw))
    await world.rows()
    database["sales"].drop()
    database["sales"].insert_one(sale("b", "p", draw))
    assert await world.rows() == expected(database)


async def test_what_differs_without_having_changed_is_drift(world: World, database: "Database[Any]") -> None:
    """In facts by partition, in rollups by period; a document that has moved is none."""
    draw = random.Random(7)
    await write(world, database, *(sale(f"{number}", f"p{number % 3}", draw) for number in range(9)))
    await world.rows()
    database["sales"].update_one({"_id": "1"}, {"$set": {"shop": "Elsewhere"}})
    month = f"{database['sales'].find_one({'_id': '5'})['at']:%Y-%m}"
    world.columnar._execute(f'UPDATE "{MONTHS.key}" SET pieces = pieces + 1')
    await write(world, database, sale("2", "p9", draw))
    drift = await world.copying.rebuild(FACTS, lambda *_: None)
    assert "sold p1" in drift
    assert set(drift) <= {"sold p1", *(f"months 2026-0{number}" for number in (1, 2, 3))}
    assert f"months {month}" in drift or month == f"{database['sales'].find_one({'_id': '1'})['at']:%Y-%m}"
    await world.copying.run(world.columnar.roll_up, FACTS)
    assert await world.rows(from_scratch=True) == expected(database)


async def test_beside_another_process_the_copy_is_a_temporary_one(
    store: Store, database: "Database[Any]", tmp_path: Path
) -> None:
    """As of `kpi refresh` while `run` measures."""
    draw = random.Random(8)
    path = tmp_path / "facts.duckdb"
    held = f"import duckdb, sys; kept = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: ASYNC220
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
        world = World(store, path)
        await write(world, database, sale("a", "p", draw))
        assert await world.rows() == expected(database)
        holder.communicate()


class Fatal:
    """A connection after a fatal error."""

    def execute(self, *_: Any) -> None:
        raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

    def close(self) -> None:
        """It can be closed."""


async def test_after_a_fatal_error_the_copy_is_opened_anew(world: World, database: "Database[Any]") -> None:
    """As after a disk that was full."""
    await write(world, database, sale("a", "p", random.Random(9)))
    await world.rows()
    assert world.columnar._opened is not None
    world.columnar._opened.close()
    world.columnar._opened = cast("Any", Fatal())
    with pytest.raises(OperationFailed, match="invalidated"):
        await world.rows()
    assert await world.rows() == expected(database)


async def test_a_damaged_file_is_made_anew(store: Store, database: "Database[Any]", tmp_path: Path) -> None:
    """It is derived; the log says so."""
    path = tmp_path / "facts.duckdb"
    path.write_bytes(b"no database" * 1000)
    world = World(store, path)
    await write(world, database, sale("a", "p", random.Random(9)))
    with capture_logs() as entries:
        assert await world.rows() == expected(database)
    assert [entry["event"] for entry in entries] == ["columnar.discarded"]


async def test_periods_are_those_of_the_time_zone(store: Store, database: "Database[Any]") -> None:
    """23:30 of the last day of a month in UTC is the next month in Paris."""
    world = World(store, None, timezone="Europe/Paris")
    late = sale("a", "p", random.Random(1)) | {"at": datetime(2026, 1, 31, 23, 30, tzinfo=UTC)}
    await write(world, database, late)
    assert [row["period"] for row in await world.rows()] == ["2026-02"]


VISITS = Facts(
    "visited",
    "visits",
    {"at": Value("at", "TIMESTAMP"), "shop": Value("shop", "VARCHAR"), "visitors": Value("visitors", "BIGINT")},
    columns={"day": "strftime(local, '%Y-%m-%d')"},
    event="at",
    period="strftime(local, '%Y-%m')",
)
PRICES = Facts(
    "prices",
    "price_list",
    {"shop": Value("shop", "VARCHAR"), "since": Value("since", "TIMESTAMP"), "minor": Value("minor", "BIGINT")},
)
TICKETS = Rollup(
    "tickets", FACTS, "SELECT period, shop, count(*) AS tickets, sum(sum) AS pieces FROM sold GROUP BY ALL"
)
ENTRIES = Rollup("entries", VISITS, "SELECT period, shop, sum(visitors) AS visitors FROM visited GROUP BY ALL")
CONVERSION = Kpi(
    "conversion", "", "", "", (TICKETS, ENTRIES), (),
    """SELECT period, shop, coalesce(tickets, 0) AS tickets, visitors, percent(coalesce(tickets, 0), visitors) AS rate
      FROM entries LEFT JOIN tickets USING (period, shop) ORDER BY period, shop""",
)  # fmt: skip
VALUED = Kpi(
    "valued", "", "", "", (FACTS, PRICES), (),
    """SELECT sold.shop, sum(sum * minor)::BIGINT AS minor FROM sold ASOF JOIN prices
      ON sold.shop = prices.shop AND sold.at >= prices.since GROUP BY ALL ORDER BY ALL""",
)  # fmt: skip


async def test_a_kpi_of_two_tables(store: Store, database: "Database[Any]") -> None:
    """Tickets in percent of visitors; null where nobody came, and a shop without tickets has none."""
    world = World(store, None, CONVERSION)
    draw = random.Random(1)
    day = {"at": FIRST, "ingestion": source("v")}
    await write(world, database, *(sale(f"{n}", "p", draw) | {"at": FIRST, "shop": "Rabat"} for n in range(3)))
    visits = [("Rabat", 8), ("Salé", 5), ("Fès", 0)]
    database["visits"].insert_many([{"_id": shop, "shop": shop, "visitors": number, **day} for shop, number in visits])
    assert [(row["shop"], row["tickets"], row["rate"]) for row in await world.rows()] == [
        ("Fès", 0, None),
        ("Rabat", 3, 37.5),
        ("Salé", 0, 0.0),
    ]


async def test_a_price_list_is_joined_as_of_each_sale(store: Store, database: "Database[Any]") -> None:
    """A new price changes no rollup, and only what was sold since."""
    world = World(store, None, VALUED)
    one = {"shop": "Rabat", "lines": [{"pieces": 2}], "ingestion": source("p")}
    await write(world, database, *({**one, "_id": f"{n}", "at": FIRST + timedelta(days=n)} for n in range(4)))
    prices = [(FIRST, 100), (FIRST + timedelta(days=2), 150)]
    for number, (since, minor) in enumerate(prices):
        price = {"_id": f"{number}", "shop": "Rabat", "since": since, "minor": minor, "ingestion": source("l")}
        async with world.partitions.around("price_list", ["l"]):
            database["price_list"].insert_one(price)
        assert await world.rows() == [{"shop": "Rabat", "minor": (800, 1000)[number]}]
