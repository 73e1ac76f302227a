"""Every view and every CSV, as BI tools and pandas meet them: each column one type, nothing nested, nothing missing."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pymongo
import pytest
from bson.codec_options import CodecOptions
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.domains import Kpi, LoadedDomain
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.readers.tables import as_csv
from multimarket_async.snapshots import Snapshotter
from multimarket_async.snapshots.schema import BSON_TYPES
from multimarket_async.store import GENERATIONS, Store

SETTINGS = OrderSettings()
KPIS = {kpi.name: kpi for kpi in ORDERS.declare(SETTINGS).kpis}
CONTEXT = {"generation": "long", "computed_at": "date", "as_of": "date"}
PANDAS_TYPES = {"integer": "int64", "double": "float64", "money": "int64", "percent": "float64"}
EARLIEST, LATEST = datetime(2024, 5, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def measured(mongo_uri: str) -> AsyncIterator["Database[Any]"]:
    """Two generations of simulated orders, in all of which a channel was cancelled altogether; only read."""
    store, client = Store(mongo_uri, "test_bi"), pymongo.MongoClient[dict[str, Any]](mongo_uri)
    database, declared = client["test_bi"], ORDERS.declare(SETTINGS)
    domain = LoadedDomain("orders", (), declared.kpis, listings=declared.listings)
    for start in (0, 60):
        database["commandes"].insert_many(_orders(start, start + 60))
        await Snapshotter([domain], store, Clock()).rebuild()
    yield client.get_database("test_bi", CodecOptions(tz_aware=True))
    await store.aclose()
    client.drop_database("test_bi")
    client.close()


SIMULATORS = {canal: Simulator(canal, SETTINGS) for canal in CHANNELS.values()}


def _orders(first: int, last: int) -> list[dict[str, Any]]:
    found = []
    for number in range(first, last):
        canal = Random(number).choice(list(CHANNELS.values()))
        content = SIMULATORS[canal](1, number, EARLIEST, LATEST).content
        [document] = parser(canal, SETTINGS)(content)
        if canal == "boutique":
            document["statut_commande"] = "annulée"
        found.append({**document, "ingestion": {"partition": "p", "ingested_at": LATEST}})
    return found


@pytest.mark.parametrize("name", KPIS)
@pytest.mark.parametrize("view", ["kpi_{}", "kpi_{}_history"])
async def test_views_are_flat_with_one_type_a_column(measured: "Database[Any]", view: str, name: str) -> None:
    """As tools sample them: the fields of the first documents are those of all, each of its declared type."""
    types = {
        "$replaceWith": {
            "$arrayToObject": {
                "$map": {"input": {"$objectToArray": "$$ROOT"}, "in": {"k": "$$this.k", "v": {"$type": "$$this.v"}}}
            }
        }
    }
    kpi = KPIS[name]
    expected = {column.name: BSON_TYPES[column.type] for column in kpi.columns} | CONTEXT
    nullable = {column.name for column in kpi.columns if column.nullable}
    rows = list(measured[view.format(name)].aggregate([types]))
    assert rows
    for row in rows:
        assert list(row) == list(expected)
        assert {field: given for field, given in row.items() if given != "null"} == {
            field: kind for field, kind in expected.items() if field not in nullable or row[field] != "null"
        }


async def test_the_view_of_orders_has_no_personal_data(measured: "Database[Any]") -> None:
    """Each order, with what /api/orders has: neither customer nor address."""
    rows = list(measured["list_orders"].find())
    assert len(rows) == measured["commandes"].count_documents({})
    assert {tuple(row) for row in rows} <= {
        ("date", "order_id", "channel", "status", "total", "total_minor", "city", "ingested_at"),
        ("date", "order_id", "channel", "status", "total", "total_minor", "ingested_at"),  # sold in a store
    }


@pytest.mark.parametrize("name", KPIS)
async def test_views_sort_by_any_column_and_filter(measured: "Database[Any]", name: str) -> None:
    """Ascending by each; by date and channel where there are such columns."""
    view = measured[f"kpi_{name}"]
    everything = view.count_documents({})
    for column in KPIS[name].columns:
        values = [row[column.name] for row in view.find().sort(column.name, 1)]
        known = [value for value in values if value is not None]
        assert (len(values), known) == (everything, sorted(known))
    for column, wanted in (("channel", "web"), ("period_start", {"$gte": EARLIEST, "$lt": LATEST + timedelta(days=1)})):
        if column in [declared.name for declared in KPIS[name].columns]:
            assert 0 < view.count_documents({column: wanted}) <= everything


async def test_the_newest_view_is_the_last_of_the_history(measured: "Database[Any]") -> None:
    """Row by row; the history has the first generation too."""
    for name in KPIS:
        newest = list(measured[f"kpi_{name}"].find())
        assert list(measured[f"kpi_{name}_history"].find({"generation": 2})) == newest
        assert sorted(measured[f"kpi_{name}_history"].distinct("generation")) == [1, 2]


@pytest.mark.parametrize("kpi", KPIS.values(), ids=KPIS)
async def test_csv_has_no_surprise_for_pandas(measured: "Database[Any]", kpi: Kpi) -> None:
    """Read without a hint, each column has its type; dates when they are asked for; numbers survive to the cent."""
    rows = measured[GENERATIONS].find_one(sort=[("_id", -1)])["kpis"][kpi.name]["rows"]  # type: ignore[index]
    dates = [column.name for column in kpi.columns if column.type == "date"]
    import pandas  # noqa: PLC0415 - a second, in each process that collects tests

    frame = pandas.read_csv(io.StringIO(as_csv(kpi, rows)), parse_dates=dates)
    assert list(frame.columns) == [column.name for column in kpi.columns]
    for column in kpi.columns:
        found = str(frame[column.name].dtype)
        if column.type == "date":
            assert found.startswith("datetime64[")
            assert found.endswith(", UTC]")
        elif column.type != "string":
            assert found == ("float64" if column.nullable else PANDAS_TYPES[column.type])
        known = [value for value in frame[column.name] if value == value]  # noqa: PLR0124 - NaN
        expected = [row[column.name] for row in rows if row[column.name] is not None]
        if column.type in PANDAS_TYPES:
            assert known == expected
