"""The lake and the warehouse of retail: each table at its place, and equal to the documents."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars
import pytest
from deltalake import DeltaTable
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.domains.retail.lake import LAKE
from tests.sinks.conftest import HASTE, loaded, postgres, postgres_uri  # noqa: F401 - fixtures
from tests.sinks.test_warehouse import ask

pytestmark = pytest.mark.slow
UNTIL = datetime(2026, 5, 13, tzinfo=UTC)
SMALL = {"retail.simulated_stores": 3, "retail.simulated_clients": 20, "retail.simulated_share": 0.01}
SUMS = {
    "fact_store_hour": "SELECT sum(visitors) FROM fact_store_hour",
    "fact_article_day": "SELECT sum(revenue) FROM fact_article_day JOIN dim_article USING (product_id)",
    "fact_store_day": "SELECT sum(revenue) FROM fact_store_day JOIN dim_store USING (store_id)",
}


async def written(application: Application, *numbers: int) -> dict[str, int | str]:
    """Deliver store days of these numbers, collect, measure, and write to both."""
    for feed, landing in application.feeds:
        assert feed.simulate
        for number in numbers[: feed.simulated_files]:
            delivery = feed.simulate(1, number, UNTIL - timedelta(days=3), UNTIL)
            await landing.deliver(delivery.name, delivery.content)
    await application.collector().until_empty()
    snapshotter = application.snapshotter()
    try:
        await snapshotter.refresh()
    finally:
        await snapshotter.aclose()
    return await app.sink_once(application)


async def test_both_hold_what_was_extracted_and_what_was_computed(
    mongo_uri: str,
    database: "Database[Any]",
    tmp_path: Path,
    postgres_uri: str,  # noqa: F811
) -> None:
    """At the places that the lake declares, by date; late data change both; again it writes nothing."""
    given = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name, **HASTE, **SMALL}
    given |= {"domains": ("retail",), "sinks": ("lake", "warehouse"), "postgres_uri": postgres_uri}
    async with app.opened(app.workspace(loaded(given))) as application:
        assert await written(application, 0, 1, 2, 3) == {"lake": 1, "warehouse": 1}
        await written(application, 4, 5)
        versions = {table.name: DeltaTable(str(tmp_path / "data" / "lake" / table.name)).version() for table in LAKE}
        assert await written(application) == {"lake": 2, "warehouse": 2}
        assert await app.compare_sinks(application) == {"lake": (2, []), "warehouse": (2, [])}
    at_their_places(tmp_path / "data" / "lake", versions)
    sales = database["retail_sales"]
    [sold] = sales.aggregate([{"$group": {"_id": None, "cents": {"$sum": "$amount_minor"}}}])
    [[visitors]], [[by_article]], [[by_store]] = [await ask(postgres_uri, query) for query in SUMS.values()]
    assert by_article * 100 == by_store * 100 == sold["cents"]
    assert visitors == sum(hour["visitors"] or 0 for hour in database["retail_footfall"].find())


def at_their_places(lake: Path, versions: dict[str, int]) -> None:
    """Nowhere else, and without names of clients; those with a time by its date."""
    held = {str(found.parent.relative_to(lake)) for found in lake.rglob("_delta_log")}
    assert held == {"generations", *versions, "kpi_store_months", "kpi_store_quarters", "kpi_store_years"}
    tables = {name: DeltaTable(str(lake / name)) for name in versions}
    assert {name: table.version() for name, table in tables.items()} == versions
    dated = {name for name, table in tables.items() if table.metadata().partition_columns == ["event_date"]}
    assert dated == {"extracted_data/sales", "extracted_data/retail_data"}
    assert "name" not in polars.read_delta(str(lake / "extracted_data/clients")).columns
    days = polars.read_delta(str(lake / "processed_data/store_days"))
    sales = polars.read_delta(str(lake / "extracted_data/sales"))
    assert days["total_revenue_minor"].sum() == sales["amount_minor"].sum()
    assert len(days) == len(polars.read_delta(str(lake / "extracted_data/retail_data"))) / 24
