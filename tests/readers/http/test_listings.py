"""/api/orders: each order once, newest first, without what tells of a person."""

import base64
import json
import math
from dataclasses import replace
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from multimarket_async.domains.orders.listings import listings
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.http.listings import _stages

[ORDERS] = listings(OrderSettings())


async def pages(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """All pages, one after the other."""
    rows: list[dict[str, Any]] = []
    following = ""
    while True:
        answer = await client.get(f"/api/orders?{query}{following}")
        assert answer.status_code == 200, answer.text
        rows += answer.json()["rows"]
        if (cursor := answer.json()["next"]) is None:
            return rows
        following = f"&cursor={cursor}"


def key(row: dict[str, Any]) -> tuple[str, str]:
    return row["channel"], row["order_id"]


async def test_pages_have_every_order_once(stocked_client: httpx.AsyncClient) -> None:
    """Newest first, whatever their size."""
    whole = await pages(stocked_client, "limit=500")
    assert len({key(row) for row in whole}) == len(whole) == 60
    assert [row["date"] for row in whole] == sorted((row["date"] for row in whole), reverse=True)
    assert await pages(stocked_client, "limit=7") == whole


async def test_orders_with_a_product_are_found_by_its_name(open_shop: Any) -> None:
    """Any of its lines; products are named once each."""
    shop = await open_shop()
    fields = {"client_id": "7", "date_commande": "2026-01-01T10:00:00", "canal": "boutique", "statut_commande": "payée"}
    for number, names in enumerate((["Thé", "Lampe", "Thé"], ["Lampe"], ["Veste"])):
        lines = [{"produit_id": f"P{name}", "nom": name, "quantite": 1, "prix_unitaire": 1.0} for name in names]
        content = json.dumps({"order_id": str(number), **fields, "produits": lines}).encode()
        await shop.sources.feeds[2][1].deliver(f"{number}.json", content)
    await shop.work()
    async with shop.client() as client:
        found = await pages(client, "product=Lampe")
        assert [(row["order_id"], row["product"]) for row in found] == [("1", "Lampe"), ("0", "Thé, Lampe")]
        assert [row["order_id"] for row in await pages(client, "product=Thé&product=Veste")] == ["2", "0"]


async def test_orders_of_one_instant_are_not_lost_between_pages(open_shop: Any) -> None:
    """The key decides where the date does not."""
    shop = await open_shop()
    line = {"produit_id": "P1", "nom": "Thé", "quantite": 1, "prix_unitaire": 1.0}
    fields = {"client_id": "7", "produits": [line], "date_commande": "2026-01-01T10:00:00", "canal": "boutique"}
    for number in range(5):
        content = json.dumps({"order_id": str(number), **fields, "statut_commande": "payée"}).encode()
        await shop.sources.feeds[2][1].deliver(f"{number}.json", content)
    await shop.work()
    async with shop.client() as client:
        assert [row["order_id"] for row in await pages(client, "limit=2")] == ["4", "3", "2", "1", "0"]


async def test_an_order_that_comes_meanwhile_moves_nothing(shop: Any) -> None:
    """The second page is what it would have been."""
    async with shop.client() as client:
        first = (await client.get("/api/orders?limit=30")).json()
        second = (await client.get(f"/api/orders?limit=30&cursor={first['next']}")).json()
        await shop.deliver(10, first=20)
        await shop.work()
        again = (await client.get(f"/api/orders?limit=500&cursor={first['next']}")).json()
        assert {key(row) for row in second["rows"]} <= {key(row) for row in again["rows"]}
        assert not {key(row) for row in first["rows"]} & {key(row) for row in again["rows"]}


async def test_nothing_personal_is_shown(shop: Any, client: httpx.AsyncClient, database: Any) -> None:
    """Neither the fields nor the values that the domain calls personal."""
    personal = [attribute for attribute in ORDERS.attributes if attribute.personal]
    assert {item.path for item in personal} == {"client_id", "livraison.adresse"}
    text = (await client.get("/api/orders?limit=500")).text
    for order in database["commandes"].find():
        assert f'"{order["client_id"]}"' not in text
        if order.get("livraison"):
            assert json.dumps(order["livraison"]["adresse"], ensure_ascii=False) not in text
    for item in personal:
        assert item.column.name not in (await client.get("/api/orders?limit=1")).json()["rows"][0]
        assert (await client.get(f"/api/orders?{item.column.name}=7")).status_code == 422


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", True])
async def test_what_is_no_number_is_null(shop: Any, client: httpx.AsyncClient, database: Any, value: Any) -> None:
    """Somebody else may have written anything: the page is answered still."""
    database["commandes"].update_many({}, {"$set": {"montant_total": value}})
    [row] = (await client.get("/api/orders?limit=1")).json()["rows"]
    assert row["total"] is None


async def test_filters(stocked_client: httpx.AsyncClient) -> None:
    """Values are alternatives, columns conditions; `from` is included, `to` is not."""
    whole = await pages(stocked_client, "limit=500")
    found = await pages(stocked_client, "channel=web&channel=mobile&status=annulée")
    assert [key(row) for row in found] == [
        key(row) for row in whole if row["channel"] in ("web", "mobile") and row["status"] == "annulée"
    ]
    edge = whole[10]["date"]
    before, after = await pages(stocked_client, f"to={edge}"), await pages(stocked_client, f"from={edge}")
    assert [key(row) for row in after + before] == [key(row) for row in whole]
    assert after[-1]["date"] == edge
    city = next(row["city"] for row in whole if row["city"])
    assert {row["city"] for row in await pages(stocked_client, f"city={city}")} == {city}


INJECTIONS = [
    'channel={"$ne":null}',
    "channel=$canal",
    "status[$ne]=x",
    "channel[]=web",
    "city=.*",
    "$where=1",
    "_id=web:1",
]


@pytest.mark.parametrize("query", INJECTIONS)
async def test_no_filter_is_a_query(stocked_client: httpx.AsyncClient, query: str) -> None:
    """A text is a text: it finds nothing, or names no column."""
    answer = await stocked_client.get(f"/api/orders?{query}")
    assert answer.status_code == 422 or answer.json()["rows"] == []


def cursor(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


FORGED = [
    "x",
    "é",
    cursor({"$gt": ""}),
    cursor(["2026-01-01T00:00:00Z", "\ud800"]),
    cursor(["2026-01-01T00:00:00Z", {"$gt": ""}]),
    cursor([{"$gt": ""}, "web:1"]),
    cursor(["2026", "web:1", "more"]),
    cursor(["0001-01-01T00:00:00+23:00", "web:1"]),
    cursor([[]] * 2),
]


@pytest.mark.parametrize("forged", FORGED)
async def test_a_forged_cursor_is_refused(stocked_client: httpx.AsyncClient, forged: str) -> None:
    """Without looking anything up."""
    assert (await stocked_client.get("/api/orders", params={"cursor": forged})).status_code == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "from=x", "to=", "date_from=2026-01-01", "channel_to=x"]
)
async def test_what_cannot_be_understood_is_said(stocked_client: httpx.AsyncClient, query: str) -> None:
    """In a sentence."""
    assert (await stocked_client.get(f"/api/orders?{query}")).status_code == 422


async def test_a_page_is_read_by_index(shop: Any, database: Any) -> None:
    """The one the domain's declaration asks for: no collection scan, no sort in memory."""
    pipeline = {"aggregate": "commandes", "pipeline": _stages(ORDERS, [], 10), "cursor": {}}
    found = database.command("explain", pipeline)["stages"][0]["$cursor"]
    assert '"indexName": "date_commande_1__id_1"' in json.dumps(found["queryPlanner"]["winningPlan"], default=str)
    assert found["executionStats"]["totalDocsExamined"] == 11


async def test_who_reads_orders_is_logged(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, filters and rows, once in a while with the number of requests; no document is named."""
    times = iter((0.0, 0.4, 0.8, 1.2))
    monkeypatch.setattr("multimarket_async.readers.http.occurrences.monotonic", lambda: next(times))
    async with replace(stocked, api=None).client() as client:  # nobody has read before
        with capture_logs() as logs:
            following = (await client.get("/api/orders?channel=web&from=2026-01-01&limit=3")).json()["next"]
            for _ in range(3):
                await client.get(f"/api/orders?limit=7&cursor={following}")
            await client.get("/api/orders?limit=never")
    reads = [entry for entry in logs if entry["event"] == "listing.read"]
    about = {"event": "listing.read", "log_level": "info", "listing": "orders", "address": "127.0.0.1"}
    assert reads == [
        {**about, "filters": {"channel": ["web"], "from": "2026-01-01 00:00:00+00:00"}, "rows": 3, "requests": 1},
        {**about, "filters": {}, "rows": 7, "requests": 3},
    ]
