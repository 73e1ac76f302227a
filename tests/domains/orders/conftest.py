"""KPIs as a generation publishes them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from bson.codec_options import CodecOptions
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.domains import Row
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Store

Measure: TypeAlias = Callable[..., Awaitable[dict[str, list[Row]]]]


@pytest.fixture
async def computed(mongo_uri: str, database: Database[Any]) -> AsyncIterator[Measure]:
    """(documents, then stages over the published rows, then settings) -> rows by name of the KPI."""
    store = Store(mongo_uri, database.name)

    async def measure(
        documents: list[dict[str, Any]], extra: tuple[dict[str, Any], ...] = (), **given: Any
    ) -> dict[str, list[Row]]:
        for document in documents:
            document.setdefault("ingestion", {"partition": "p", "ingested_at": document["date_commande"]})
        if documents:
            database["commandes"].insert_many(documents)
        settings = OrderSettings(**given)
        domain = replace(ORDERS.declare(settings), feeds=(), listings=())
        await Snapshotter([domain], store, Clock()).rebuild()
        return {kpi.name: _published(database, kpi.name, extra) for kpi in domain.kpis}

    yield measure
    await store.aclose()


def _published(database: Database[Any], name: str, extra: tuple[dict[str, Any], ...]) -> list[Row]:
    rows = f"$kpis.{name}.rows"
    stages = [{"$sort": {"_id": -1}}, {"$limit": 1}, {"$unwind": rows}, {"$replaceWith": rows}, *extra]
    return list(database.get_collection(GENERATIONS, CodecOptions(tz_aware=True)).aggregate(stages))
