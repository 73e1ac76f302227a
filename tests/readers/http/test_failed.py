"""A KPI that failed: every reader names it, and shows none of its rows."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from multimarket_async.domains import Column, Kpi, LoadedDomain
from multimarket_async.generations import generation, rows_by_kpi
from multimarket_async.readers.report import ENGLISH, FRENCH, report
from multimarket_async.readers.terminal import status_screen
from multimarket_async.readers.verify import verify
from multimarket_async.tasks import Tasks
from tests.readers.http.conftest import Shop
from tests.readers.http.test_declared import ORDERS_SUBJECT

WHY = "can't $divide by zero"
DIVIDED = [{"$set": {"a": {"$divide": [1, 0]}}}, {"$replaceWith": {"orders": {"$toLong": 1}}}]
BY_ZERO: Kpi = replace(
    ORDERS_SUBJECT.kpis[0],
    name="by_zero",
    title="By zero",
    columns=(Column("orders", "integer", "Orders"),),
    pipeline=DIVIDED,
    check="SELECT 1 AS orders WHERE false",
)
DOMAIN: LoadedDomain = replace(ORDERS_SUBJECT, kpis=(BY_ZERO, *ORDERS_SUBJECT.kpis))


@pytest.fixture
async def failing(open_shop: Callable[..., Awaitable[Shop]]) -> Shop:
    """Three orders a channel, and a KPI that divides by zero."""
    shop = await open_shop([DOMAIN])
    await shop.deliver(3)
    await shop.work()
    return shop


async def test_the_api_says_why_in_json(failing: Shop) -> None:
    """In the KPI's own answer, in the list, and in the status; other formats have no rows."""
    async with failing.client() as client:
        answer: dict[str, Any] = (await client.get("/api/kpis/by_zero")).json()
        assert (answer["error"], answer["rows"]) == (WHY, [])
        assert "error" not in (await client.get("/api/kpis/top_products")).json()
        listed = {kpi["name"]: kpi["error"] for kpi in (await client.get("/api/kpis")).json()["kpis"]}
        assert {name: why for name, why in listed.items() if why} == {"by_zero": WHY}
        assert (await client.get("/api/status")).json()["kpi"]["failed"] == {"by_zero": WHY}
        assert (await client.get("/api/kpis/by_zero.csv")).text == "orders\r\n"
        assert (await client.get("/api/kpis/by_zero.parquet")).content[:4] == b"PAR1"
        assert "multimarket_kpi_failed 1.0" in (await client.get("/metrics")).text


async def test_failing_tasks_are_in_the_status(failing: Shop) -> None:
    """And on the screen of `status`, as failed KPIs are."""
    failing.sources.tasks.failed("producer.site_web", ValueError("odd"))
    async with failing.client() as client:
        status = (await client.get("/api/status")).json()
        assert [(task["task"], task["why"]) for task in status["failing"]] == [("producer.site_web", "ValueError: odd")]
        assert "multimarket_tasks_failing 1.0" in (await client.get("/metrics")).text


async def test_the_screen_names_them(failing: Shop) -> None:
    """In a sentence each."""
    from multimarket_async.readers.status import read_status  # noqa: PLC0415

    sources, tasks = failing.sources, Tasks(failing.sources.clock)
    tasks.failed("http", ValueError("odd"))
    now = sources.clock.now()
    seen = await read_status(
        sources.feeds, sources.store, sources.settings, now, sources.latency_file, tasks=tasks.everywhere()
    )
    assert list(seen.failures()) == [
        f"KPI by_zero failed, and has no rows: {WHY}",
        f"Degraded: http failing since {tasks.failing['http'].since:%Y-%m-%d %H:%M:%S} UTC: ValueError: odd",
    ]
    assert status_screen(seen)


async def test_a_failed_kpi_is_not_right(failing: Shop) -> None:
    """`verify` names it, though its check expects no rows either."""
    newest = await generation(failing.sources.store)
    found = await verify([DOMAIN], failing.sources.feeds, failing.sources.store, newest)
    assert found.differences == [f"by_zero: {WHY}"]
    assert "by_zero" not in found.kpis


@pytest.mark.parametrize(
    ("language", "said"),
    [(ENGLISH, "This KPI could not be computed."), (FRENCH, "Cet indicateur n&#39;a pas pu être calculé.")],
)
async def test_a_report_names_it(failing: Shop, language: Any, said: str) -> None:
    """In its section."""
    newest = await generation(failing.sources.store)
    text = report(
        [replace(DOMAIN, kpis=(BY_ZERO,))],
        newest,
        await rows_by_kpi(failing.sources.store, newest),
        language,
        ZoneInfo("UTC"),
    )
    assert text.count(said) == 1
    assert "can&#39;t $divide by zero" in text
