"""The warehouse on a real PostgreSQL: a generation is one transaction, exact, idempotent, and only what changed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from multimarket_async.clock import Clock
from multimarket_async.domains import Column, Kpi, LoadedDomain
from multimarket_async.errors import CannotContinue, Unavailable, WrongSettings
from multimarket_async.settings import Settings
from multimarket_async.sinks import Generation, Held, Source
from multimarket_async.sinks.warehouse import Warehouse, opened
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINOR = Column("revenue_minor", "money", "Revenue", "EUR", decimals=2)
REVENUE = Column("revenue", "double", "Revenue", "EUR", exact="revenue_minor")
MEAN = Column("mean", "double", "Mean", "EUR", nullable=True)
SHOP, ORDERS = Column("shop", "string", "Shop"), Column("orders", "integer", "Orders")
BY_SHOP = Kpi("by_shop", "By shop", "EUR", "Revenue's by shop.", (), (SHOP, ORDERS, REVENUE, MINOR, MEAN), "")
RATE = Column("rate", "percent", "Rate", "%", True)
AGAIN = replace(BY_SHOP, name="again")
DAYS = (Column("day", "date", "Day"), Column("open", "boolean", "Open"), RATE)
BY_DAY = Kpi("by_day", "By day", "%", "By day.", (), DAYS, "")


class Generations(SimpleNamespace):
    """Stands for the store: the numbers that are kept."""

    kept: tuple[int, ...] = ()

    async def aggregate(self, *_: Any) -> AsyncIterator[dict[str, int]]:
        for number in self.kept:
            yield {"_id": number}


def shops(**minor: int) -> list[dict[str, Any]]:
    return [
        {"shop": shop, "orders": 2, "revenue": cents / 100, "revenue_minor": cents, "mean": None}
        for shop, cents in minor.items()
    ]


def generation(number: int, *kpis: Kpi, ledger: str = "L", kept: tuple[int, ...] = (), **rows: Any) -> Generation:
    """One with these rows; `<name>_entry` has more of a KPI."""
    entries = {kpi.name: {"rows": rows[kpi.name], **rows.get(f"{kpi.name}_entry", {})} for kpi in kpis}
    at = AT + timedelta(hours=2 * number)
    document = {"_id": number, "as_of": at, "computed_at": at + timedelta(seconds=1), "kpis": entries}
    return Generation(Held(ledger, number), document, kpis, Generations(kept=kept))  # type: ignore[arg-type]


@pytest.fixture
async def warehouse(postgres_uri: str) -> AsyncIterator[Warehouse]:
    settings = Settings.model_validate({"postgres_uri": postgres_uri})
    domain = LoadedDomain("shop", (), (BY_SHOP, BY_DAY, AGAIN))
    made = await opened(Source(settings, (domain,), Generations(), Clock()))  # type: ignore[arg-type]
    yield made
    await made.aclose()


async def ask(uri: str, query: str) -> list[tuple[Any, ...]]:
    """As any client that knows nothing of us."""
    connection = await asyncpg.connect(uri, server_settings={"search_path": "multimarket"})
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_each_column_has_its_exact_type(warehouse: Warehouse, postgres_uri: str) -> None:
    """Money to the cent beyond what doubles hold, instants, booleans, and no text that PostgreSQL refuses."""
    mean = {"shop": "c", "orders": 1, "revenue": 0.1, "revenue_minor": 10, "mean": 401.8}
    rows = [*shops(**{"a\0'\"": 9_007_199_254_740_993_01, "b": -5}), mean]
    days = [{"day": AT, "open": True, "rate": 3.33}, {"day": AT - timedelta(days=1), "open": False, "rate": None}]
    await warehouse.write(generation(1, BY_SHOP, BY_DAY, by_shop=rows, by_day=days))
    assert await ask(
        postgres_uri, "SELECT shop, orders, revenue, revenue_minor, mean FROM kpi_by_shop ORDER BY shop"
    ) == [
        ("a\ufffd'\"", 2, Decimal("9007199254740993.01"), 900719925474099301, None),
        ("b", 2, Decimal("-0.05"), -5, None),
        ("c", 1, Decimal("0.10"), 10, Decimal("401.8")),
    ]
    assert await ask(postgres_uri, "SELECT day, open, rate FROM kpi_by_day ORDER BY day DESC") == [
        tuple(row.values()) for row in days
    ]
    assert await ask(postgres_uri, "SELECT DISTINCT generation, as_of FROM kpi_by_shop") == [
        (1, AT + timedelta(hours=2))
    ]
    assert await warehouse.held() == ("L", 1)


async def test_only_what_changed_is_written(warehouse: Warehouse, postgres_uri: str) -> None:
    """And a replay of a generation, or of an older one, writes nothing at all."""
    versions = "SELECT shop, _from, _to FROM kpi_by_shop_versions ORDER BY shop, _from"
    await warehouse.write(generation(1, BY_SHOP, by_shop=shops(a=1, b=2, c=3)))
    await warehouse.write(generation(2, BY_SHOP, by_shop=shops(a=1, b=5, d=4)))
    expected = [("a", 1, None), ("b", 1, 2), ("b", 2, None), ("c", 1, 2), ("d", 2, None)]
    assert await ask(postgres_uri, versions) == expected
    rows = "SELECT xmin::text::bigint, kpis::text FROM kpis UNION ALL SELECT xmin::text::bigint, held::text FROM held"
    before = sorted(await ask(postgres_uri, rows))
    await warehouse.write(generation(2, BY_SHOP, by_shop=shops(a=1, b=5, d=4)))
    await warehouse.write(generation(1, BY_SHOP, by_shop=shops(a=1, b=2, c=3)))
    assert sorted(await ask(postgres_uri, rows)) == before
    assert await ask(postgres_uri, versions) == expected


async def test_history_has_the_rows_of_each_kept_generation(warehouse: Warehouse, postgres_uri: str) -> None:
    """Generations that are not kept any more go, with the rows of theirs alone; a failed KPI has no history then."""
    history = "SELECT generation, shop, revenue_minor FROM kpi_by_shop_history ORDER BY 1, 2"
    for number, rows in enumerate([shops(a=1), shops(a=2), shops(a=3, b=1)], start=1):
        await warehouse.write(generation(number, BY_SHOP, by_shop=rows, kept=(1, 2, 3)))
    assert await ask(postgres_uri, history) == [(1, "a", 1), (2, "a", 2), (3, "a", 3), (3, "b", 1)]
    failed = {"error": "by zero", "stale_since": AT}
    await warehouse.write(generation(4, BY_SHOP, by_shop=shops(a=3, b=1), by_shop_entry=failed, kept=(3, 4)))
    assert await ask(postgres_uri, history) == [(3, "a", 3), (3, "b", 1)]
    assert await ask(postgres_uri, "SELECT DISTINCT generation, as_of FROM kpi_by_shop") == [(4, AT)]
    assert await ask(postgres_uri, "SELECT name, error, rows FROM kpis") == [("by_shop", "by zero", 2)]
    assert await ask(postgres_uri, "SELECT count(*) FROM kpi_by_shop_versions") == [(2,)]


async def test_another_ledger_replaces_everything(warehouse: Warehouse, postgres_uri: str) -> None:
    """Though its number is lower: nothing of the rows before, nor of their history, stays."""
    await warehouse.write(generation(7, BY_SHOP, by_shop=shops(a=1, b=2)))
    await warehouse.write(generation(2, BY_SHOP, ledger="M", by_shop=shops(a=1)))
    assert await warehouse.held() == ("M", 2)
    assert await ask(postgres_uri, "SELECT shop, _from, _to FROM kpi_by_shop_versions") == [("a", 2, None)]
    assert await ask(postgres_uri, "SELECT generation FROM generations") == [(2,)]


async def test_a_kpi_with_other_columns_begins_anew_and_one_that_is_gone_goes(
    warehouse: Warehouse, postgres_uri: str
) -> None:
    """A table holds rows of one shape."""
    await warehouse.write(generation(1, BY_SHOP, BY_DAY, by_shop=shops(a=1), by_day=[]))
    fewer = replace(BY_SHOP, columns=(SHOP, ORDERS))
    await warehouse.write(generation(2, fewer, by_shop=shops(a=1)))
    assert await ask(postgres_uri, "SELECT * FROM kpi_by_shop_history") == [
        ("a", 2, 2, AT + timedelta(hours=4, seconds=1), AT + timedelta(hours=4))
    ]
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'kpi_by_day%'"
    assert await ask(postgres_uri, tables) == [(0,)]


async def test_compare_finds_each_difference(warehouse: Warehouse, postgres_uri: str) -> None:
    """A row that somebody changed by hand is two."""
    held = generation(1, BY_SHOP, by_shop=shops(a=1, b=2))
    await warehouse.write(held)
    assert [difference async for difference in warehouse.compare(held)] == []
    await ask(postgres_uri, "UPDATE kpi_by_shop_versions SET revenue_minor = 7 WHERE shop = 'b' RETURNING 1")
    lacking, surplus = [difference async for difference in warehouse.compare(held)]
    assert lacking.startswith("by_shop: it lacks the row ('b', 2, ")
    assert surplus.startswith("by_shop: it has the row ('b', 2, ")


async def test_readers_see_one_generation_whole(warehouse: Warehouse, postgres_uri: str) -> None:
    """In a loop, while thirty are written: both tables are of one generation, with all rows of it."""
    seen, stop = set[tuple[Any, ...]](), asyncio.Event()

    await warehouse.write(generation(1, BY_SHOP, AGAIN, by_shop=shops(a=1), again=shops(a=1)))

    async def read() -> None:
        query = """SELECT (SELECT generation FROM held), (SELECT max(generation) FROM generations),
            (SELECT sum(revenue_minor)::int FROM kpi_by_shop), (SELECT sum(revenue_minor)::int FROM kpi_again),
            (SELECT count(*) FROM kpi_by_shop), (SELECT max(generation) FROM kpi_again)"""
        connection = await asyncpg.connect(postgres_uri, server_settings={"search_path": "multimarket"})
        while not stop.is_set():
            seen.add(tuple(await connection.fetchrow(query)))
        await connection.close()

    reading = asyncio.create_task(read())
    for number in range(2, 31):
        rows = shops(**{f"s{shop}": 1 for shop in range(number)})
        await warehouse.write(generation(number, BY_SHOP, AGAIN, by_shop=rows, again=rows))
    stop.set()
    await reading
    assert {len(set(values)) for values in seen} == {1}
    assert len(seen) > 3


async def test_two_writers_leave_the_newest_whole(warehouse: Warehouse, postgres_uri: str) -> None:
    """At the same time, in any order."""
    settings = Settings.model_validate({"postgres_uri": postgres_uri})
    domain = LoadedDomain("shop", (), (BY_SHOP,))
    other = await opened(Source(settings, (domain,), Generations(), Clock()))  # type: ignore[arg-type]
    every = [generation(number, BY_SHOP, by_shop=shops(a=number)) for number in range(1, 11)]
    try:
        await asyncio.gather(*(warehouse.write(each) for each in every), *(other.write(each) for each in every[::-1]))
    finally:
        await other.aclose()
    assert await ask(postgres_uri, "SELECT revenue_minor, generation FROM kpi_by_shop") == [(10, 10)]


@pytest.mark.parametrize(
    ("old", "new", "error", "sentence"),
    [
        ("@", "x@", CannotContinue, "refuses postgres_uri: password authentication failed"),
        ("/test", "/absent", CannotContinue, 'refuses postgres_uri: database "absent'),
        ("postgresql://", "mysql://", WrongSettings, "postgres_uri cannot be used: invalid DSN: scheme is expected"),
        ("@127.0.0.1:", "@127.0.0.1:port", WrongSettings, "is not a PostgreSQL URI. Expected postgresql://user:"),
    ],
)
async def test_a_wrong_address_is_one_sentence(
    postgres_uri: str, old: str, new: str, error: type[Exception], sentence: str
) -> None:
    """Without the password."""
    uri = postgres_uri.replace(old, new, 1)
    settings = Settings.model_validate({"postgres_uri": uri})
    made = await opened(Source(settings, (), Generations(), Clock()))  # type: ignore[arg-type]
    with pytest.raises(error) as raised:
        await made.held()
    await made.aclose()
    password = str(urlsplit(postgres_uri).password)
    assert sentence in str(raised.value)
    assert password not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_server_that_is_away_is_unavailable() -> None:
    """It is tried again."""
    settings = Settings.model_validate({"postgres_uri": "postgresql://a:hush@127.0.0.1:1/x"})
    made = await opened(Source(settings, (), Generations(), Clock()))  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match=r"PostgreSQL at 127\.0\.0\.1:1/x is not available: .*refused"):
        await made.held()


async def test_the_reader_reads_and_nothing_else(postgres: EmbeddedPostgres) -> None:
    """Also where it says that it will write."""
    connection = await asyncpg.connect(postgres.reader_uri)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        for statement in ("CREATE TABLE t (a int)", "CREATE TEMP TABLE t (a int)", "CREATE SCHEMA mine"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
