"""A KPI with more rows than a generation can hold: in every format, whole or not at all, and few rows in memory."""

import io
import json
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import duckdb
import pytest
from pymongo.database import Database

from multimarket_async import generations
from multimarket_async.domains import LoadedDomain
from multimarket_async.readers import streams, tables
from multimarket_async.readers.http.api import Api
from multimarket_async.readers.report import ENGLISH, MOST_WRITTEN, report
from multimarket_async.snapshots.ledger import Ledger
from multimarket_async.store import ROWS
from tests.readers.http.conftest import Shop
from tests.test_ledger import LONG, MANY, SHORT, generation, rows

DOMAIN = LoadedDomain("pieces", (), (SHORT, LONG))


@pytest.fixture
async def long(open_shop: Callable[..., Awaitable[Shop]]) -> Shop:
    """Generation 1 has 200,000 rows."""
    shop = await open_shop([DOMAIN])
    await Ledger(shop.sources.store).prepare()
    assert await Ledger(shop.sources.store).publish(generation(1, count=MANY), None)
    return shop


@pytest.mark.slow
async def test_every_format_has_every_row(long: Shop, tmp_path: Any) -> None:
    """The same bytes as of a short table."""
    newest = await generations.generation(long.sources.store)
    async with long.client() as client:
        answer = await client.get("/api/kpis/long")
        expected = json.dumps(tables.as_object(LONG, newest, rows(MANY)), default=tables.iso, ensure_ascii=False)
        assert (answer.text == expected, "ETag" in answer.headers) == (True, True)
        assert (await client.get("/api/kpis/long.csv")).text == tables.as_csv(LONG, rows(MANY))
        file = tmp_path / "long.parquet"
        file.write_bytes((await client.get("/api/kpis/long.parquet")).content)
        [found] = duckdb.sql(f"SELECT count(*), sum(pieces), min(shop), max(shop) FROM '{file}'").fetchall()
        assert found == (MANY, MANY, "shop 000000", "shop 199999")
        assert (
            await client.get("/api/kpis/long", headers={"If-None-Match": answer.headers["ETag"]})
        ).status_code == 304


@pytest.mark.slow
async def test_filters_look_at_every_row(long: Shop) -> None:
    """Wherever it lies."""
    async with long.client() as client:
        among = f"/api/kpis/long?shop={quote('shop 000001')}&shop={quote('shop 199999')}"
        assert [row["shop"] for row in (await client.get(among)).json()["rows"]] == ["shop 000001", "shop 199999"]
        assert (await client.get("/api/kpis/long.csv?pieces_from=2")).text == "shop,pieces\r\n"
        assert (await client.get("/api/kpis/long?pieces_from=2")).json()["rows"] == []


@pytest.mark.slow
async def test_rows_that_have_gone_are_a_problem(long: Shop, database: "Database[Any]") -> None:
    """Pruned between the generation and its rows; in the middle the answer ends without its end."""
    async with long.client() as client:
        database[ROWS].delete_many({"chunk": {"$gt": 0}})
        with pytest.raises(AssertionError):  # of the transport: the response is never complete
            await client.get("/api/kpis/long")
        database[ROWS].delete_many({})
        answer = await client.get("/api/kpis/long.csv")
        assert (answer.status_code, answer.json()["detail"][:33]) == (404, "The rows of long in generation 1 ")


@pytest.mark.slow
async def test_few_rows_are_in_memory(long: Shop) -> None:
    """Of a stream, and of the generation that the server keeps."""
    store = long.sources.store
    newest = await Api(long.sources)._newest.get()
    assert newest["kpis"]["long"]["rows"] == []
    tracemalloc.start()
    try:
        async for _ in streams.as_csv(LONG, generations.chunks(store, LONG, newest)):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


async def test_a_report_has_the_first_rows(long: Shop) -> None:
    """And says of how many."""
    store = long.sources.store
    newest = await generations.generation(store)
    kpis = {kpi.name: await generations.first_rows(store, kpi, newest, MOST_WRITTEN) for kpi in (SHORT, LONG)}
    text = report([DOMAIN], newest, kpis, ENGLISH, ZoneInfo("UTC"))
    assert "The first 5000 of 200000 rows" in text
    assert len(io.StringIO(text).getvalue()) < 2_000_000


async def test_a_stale_kpi_is_marked_and_shown(open_shop: Callable[..., Awaitable[Shop]]) -> None:
    """With its rows, and the time they are as of."""
    shop = await open_shop([DOMAIN])
    store = shop.sources.store
    assert await Ledger(store).publish(generation(1), None)
    first, second = await generations.generation(store), generation(2)
    second["kpis"]["long"] = await Ledger(store).entry_of_failed(LONG, "can't $divide by zero", first)
    assert await Ledger(store).publish(second, first)
    then = tables.iso(first["as_of"])
    async with shop.client() as client:
        answer = (await client.get("/api/kpis/long?pieces_from=2")).json()
        assert (answer["generation"], answer["error"], answer["stale_since"]) == (2, "can't $divide by zero", then)
        listed = {kpi["name"]: kpi["stale_since"] for kpi in (await client.get("/api/kpis")).json()["kpis"]}
        assert listed == {"short": None, "long": then}
        assert (await client.get("/api/kpis/long.csv")).headers["X-Stale-Since"] == then
        kpi = (await client.get("/api/status")).json()["kpi"]
        assert (kpi["failed"], kpi["stale_since"]) == ({"long": "can't $divide by zero"}, {"long": then})
    newest = await generations.generation(store)
    shown = await generations.rows_by_kpi(store, newest)
    text = report([DOMAIN], newest, shown, ENGLISH, ZoneInfo("UTC"))
    assert "<strong>Its rows are stale</strong>: as of 2026-05-20 13:00 (UTC)." in text
    assert "<td>shop 000001</td>" in text
