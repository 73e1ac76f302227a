"""A subject area that nobody thought of: declared, it is everywhere, without a touch to any reader."""

import json
from asyncio import gather
from dataclasses import replace
from datetime import datetime
from threading import get_ident
from typing import Any

from fastapi import FastAPI

from multimarket_async.domains import (
    Attribute,
    Column,
    Document,
    Facts,
    Feed,
    Kpi,
    Listing,
    LoadedDomain,
    Rollup,
    Table,
    Value,
)
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.settings import Loaded, Settings
from tests.files import of_bytes

ORDERS_SUBJECT = ORDERS.under(Loaded({"": Settings(), "orders": OrderSettings()}, {}))


def parse(content: bytes) -> list[Document]:
    visit = json.loads(content)
    return [{"_id": visit["id"], "at": datetime.fromisoformat(visit["at"]), "who": visit["who"]}]


FACTS = Facts("entered", "visits", {"at": Value("at", "TIMESTAMP")}, event="at", period="strftime(local, '%Y-%m')")
BY_MONTH = Kpi(
    name="visits_by_month",
    title="Visits by month",
    unit="",
    definition="How often a shop was entered.",
    reads=(Rollup("visits", FACTS, "SELECT period, count(*) AS visits FROM entered GROUP BY ALL"),),
    columns=(Column("month", "string", "Month"), Column("visits", "integer", "Visits")),
    query="SELECT period AS month, visits FROM visits ORDER BY month",
)
LISTED = Listing(
    "visits",
    "Visits",
    "visits",
    Attribute(Column("at", "date", "When"), "at"),
    (
        Attribute(Column("who", "string", "Who"), "who", personal=True),
        Attribute(Column("feed", "string", "Door"), "ingestion.feed", filtered=True),
    ),
)
VISITS = LoadedDomain("visits", (Feed("doors", Table("visits"), of_bytes(parse)),), (BY_MONTH,), None, (LISTED,))


async def test_a_new_subject_area_is_everywhere(open_shop: Any) -> None:
    """Its KPI in every format, its listing without the personal, its channel, its metrics, in OpenAPI."""
    shop = await open_shop([ORDERS_SUBJECT, VISITS])
    for number in range(3):
        content = json.dumps({"id": str(number), "at": "2026-05-01T12:00:00+00:00", "who": "Ada"}).encode()
        await shop.sources.feeds[3][1].deliver(f"{number}.json", content)
    await shop.work()
    async with shop.client() as client:
        assert (await client.get("/api/kpis")).json()["kpis"][-1]["name"] == "visits_by_month"
        rows = [{"month": "2026-05", "visits": 3}]
        assert (await client.get("/api/kpis/visits_by_month")).json()["rows"] == rows
        assert (await client.get("/api/kpis/visits_by_month.csv?visits_from=3")).text == "month,visits\r\n2026-05,3\r\n"
        assert (await client.get("/api/kpis/visits_by_month.parquet")).content[:4] == b"PAR1"
        listed = (await client.get("/api/visits?feed=doors")).json()["rows"]
        assert listed == [{"at": "2026-05-01T12:00:00Z", "feed": "doors"}] * 3
        assert (await client.get("/api/status")).json()["feeds"][-1]["feed"] == "doors"
        assert 'multimarket_files_total{feed="doors",outcome="stored"} 3.0' in (await client.get("/metrics")).text
        paths = (await client.get("/api/openapi.json")).json()["paths"]
        assert "How often a shop was entered." in paths["/api/kpis/visits_by_month"]["get"]["description"]
        assert "/api/visits" in paths


async def test_a_new_kpi_is_everywhere(open_shop: Any) -> None:
    """Of a subject area there is."""
    rate = replace(ORDERS_SUBJECT.kpis[2], name="another_rate", title="Another rate")
    shop = await open_shop([replace(ORDERS_SUBJECT, kpis=(*ORDERS_SUBJECT.kpis, rate))])
    await shop.deliver(2)
    await shop.work()
    async with shop.client() as client:
        first = (await client.get("/api/kpis/cancellation_rate_by_channel")).json()["rows"]
        assert (await client.get("/api/kpis/another_rate")).json()["rows"] == first
        assert [kpi["title"] for kpi in (await client.get("/api/kpis")).json()["kpis"]][-1] == "Another rate"


async def test_the_openapi_document_is_made_beside_the_event_loop(open_shop: Any, monkeypatch: Any) -> None:
    """And once for all: it takes seconds."""
    made, described = [], FastAPI.openapi
    monkeypatch.setattr(FastAPI, "openapi", lambda app: made.append(get_ident()) or described(app))
    async with (await open_shop()).client() as client:
        answers = await gather(*(client.get("/api/openapi.json") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(made) == 1
    assert get_ident() not in made


async def test_every_operation_is_described(open_shop: Any) -> None:
    """With a sentence, and each parameter too."""
    async with (await open_shop()).client() as client:
        document = (await client.get("/api/openapi.json")).json()
    for path, operations in document["paths"].items():
        assert list(operations) == ["get"], path
        [operation] = operations.values()
        assert operation["summary"], path
        assert operation["description"], path
        assert all(
            parameter.get("description") or parameter["in"] == "path" for parameter in operation.get("parameters", [])
        )
        assert "200" in operation["responses"]
