"""/api/kpis: what `kpi show` prints, in every format, whole or in part."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from multimarket_async import generations
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers import tables
from multimarket_async.readers.http.api import Api

KPIS = {kpi.name: kpi for kpi in ORDERS.declare(OrderSettings()).kpis}
REVENUE = "/api/kpis/revenue_by_month_and_channel"


async def test_what_there_is_comes_from_the_declarations(stocked_client: httpx.AsyncClient) -> None:
    """Every KPI, in order, with its columns; and the newest generation."""
    listed = (await stocked_client.get("/api/kpis")).json()
    assert listed["generation"] == 1
    assert [kpi["name"] for kpi in listed["kpis"]] == list(KPIS)
    first = listed["kpis"][0]
    assert (first["title"], first["unit"], first["headline"]) == ("Revenue by month and channel", "EUR", True)
    month = {"name": "month", "type": "string", "role": "time", "title": "Month", "unit": "", "nullable": False}
    assert first["columns"][0] == month | {
        "of": None,
        "exact": "",
        "digits": 2,
        "hidden": False,
        "labels": [],
        "total": "",
        "sentences": False,
    }
    assert first["links"] == {name: f"{REVENUE}.{name}" for name in ("json", "csv", "xlsx", "parquet")}


async def test_before_the_first_generation(open_shop: Any) -> None:
    """The KPIs are listed; the answer says that none has been measured."""
    async with (await open_shop()).client() as client:
        listed = (await client.get("/api/kpis")).json()
        assert (listed["generation"], listed["as_of"], len(listed["kpis"])) == (None, None, len(KPIS))
        answer = await client.get(REVENUE)
        assert (answer.status_code, answer.json()["detail"][:30]) == (404, "Nothing has been measured yet.")


@pytest.mark.parametrize("name", KPIS)
async def test_json_and_csv_are_those_of_kpi_show(stocked: Any, stocked_client: httpx.AsyncClient, name: str) -> None:
    """The same object, and the same bytes of CSV."""
    generation = await generations.generation(stocked.sources.store)
    rows = await generations.rows(stocked.sources.store, KPIS[name], generation)
    assert rows
    expected = tables.terminal_safe_json(tables.as_object(KPIS[name], generation, rows))
    assert (await stocked_client.get(f"/api/kpis/{name}.json")).json() == json.loads(expected)
    assert (await stocked_client.get(f"/api/kpis/{name}.csv")).text == tables.as_csv(KPIS[name], rows)


SQL_TYPES = {
    "string": "VARCHAR", "integer": "BIGINT", "double": "DOUBLE", "date": "TIMESTAMP WITH TIME ZONE",
    "money": "BIGINT", "percent": "DOUBLE",
}  # fmt: skip


@pytest.mark.parametrize("name", KPIS)
async def test_parquet_has_the_declared_types(stocked_client: httpx.AsyncClient, tmp_path: Path, name: str) -> None:
    """And the values of the JSON."""
    file = tmp_path / "rows.parquet"
    answer = await stocked_client.get(f"/api/kpis/{name}.parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    file.write_bytes(answer.content)
    with duckdb.connect(":memory:") as database:
        table = database.read_parquet(str(file))
        assert dict(zip(table.columns, map(str, table.types), strict=True)) == {
            column.name: SQL_TYPES[column.type] for column in KPIS[name].columns
        }
        database.execute("SET TimeZone = 'UTC'")
        numbers = [place for place, column in enumerate(KPIS[name].columns) if column.type != "date"]
        rows = [[row[place] for place in numbers] for row in table.fetchall()]
    expected = [list(row.values()) for row in (await stocked_client.get(f"/api/kpis/{name}")).json()["rows"]]
    assert rows == [[row[place] for place in numbers] for row in expected]


@pytest.mark.parametrize("name", KPIS)
async def test_every_kpi_is_a_workbook(stocked_client: httpx.AsyncClient, name: str) -> None:
    """A zip file, with the type that browsers open in a spreadsheet."""
    answer = await stocked_client.get(f"/api/kpis/{name}.xlsx")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.xlsx"'
    assert "xl/worksheets/sheet2.xml" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


async def test_csv_for_a_spreadsheet(stocked_client: httpx.AsyncClient) -> None:
    """In whole units; filtered and regrouped like any other."""
    text = (await stocked_client.get(f"{REVENUE}.csv?for=excel-fr&by=channel&channel=web")).text
    [line] = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";")
    [row] = (await stocked_client.get(f"{REVENUE}?by=channel&channel=web")).json()["rows"]
    assert (line["channel"], line["revenue"]) == ("web", f"{row['revenue']:.2f}".replace(".", ","))
    assert "revenue_minor" not in line
    refused = await stocked_client.get(f"{REVENUE}.json?for=excel-fr")
    assert (refused.status_code, refused.json()["detail"]) == (422, "There is no parameter for.")


# --- Filters ----------------------------------------------------------------------------------


async def rows_of(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{REVENUE}?{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


async def test_values_of_a_column_are_alternatives(stocked_client: httpx.AsyncClient) -> None:
    """And those of different columns conditions."""
    found = await rows_of(stocked_client, "channel=web&channel=mobile&month=2026-02")
    assert [(row["month"], row["channel"]) for row in found] == [("2026-02", "mobile"), ("2026-02", "web")]


async def test_both_ends_of_a_range_are_included(stocked_client: httpx.AsyncClient) -> None:
    """Of texts, instants and numbers."""
    assert {row["month"] for row in await rows_of(stocked_client, "month_from=2026-02&month_to=2026-03")} == {
        "2026-02",
        "2026-03",
    }
    by_date = "period_start_from=2026-02-01T00:00:00Z&period_start_to=2026-02-01T00:00:00%2B00:00"
    assert {row["month"] for row in await rows_of(stocked_client, by_date)} == {"2026-02"}
    everything = await rows_of(stocked_client, "")
    assert await rows_of(stocked_client, "orders_from=7") == [row for row in everything if row["orders"] >= 7]


async def test_csv_and_parquet_are_filtered_too(stocked_client: httpx.AsyncClient) -> None:
    """With their header."""
    lines = list(csv.DictReader(io.StringIO((await stocked_client.get(f"{REVENUE}.csv?channel=web")).text, newline="")))
    assert {line["channel"] for line in lines} == {"web"}
    nothing = await stocked_client.get(f"{REVENUE}.csv?channel=nowhere")
    assert nothing.text.splitlines() == [
        ",".join(column.name for column in KPIS["revenue_by_month_and_channel"].columns)
    ]
    assert (await stocked_client.get(f"{REVENUE}.parquet?channel=nowhere")).status_code == 200


# --- Regrouping -------------------------------------------------------------------------------


async def test_rows_are_added_up_by_keys_and_times(stocked_client: httpx.AsyncClient) -> None:
    """After the filters; ratios are those of the sums, and the columns in between are left out."""
    rows = await rows_of(stocked_client, "channel=web&channel=mobile&from=2026-02&to=2026-03")
    [total] = await rows_of(stocked_client, "channel=web&channel=mobile&from=2026-02&to=2026-03&by=")
    sums = {
        name: sum(row[name] for row in rows) for name in ("orders", "cancelled_orders", "revenue_minor", "kept_orders")
    }
    assert {name: total[name] for name in sums} == sums
    assert total["revenue"] == sums["revenue_minor"] / 100
    rate = (2 * 10_000 * sums["cancelled_orders"] + sums["orders"]) // (2 * sums["orders"])
    average = (2 * sums["revenue_minor"] + sums["kept_orders"]) // (2 * sums["kept_orders"])
    assert (total["cancellation_rate_pct"], total["average_order_value_minor"]) == (rate / 100, average)
    assert "month" not in total
    by_channel = await rows_of(stocked_client, "by=channel")
    assert [row["channel"] for row in by_channel] == ["boutique", "mobile", "web"]
    assert await rows_of(stocked_client, "by=month,channel") == await rows_of(stocked_client, "by=month&by=channel")


async def test_the_rate_of_a_channel_is_that_of_its_own_kpi(stocked_client: httpx.AsyncClient) -> None:
    """Though it is regrouped from months."""
    rates = (await stocked_client.get("/api/kpis/cancellation_rate_by_channel")).json()["rows"]
    regrouped = {row["channel"]: row["cancellation_rate_pct"] for row in await rows_of(stocked_client, "by=channel")}
    assert regrouped == {row["channel"]: row["cancellation_rate_pct"] for row in rates}


async def test_regrouped_rows_are_csv_and_parquet_too(stocked_client: httpx.AsyncClient) -> None:
    """With the columns that are left; amounts in whole units where asked for."""
    lines = list(
        csv.DictReader(
            io.StringIO((await stocked_client.get(f"{REVENUE}.csv?by=channel&amounts=units")).text, newline="")
        )
    )
    assert all(float(line["revenue"]) == float(line["revenue_minor"]) for line in lines)
    assert "month" not in lines[0]
    assert (await stocked_client.get(f"{REVENUE}.parquet?by=month&amounts=units")).status_code == 200


async def test_ranks_are_left_out(stocked_client: httpx.AsyncClient) -> None:
    [total] = (await stocked_client.get("/api/kpis/top_products?by=")).json()["rows"]
    sums = {"quantity", "gross_quantity", "revenue", "revenue_minor"}
    assert set(total) == sums | {"net_quantity", "net_revenue", "net_revenue_minor"}


WRONG = {
    "by=orders": "by: \"['orders']\" is not accepted. Rows can be added up by month, period_start, channel, not by",
    "amounts=cents": "amounts: 'cents' is not accepted.",
    "colour=red": "There is no parameter colour.",
    "orders=many": "orders: 'many' is not accepted. Input should be a valid integer",
    "orders=1_000": "orders: '1_000' is not accepted. Expected a number.",
    "orders=99999999999999999999": "orders: '99999999999999999999' is not accepted.",
    "revenue=nan": "revenue: 'nan' is not accepted. Input should be a finite number.",
    "revenue_from=": "revenue_from: '' is not accepted.",
    "period_start=yesterday": "period_start: 'yesterday' is not accepted. Expected a time such as",
    "generation=last": "generation: 'last' is not accepted.",
    "generation=0": "generation: '0' is not accepted.",
    "at=noon": "at: 'noon' is not accepted. Expected a time such as",
    "at=0001-01-01T00:00:00%2B23:00": "at: '0001-01-01T00:00:00+23:00' is not accepted.",
    "channel[$ne]=web": "There is no parameter channel[$ne].",
    "$where=1": "There is no parameter $where.",
}


@pytest.mark.parametrize("query", WRONG)
async def test_what_cannot_be_understood_is_said(stocked_client: httpx.AsyncClient, query: str) -> None:
    """In a sentence, as a problem; operators of MongoDB are columns that do not exist."""
    answer = await stocked_client.get(f"{REVENUE}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith(WRONG[query])


async def test_a_value_is_text_whatever_it_looks_like(stocked_client: httpx.AsyncClient) -> None:
    """And matches nothing."""
    assert await rows_of(stocked_client, 'channel={"$ne":null}') == []
    assert await rows_of(stocked_client, "channel=$month") == []


async def test_no_value_can_be_asked_for(open_shop: Any) -> None:
    """In a column that may be null: the average of a channel whose orders were all cancelled."""
    shop = await open_shop()
    for _, landing in shop.sources.feeds[2:]:
        for name in range(2):
            await landing.deliver(f"{name}.json", cancelled(str(name)))
    await shop.work()
    async with shop.client() as client:
        answer = await client.get("/api/kpis/average_order_value_by_channel?average_order_value=")
        assert [row["channel"] for row in answer.json()["rows"]] == ["boutique"]


def cancelled(order_id: str) -> bytes:
    line = {"produit_id": "P1", "nom": "Thé", "quantite": 1, "prix_unitaire": 1.0}
    fields = {"order_id": order_id, "client_id": "7", "produits": [line], "date_commande": "2026-01-01T10:00:00"}
    return json.dumps({**fields, "canal": "boutique", "statut_commande": "annulée"}).encode()


@pytest.mark.parametrize(
    "path", ["/api/kpis/nothing", "/api/kpis/nothing.csv", f"{REVENUE}.xml", f"{REVENUE}/x", "/api/x"]
)
async def test_what_there_is_not(stocked_client: httpx.AsyncClient, path: str) -> None:
    """Is a problem with status 404."""
    answer = await stocked_client.get(path)
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert answer.headers["content-type"] == "application/problem+json"


# --- Generations ------------------------------------------------------------------------------


async def test_older_generations(shop: Any) -> None:
    """By number and by time."""
    async with shop.client() as client:
        before = (await client.get(REVENUE)).json()
        await shop.deliver(5, first=20)
        await shop.work()
        async with shop.client() as other:
            now = (await other.get(REVENUE)).json()
            assert (before["generation"], now["generation"]) == (1, 2)
            assert (await other.get(f"{REVENUE}?generation=1")).json() == before
            assert (await other.get(REVENUE, params={"at": before["as_of"]})).json() == before
            assert (await other.get(f"{REVENUE}?at=2100-01-01")).json() == now
            assert (await other.get(f"{REVENUE}?at=2000-01-01")).status_code == 404
            assert (await other.get(f"{REVENUE}?generation=3")).status_code == 404


async def test_an_unchanged_generation_is_304(shop: Any) -> None:
    """By the entity tag, which is that of the generation and the format."""
    async with shop.client() as client:
        first = await client.get(f"{REVENUE}.csv")
        for names in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
            again = await client.get(f"{REVENUE}.csv", headers={"If-None-Match": names})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        for names in ("", '"x"', f'"x{first.headers["etag"][1:]}', f'{first.headers["etag"][:-1]}x"'):
            assert (await client.get(f"{REVENUE}.csv", headers={"If-None-Match": names})).status_code == 200
        assert (await client.get(f"{REVENUE}.json")).headers["etag"] != first.headers["etag"]
        await shop.deliver(1, first=20)
        await shop.work()
        async with shop.client() as other:
            newer = await other.get(f"{REVENUE}.csv", headers={"If-None-Match": first.headers["etag"]})
            assert (newer.status_code, newer.text != first.text) == (200, True)


async def test_a_generation_published_here_is_known_at_once(shop: Any) -> None:
    """Though the newest is looked for but once a second."""
    api = Api(shop.sources)
    async with (
        api.live(),
        httpx.AsyncClient(transport=httpx.ASGITransport(api.asgi), base_url="http://[::1]") as client,
    ):
        assert (await client.get(REVENUE)).json()["generation"] == 1
        await shop.deliver(1, first=20)
        await shop.work()
        assert (await client.get(REVENUE)).json()["generation"] == 2


async def test_hundreds_of_requests_cost_a_few_commands(shop: Any, database: Any, mongo_uri: str) -> None:
    """Of the database: a generation is read once for all of them."""

    def commands() -> int:
        counted = database.client.admin.command("serverStatus")["opcounters"]
        return int(counted["query"] + counted["command"] + counted["getmore"])

    async with shop.client() as client:
        before, already = commands(), commands()
        own = already - before
        for _ in range(300):
            assert (await client.get(f"{REVENUE}.csv")).status_code == 200
        # The server and the drivers talk among themselves too; a request a command would be 300.
        assert commands() - already - own < 150
