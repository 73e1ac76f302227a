"""Star schemas in the warehouse hold what MongoDB holds, by keys, and only what changed is written."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.clashes import clashes
from multimarket_async.cli import erase
from multimarket_async.domains import StarTable
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.bi.power_bi import Warehouse, project
from tests.sinks.conftest import HASTE, loaded, measured
from tests.sinks.test_warehouse import ask

DOMAIN = ORDERS.declare(OrderSettings())
TOTALS = "SELECT count(*), sum(total_minor), count(*) FILTER (WHERE cancelled) FROM fact_orders"


@pytest.fixture
def settings(mongo_uri: str, database: "Database[Any]", tmp_path: Any, postgres_uri: str) -> dict[str, Any]:
    own = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name}
    return {**own, **HASTE, "sinks": ("warehouse",), "postgres_uri": postgres_uri}


@asynccontextmanager
async def opened(settings: dict[str, Any], *stars: StarTable) -> AsyncIterator[Application]:
    """With these tables more."""
    workspace = app.workspace(loaded(settings))
    domain = replace(workspace.domains[0], star=(*DOMAIN.star, *stars))
    async with app.opened(replace(workspace, domains=(domain,))) as application:
        yield application


async def written(application: Application, *numbers: int) -> None:
    number = await measured(application, *numbers)
    assert await app.sink_once(application) == {"warehouse": number}


def stored(database: "Database[Any]") -> tuple[int, int, int]:
    """The same totals from the documents."""
    orders = list(database["commandes"].find())
    cancelled = sum(order["statut_commande"] == "annulée" for order in orders)
    return len(orders), sum(order["montant_centimes"] for order in orders), cancelled


async def types(postgres_uri: str) -> dict[tuple[str, str], str]:
    """Columns of the tables for BI tools, with the types that Power BI reads them as."""
    known = {"text": "string", "bigint": "int64", "integer": "int64", "numeric": "decimal", "date": "dateTime"}
    known |= {"timestamp with time zone": "dateTime", "double precision": "double", "boolean": "boolean"}
    query = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'multimarket'"
    )
    return {(table, column): known.get(type_, type_) for table, column, type_ in await ask(postgres_uri, query)}


def model() -> dict[tuple[str, str], str]:
    """The same of the model in TMDL."""
    tables = [text for name, text in project(DOMAIN, Warehouse()).items() if "/tables/" in name]
    return {
        (re.search('Item = "(.*?)"', text)[1], name): type_  # type: ignore[index]
        for text in tables
        for type_, name in re.findall(
            r"dataType: (\w+)\n(?:\t\tisHidden\n)?\t\tsummarizeBy: none\n\t\tsourceColumn: (\w+)", text
        )
    }


@pytest.mark.slow
async def test_facts_and_dimensions_are_those_of_the_documents(
    settings: dict[str, Any], database: "Database[Any]", postgres_uri: str
) -> None:
    """To the cent, line by line; a later state changes its order's row, and an erased order has none."""
    async with opened(settings) as application:
        await written(application, *range(20))
        assert await ask(postgres_uri, TOTALS) == [stored(database)]
        lines = "SELECT sum(amount_minor), sum(amount) * 100 = sum(amount_minor) FROM fact_order_lines"
        assert await ask(postgres_uri, lines) == [(stored(database)[1], True)]
        joined = """SELECT count(*) FROM fact_order_lines l JOIN fact_orders o USING (order_key)
            JOIN dim_product USING (product) JOIN dim_day d ON d.day = o.day
            JOIN dim_channel c ON c.channel = o.channel"""
        for panel in DOMAIN.panels:
            assert await ask(postgres_uri, panel.query)
        assert model().items() <= (await types(postgres_uri)).items()
        assert await ask(postgres_uri, joined) == await ask(postgres_uri, "SELECT count(*) FROM fact_order_lines")
        [order] = database["commandes"].find({"statut_commande": "payée"}).limit(1)
        rows = "SELECT order_key, xmin::text FROM fact_orders"
        before = dict(await ask(postgres_uri, rows))
        follow_up = {"order_id": order["order_id"], "canal": order["canal"]}
        follow_up |= {"suivi": {"etat": "annulée", "date_etat": "2027-01-01T00:00:00"}}
        _, landing = next(pair for pair in application.feeds if pair[0].name == order["ingestion"]["feed"])
        await landing.deliver("f.json", json.dumps(follow_up).encode())
        await written(application)
        after = dict(await ask(postgres_uri, rows))
        assert {key for key, row in after.items() if before[key] != row} == {order["_id"]}
        assert await ask(postgres_uri, TOTALS) == [stored(database)]
        assert (await app.compare_sinks(application))["warehouse"][1] == []


@pytest.mark.slow
async def test_a_lost_copy_writes_nothing_again(settings: dict[str, Any], postgres_uri: str) -> None:
    """All rows are compared with those in PostgreSQL; one that was changed there is put right."""
    async with opened(settings) as application:
        await written(application, 1, 2)
        rows = "SELECT order_key, xmin::text FROM fact_orders ORDER BY 1"
        before = await ask(postgres_uri, rows)
        (application.settings.data_dir / "warehouse.duckdb").unlink()
        await ask(postgres_uri, f"UPDATE fact_orders SET total = 1 WHERE order_key = '{before[0][0]}' RETURNING 1")
        [difference] = (await app.compare_sinks(application))["warehouse"][1]
        assert difference == "fact_orders: its rows are not those that the documents give"
        await written(application, 3)
        after = dict(await ask(postgres_uri, rows))
        assert [after[key] == row for key, row in before] == [False, *[True] * (len(before) - 1)]
        assert (await app.compare_sinks(application))["warehouse"][1] == []


@pytest.mark.slow
async def test_an_erased_person_is_in_no_table(
    settings: dict[str, Any], database: "Database[Any]", postgres_uri: str
) -> None:
    """Neither in facts nor in what was measured before: the history begins anew."""
    async with opened(settings) as application:
        await written(application, 1)
        await written(application, 2)
        [order] = database["commandes"].find().limit(1)
        await erase.erase_person(application, order["client_id"], dry_run=False, yes=True)
        newest = (await app.sink_once(application))["warehouse"]
        assert await ask(postgres_uri, "SELECT generation FROM generations") == [(newest,)]
        keys = {row[0] for row in await ask(postgres_uri, "SELECT order_key FROM fact_orders")}
        assert keys == set(database["commandes"].distinct("_id"))
        assert order["_id"] not in keys
        old = "SELECT count(*) FROM kpi_orders_by_day_and_channel_versions WHERE _from < $1"
        assert await ask(postgres_uri, old.replace("$1", str(newest))) == [(0,)]


@pytest.mark.slow
async def test_a_star_that_fails_stops_no_kpi(settings: dict[str, Any], postgres_uri: str) -> None:
    """It stays as it was, with the reason; right again, it catches up."""
    reads, query = DOMAIN.star[3].reads, "SELECT channel FROM star_orders"
    wrong = StarTable("fact_wrong", "Wrong", reads, query, {"channel": "text"}, ("channel",))
    async with opened(settings) as application:
        await written(application, 1)
    async with opened(settings, wrong) as application:
        await written(application, 2)
        [(error, orders)] = await ask(postgres_uri, "SELECT error, (SELECT count(*) FROM fact_orders) FROM stars")
        assert "could not create unique index" in error
        assert orders == 3
        assert await ask(postgres_uri, "SELECT sum(orders)::int FROM kpi_revenue_by_month_and_channel") == [(6,)]
    async with opened(settings) as application:
        await written(application, 3)
        assert await ask(postgres_uri, "SELECT error, (SELECT count(*) FROM fact_orders) FROM stars") == [(None, 9)]


def test_a_star_that_cannot_be_is_refused_at_the_start() -> None:
    """Names of the engine's own, keys that are no columns, references to nothing."""
    table = replace(DOMAIN.star[0], name="kpi_x", key=("none",), references={"day": "dim_none"})
    [own, keys, refers] = [*clashes([replace(DOMAIN, star=(table,))])]
    assert "name of a table of the engine's own" in own
    assert "keys that are none of its columns" in keys
    assert "refers to dim_none" in refers
