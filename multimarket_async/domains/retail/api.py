"""The simulated chain as the FastAPI service of RetailInsights: its routes as they are, paged on request."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from http import HTTPStatus
from itertools import chain as chained
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.simulator.chain import Chain, Place
from multimarket_async.domains.retail.simulator.files import lists
from multimarket_async.domains.retail.simulator.hours import HOURS, MINUTES, StoreDay

Limit = Annotated[int | None, Query(ge=1)]
Offset = Annotated[int, Query(ge=0)]
WRONG_DATE = {"error": "Date format is incorrect. Use 'YYYY-MM-DD'."}


class Service:
    """The days of all stores up to now."""

    def __init__(self, seed: int, settings: RetailSettings, now: Callable[[], datetime]) -> None:
        self._chain = Chain(seed, settings.simulated_stores, settings.simulated_clients)
        self._settings, self._now, self._zone = settings, now, ZoneInfo(settings.timezone)

    def all_of(self, feed: str) -> list[dict[str, Any]]:
        """All stores, products or clients."""
        return lists(self._chain, feed)

    def footfall(self, day: str, stores: Iterable[Place]) -> list[dict[str, Any]]:
        """The hours of these stores, as far as they have passed."""
        return [record for of, until in self._days(day, stores) for record in of.footfall(until)[0]]

    def sales(self, day: str, stores: Iterable[Place]) -> Iterator[dict[str, Any]]:
        """The lines of their tickets so far."""
        return chained.from_iterable(of.sales(0, until) for of, until in self._days(day, stores))

    def stores(self, identifier: str | None = None) -> list[Place]:
        """The store with this key, or all."""
        return [store for store in self._chain.stores if identifier in (None, store.id)]

    def _days(self, day: str, stores: Iterable[Place]) -> Iterator[tuple[StoreDay, int]]:
        now = self._now().astimezone(self._zone)
        at = _date(day)
        if at is not None and at <= now.date():
            until = HOURS * MINUTES if at < now.date() else now.hour * MINUTES + now.minute
            yield from ((StoreDay(self._chain, store, at, self._settings), until) for store in stores)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        return None


def service(seed: int, settings: RetailSettings, now: Callable[[], datetime]) -> FastAPI:
    """The ASGI application."""
    app, of = FastAPI(docs_url=None, redoc_url=None, openapi_url=None), Service(seed, settings, now)
    for add in (_add_lists, _add_footfall, _add_sales):
        add(app, of)
    return app


def _add_lists(app: FastAPI, of: Service) -> None:
    @app.get("/stores")
    def stores(limit: Limit = None, offset: Offset = 0) -> Response:
        return _page(of.all_of("retail_stores"), limit, offset)

    @app.get("/products")
    def products(limit: Limit = None, offset: Offset = 0) -> Response:
        return _page(of.all_of("retail_products"), limit, offset)

    @app.get("/clients")
    def clients(city: str | None = None, limit: Limit = None, offset: Offset = 0) -> Response:
        everybody = of.all_of("retail_clients")
        found = [client for client in everybody if city is None or client["city"].lower() == city.lower()]
        if not found:
            return JSONResponse({"error": f"No clients found in city: {city}"}, HTTPStatus.NOT_FOUND)
        return _page(found, limit, offset)


def _add_footfall(app: FastAPI, of: Service) -> None:
    @app.get("/retail_data")
    def retail_data(date: str, limit: Limit = None, offset: Offset = 0) -> Response:
        if _date(date) is None:
            return JSONResponse(WRONG_DATE, HTTPStatus.BAD_REQUEST)
        return _page(of.footfall(date, of.stores()), limit, offset)

    @app.get("/retail_data/store")
    def retail_data_of_store(date: str, store_id: str, limit: Limit = None, offset: Offset = 0) -> Response:
        if _date(date) is None:
            return JSONResponse([WRONG_DATE])
        nothing = f"No retail data found for store ID: {store_id} on {date}."
        return _page(of.footfall(date, of.stores(store_id)), limit, offset, nothing)


def _add_sales(app: FastAPI, of: Service) -> None:
    @app.get("/sales")
    def sales(sale_date: str, store_id: str, limit: Limit = None, offset: Offset = 0) -> Response:
        nothing = f"No sales found for store ID: {store_id} on {sale_date}"
        return _page(of.sales(sale_date, of.stores(store_id)), limit, offset, nothing)

    @app.get("/sales/hour")
    def sales_of_hour(sale_date: str, hour: str, limit: Limit = None, offset: Offset = 0) -> Response:
        found = (line for line in of.sales(sale_date, of.stores()) if line["sale_time"][:2] == hour.zfill(2))
        return _page(found, limit, offset, f"No sales found for hour: {hour} on {sale_date}")


def _page(records: Iterable[dict[str, Any]], limit: int | None, offset: int, nothing: str = "") -> Response:
    """So many of the records; without any at all, the error that says so, where there is one."""
    found = list(islice(records, offset, None if limit is None else offset + limit))
    if not found and not offset and nothing:
        return JSONResponse([{"error": nothing}])
    return Response(to_json(found), media_type="application/json")
