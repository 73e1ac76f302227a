"""A client of exported orders is erased from every place; what is of others stays, and `verify` is right."""

import json
from dataclasses import replace
from typing import Any

import pytest

from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from tests.erasure.test_erase import Place, shop

__all__ = ["shop"]
HER, HIM = "70000071", "7000007"  # the one ID begins with the other
CHANNELS = {"boutique": {"format": "shopify", "shop": "s1"}, "caisse": {"format": "order-lines"}}
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def order(number: int, client: str, version: int = 1, **fields: Any) -> bytes:
    line = {"id": 1, "name": "Lampe", "quantity": 2, "price": "5.00"}
    dates = {"created_at": "2026-03-28T18:04:11Z", "updated_at": f"2026-03-29T18:04:1{version}Z"}
    returned = {
        "id": 9,
        "created_at": "2026-03-29T18:00:00Z",
        "refund_line_items": [{"line_item_id": 1, "quantity": 1}],
    }
    of = {"customer": {"id": int(client)}, "line_items": [line], "refunds": [returned] if version > 1 else []}
    return json.dumps({"id": number, "financial_status": "paid", **dates, **of, **fields}).encode()


def row(number: str, client: str, quantity: int = 1) -> str:
    return f"{number},A1,Tasse,{quantity},2026-03-28 08:26:00,2.55,{client},France\n"


@pytest.mark.slow
async def test_a_client_is_erased_from_every_place(shop: Place) -> None:
    """Orders and older versions of them, a wrapped list, scattered rows, a credit note, and what was rejected."""
    settings = OrderSettings.model_validate({"channels": CHANNELS})
    shop = replace(shop, domain=ORDERS.declare(settings))
    for _, landing in shop.feeds:
        landing.prepare()
    files = {
        "boutique": {
            "1.json": order(1, HER),
            "1-later.json": order(1, HER, 2),
            "1-again.json": order(1, HER, 2) + b"\n",
            "list.json": b'{"orders": [%b, %b]}' % (order(2, HIM), order(3, HER)),
            "bad.json": order(4, HER, financial_status="unheard of", created_at="yesterday"),
        },
        "caisse": {
            "rows.csv": (HEADER + row("1", HER) + row("2", HIM) + row("1", HER) + row("C3", HER, -1)).encode(),
            "bad.csv": (HEADER + row("4", HIM) + row("5", HER).replace("Tasse", "")).encode(),
        },
    }
    for name, contents in files.items():
        for file, content in contents.items():
            await shop.landing(name).deliver(file, content)
            await shop.collect()
    await shop.measure()
    assert (await shop.verified()).differences == []
    await shop.erase(HER)
    assert shop.holding(HER) == []
    assert {document["_id"] for document in shop.database.commandes.find()} == {"boutique:s1:2", "caisse:2", "caisse:4"}
    await shop.measure()
    assert (await shop.verified()).differences == []
