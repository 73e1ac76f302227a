"""The four files of bikes: their columns, the rules that these must meet, and a document for each line."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.domains import Document, IncomingFile, Record
from multimarket_async.domains.bikes import rules
from multimarket_async.domains.bikes.settings import BikeSettings, declared
from multimarket_async.formats import Csv, Date, Integer, Money, Number, Text

FRAMES = ("Aluminum", "Carbon")
STATE = re.compile("[A-Z]{2}")
FIRST_BIRTH = datetime(1900, 1, 1, tzinfo=UTC)
# Spreadsheets write what they like: all is found over the whole file, and logged (`format.found`).
FOUND: dict[str, Any] = {"delimiter": None, "encoding": None, "fallback_encoding": "cp1252", "decimal": None}

BIKES = Csv(
    {
        "bike.id": Integer("bike", decimal="."),
        "model": Text("model"),
        "category1": Text("category1"),
        "category2": Text("category2"),
        "frame": Text("frame"),
        "price": Money("price_minor", demands=(rules.PRICE.demand(lambda minor: bool(minor > 0)),)),
    },
    **FOUND,
)
SHOPS = Csv(
    {
        "bikeshop.id": Integer("shop", decimal="."),
        "bikeshop.name": Text("name"),
        "bikeshop.city": Text("city"),
        "bikeshop.state": Text("state"),
        "latitude": Number("latitude", demands=(rules.LATITUDE.demand(lambda degrees: abs(degrees) <= 90),)),  # noqa: PLR2004
        "longitude": Number("longitude", demands=(rules.LONGITUDE.demand(lambda degrees: abs(degrees) <= 180),)),  # noqa: PLR2004
    },
    **FOUND,
)


def orders(settings: BikeSettings, latest: datetime) -> Csv:
    """Order lines. latest: no order may be dated later."""
    number = partial(Integer, decimal=".")
    quantity = number("quantity", demands=(rules.QUANTITY.demand(lambda pieces: bool(pieces >= 1)),))
    columns = {
        "order.id": number("order"),
        "order.line": number("line"),
        "order.date": Date("ordered_on", starts_in=ZoneInfo(settings.timezone), demands=(rules.before(latest),)),
        "customer.id": number("customer"),
        "product.id": number("product"),
        "quantity": quantity,
    }
    return Csv(columns, dates=declared(settings.order_dates), **FOUND)


def customers(settings: BikeSettings) -> Csv:
    """Customers, as far as they are measured: names and mail addresses are not kept."""
    income = Money("income_minor", nullable=True, demands=(rules.INCOME.demand(lambda minor: bool(minor >= 0)),))
    columns = {
        "CustomerKey": Integer("customer", decimal="."),
        "BirthDate": Date("born_on", nullable=True, starts_in=UTC),
        "Gender": Text("gender", nullable=True),
        "AnnualIncome": income,
    }
    return Csv(columns, dates=declared(settings.birth_dates), **FOUND)


def bike(values: dict[str, Any]) -> Document:
    """A bike of the price list."""
    return {"_id": str(values["bike"]), **values, "flags": rules.flags((rules.FRAME, values["frame"] in FRAMES))}


def shop(values: dict[str, Any]) -> Document:
    """A shop, which is a customer of the dealer."""
    flags = rules.flags((rules.STATE, bool(STATE.fullmatch(values["state"]))))
    return {"_id": str(values["shop"]), **values, "flags": flags}


def order_line(values: dict[str, Any], usual: int) -> Document:
    """A line of an order. usual: more pieces are flagged."""
    flags = rules.flags((rules.USUAL, values["quantity"] <= usual))
    return {"_id": f"{values['order']}/{values['line']}", **values, "flags": flags}


def customer(values: dict[str, Any]) -> Document:
    """A customer: the person who buys for a shop."""
    born = values["born_on"]
    flags = rules.flags((rules.GENDER, values["gender"] is not None), (rules.BORN, not born or born >= FIRST_BIRTH))
    return {"_id": str(values["customer"]), **values, "flags": flags}


def read_orders(file: IncomingFile, settings: BikeSettings) -> Iterator[Record]:
    """The order lines of a file, which are not dated after it, but for a day of time zones and clocks."""
    make = partial(order_line, usual=settings.usual_quantity)
    return orders(settings, file.received_at + timedelta(days=1)).reader(make)(file)
