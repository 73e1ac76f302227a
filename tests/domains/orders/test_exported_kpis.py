"""Exported orders end to end: files of shop systems, documents, KPIs, and the same in SQL over the files."""

import asyncio
import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from multimarket_async.domains import LoadedDomain
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.proving.trial import Arrival, Outcome, on_trial
from tests.domains.orders.formats.test_built_in import slip

CHANNELS: dict[str, Any] = {
    "boutique_shopify": {"canal": "shopify", "format": "shopify", "shop": "s1"},
    "caisse": {"canal": "caisse", "format": "order-lines"},
    **{name: {"enabled": False} for name in ("site_web", "application_mobile", "boutique_physique")},
}


def declared(**channels: Any) -> LoadedDomain:
    return ORDERS.declare(OrderSettings.model_validate({"channels": {**CHANNELS, **channels}}))


def shopify(number: int, *lines: tuple[str, int, str], **fields: Any) -> dict[str, Any]:
    """An order of Shopify; a line is a name, a quantity and a price."""
    items = [
        {"id": place, "product_id": place, "name": name, "quantity": quantity, "price": price}
        for place, (name, quantity, price) in enumerate(lines, start=1)
    ]
    dates = {"created_at": "2026-05-01T10:00:00+02:00", "updated_at": "2026-05-01T10:00:00+02:00"}
    paid = {"financial_status": "paid", "currency": "EUR", "customer": {"id": 7}, "line_items": items}
    return {"id": number, **dates, **paid, **fields}


def refund(number: int, line: int, quantity: int, amount: str, at: str) -> dict[str, Any]:
    line_items = [{"line_item_id": line, "quantity": quantity, "subtotal": amount}]
    return {"id": number, "created_at": at, "refund_line_items": line_items}


def encoded(order: Any) -> bytes:
    return json.dumps(order).encode()


async def outcome_of(
    domain: LoadedDomain,
    files: list[tuple[str, str, bytes]],
    uri: str,
    folder: Path,
    *,
    tampered: dict[str, Any] | None = None,
) -> Outcome:
    """The outcome of files, of (feed, name, content), delivered in this order. tampered: a later change by hand."""
    feeds = {feed.name: feed for feed in domain.feeds}
    load = [
        Arrival(feeds[feed], name, content, 1_780_000_000 + 60 * number)
        for number, (feed, name, content) in enumerate(files)
    ]
    async with on_trial(domain, uri, folder) as trial:
        await trial.collect_in_parts(load)
        for key, change in (tampered or {}).items():
            await trial.store.update("commandes", [({"_id": key}, change)], insert=False)
        return await trial.outcome(load)


FIRST = shopify(1, ("Lampe", 2, "10.00"), shipping_address={"address1": "1 rue", "city": "Lyon"})
LATER = {
    **FIRST,
    "updated_at": "2026-06-03T09:00:00+02:00",
    "refunds": [refund(50, 1, 1, "10.00", "2026-06-03T09:00:00+02:00")],
}
YEN = shopify(2, ("Lampe", 3, "500"), currency="JPY", customer=None, created_at="2026-05-02T10:00:00+02:00")
DINAR = shopify(3, ("Tapis", 1, "12.345"), currency="TND", customer=None, created_at="2026-05-02T10:00:00+02:00")
HEADER = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
WEIGHED = b"9001,T,Tomates,0.750,2026-05-03 08:00:00,11.99,,France\n9001,L,LAMPE ,1,2026-05-03 08:00:00,9.99,,France\n"
CREDIT = b"C9002,L,lampe,-1,2026-06-04 08:00:00,9.99,,France\n"
RATES = b"date,currency,rate\n2026-05-01,JPY,0.0061\n2026-05-03,JPY,0.7\n"
FILES = [
    ("caisse", "credit.csv", HEADER + CREDIT),
    ("boutique_shopify", "1.json", encoded(FIRST)),
    ("boutique_shopify", "1-later.json", encoded(LATER)),
    ("boutique_shopify", "1-spelled.json", json.dumps(dict(reversed(LATER.items())), indent=1).encode()),
    ("boutique_shopify", "1-again.json", encoded(FIRST) + b"\n"),
    ("boutique_shopify", "2.json", encoded(YEN)),
    ("boutique_shopify", "3.json", encoded(DINAR)),
    ("caisse", "weighed.csv", HEADER + WEIGHED),
    ("exchange_rates", "rates.csv", RATES),
]


@pytest.fixture(scope="module")
def outcome(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("exported")
    return asyncio.run(outcome_of(declared(), FILES, mongo_uri, folder))


def rows(outcome: Outcome, name: str, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in outcome.rows[name]]


def test_verify_says_right(outcome: Outcome) -> None:
    assert outcome.report.differences == []
    assert list(outcome.lost()) == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"$inc": {"montant_centimes": 1}}, "montant_centimes"),
        ({"$set": {"produits.0.quantite": 3, "more": 1}}, "more, produits"),
        ({"$unset": {"livraison": 1}}, "livraison"),
    ],
)
def test_an_order_that_was_changed_in_mongodb_is_named_by_verify(
    mongo_uri: str, tmp_path: Path, change: dict[str, Any], names: str
) -> None:
    """With the fields, though nothing else says that it was; what of it is in no KPI is found, too."""
    found = asyncio.run(outcome_of(declared(), FILES[1:4], mongo_uri, tmp_path, tampered={"shopify:s1:1": change}))
    sentence = f"shopify:s1:1 is not as 1-later.json has it: {names} was changed in MongoDB"
    assert f"boutique_shopify: {sentence}" in found.report.differences


def test_a_newer_state_replaces_an_older_one_and_the_older_one_changes_nothing(outcome: Outcome) -> None:
    [account] = [files for files in outcome.accounts if files.feed == "boutique_shopify"]
    assert account.of_receipts is not None
    assert (account.of_receipts.stored, account.of_receipts.duplicate, account.of_receipts.superseded) == (4, 1, 1)
    assert outcome.quarantined["boutique_shopify"] == {}
    assert outcome.documents["commandes"]["shopify:s1:1"]["remboursements"][0]["montant_centimes"] == 1000


def test_amounts_of_a_month(outcome: Outcome) -> None:
    """3 x 500 yen at 0.0061 are 9.15; dinars have no rate; 0.750 x 11.99 is 8.99 (8.9925); refunds are of June."""
    columns = ("month", "channel", "orders", "revenue", "refunds", "net_revenue", "net_revenue_minor", "unconverted")
    assert rows(outcome, "revenue_by_month_and_channel", *columns) == [
        ("2026-05", "caisse", 1, 18.98, 0.0, 18.98, 1898, 0),
        ("2026-05", "shopify", 3, 29.15, 0.0, 29.15, 2915, 1),
        ("2026-06", "caisse", 0, 0.0, 9.99, -9.99, -999, 0),
        ("2026-06", "shopify", 0, 0.0, 10.0, -10.0, -1000, 0),
    ]


def test_amounts_of_each_currency_and_what_has_no_rate(outcome: Outcome) -> None:
    columns = ("currency", "orders", "unconverted", "amount", "revenue")
    assert rows(outcome, "amounts_by_currency", *columns) == [
        ("EUR", 2, 0, 38.98, 38.98),
        ("JPY", 1, 0, 1500.0, 9.15),
        ("TND", 1, 1, 12.345, 0.0),
    ]


def test_an_average_counts_only_orders_that_are_in_its_amount(outcome: Outcome) -> None:
    """29.15 by two orders; the third has no rate."""
    columns = ("channel", "orders", "average_order_value")
    assert rows(outcome, "average_order_value_by_channel", *columns) == [("caisse", 1, 18.98), ("shopify", 3, 14.58)]


def test_products_by_a_common_form_of_their_name_net_of_refunds(outcome: Outcome) -> None:
    """The first spelling is shown; goods by weight are one piece."""
    columns = ("product", "quantity", "net_quantity", "revenue", "net_revenue", "measured_quantity")
    assert rows(outcome, "top_products", *columns) == [
        ("Lampe", 6, 4, 39.14, 19.15, 0.0),
        ("Tapis", 1, 1, 0.0, 0.0, 0.0),
        ("Tomates", 1, 1, 8.99, 8.99, 0.75),
    ]
    assert rows(outcome, "products_by_month", "month", *columns)[-1:] == [("2026-06", "Lampe", 0, -2, 0.0, -19.99, 0.0)]


RETURNED = b"C9010,T,tapis,-2,2026-06-05 08:00:00,5.00,,France\n"
SOLD = b"9008,T,Tapis,5,2026-06-04 08:00:00,5.00,,France\n9009,L,Lampe,4,2026-06-04 08:00:00,9.99,,France\n"


def test_products_rank_by_what_is_left_behind_credit_notes(mongo_uri: str, tmp_path: Path) -> None:
    """Of five rugs two came back, so lamps are first; and by day, where days are chosen."""
    files = [("caisse", "note.csv", HEADER + RETURNED), ("caisse", "sales.csv", HEADER + SOLD)]
    found = asyncio.run(outcome_of(declared(), files, mongo_uri, tmp_path))
    assert found.report.differences == []
    columns = ("product", "quantity", "net_quantity")
    assert rows(found, "top_products", *columns) == [("Tapis", 5, 3), ("Lampe", 4, 4)]
    ranked = ("rank", *columns, "net_revenue_minor")
    assert rows(found, "top_products_by_net_quantity", *ranked) == [(1, "Lampe", 4, 4, 3996), (2, "Tapis", 5, 3, 1500)]
    days = [("2026-06-04", "Lampe", 4, 4), ("2026-06-04", "Tapis", 5, 5), ("2026-06-05", "Tapis", 0, -2)]
    assert rows(found, "products_by_day", "day", *columns) == days


@pytest.mark.parametrize("name", ["amounts_by_currency", "top_products_by_net_quantity"])
def test_currencies_and_net_pieces_are_shown_where_there_may_be_refunds(name: str) -> None:
    """And are no table of a shop that has the contract alone."""
    assert name in {chart.kpi for board in declared().dashboards for chart in board.charts}
    assert name not in {kpi.name for kpi in ORDERS.declare(OrderSettings()).kpis}


def test_guests_are_not_one_customer(outcome: Outcome) -> None:
    assert rows(outcome, "repeat_customers_by_month", "month", "customers", "repeat_customers") == [("2026-05", 1, 0)]


INVOICES, LINES, PRODUCTS = 2_400, 23, 20


def invoices() -> tuple[bytes, dict[tuple[str, str], list[int]]]:
    """Invoices and credit notes of half a year; and by month and product pieces and cents sold, and those left."""
    dice, rows = Random(5), [HEADER.decode()]
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for invoice in range(INVOICES):
        credit = invoice % 8 == 7
        at = datetime(2026, 1, 1) + timedelta(minutes=100 * invoice)  # noqa: DTZ001 - as the file has it
        for _ in range(LINES if not credit else 3):
            product, pieces, cents = f"Produit {dice.randrange(PRODUCTS)}", dice.randint(1, 9), dice.randint(1, 9_999)
            quantity, name = (-pieces, f"C{invoice}") if credit else (pieces, f"{invoice}")
            rows.append(f"{name},P,{product},{quantity},{at},{cents / 100},{dice.randrange(99)},France\n")
            of = sums[f"{at:%Y-%m}", product]
            if not credit:
                of[0] += pieces
                of[1] += pieces * cents
            of[2] += quantity
            of[3] += quantity * cents
    return "".join(rows).encode(), sums


@pytest.mark.slow
def test_net_revenue_is_sales_less_credits_for_every_product_and_month(mongo_uri: str, tmp_path: Path) -> None:
    content, sums = invoices()
    found = asyncio.run(outcome_of(declared(), [("caisse", "invoices.csv", content)], mongo_uri, tmp_path))
    assert found.report.differences == []
    columns = ("month", "product", "quantity", "revenue_minor", "net_quantity", "net_revenue_minor")
    assert sorted(rows(found, "products_by_month", *columns)) == sorted((*key, *of) for key, of in sums.items())
    months = {month for month, _ in sums}
    net = {month: sum(of[3] for key, of in sums.items() if key[0] == month) for month in months}
    assert dict(rows(found, "revenue_by_month_and_channel", "month", "net_revenue_minor")) == net
    notes = [document for document in found.documents["commandes"].values() if document.get("avoir")]
    assert len(notes) == INVOICES // 8


def test_an_order_without_versions_conflicts_with_another_content(mongo_uri: str, tmp_path: Path) -> None:
    """The reason names the field; and with pseudonyms, neither client nor address is stored."""
    changed = WEIGHED.replace(b",9.99,", b",8.99,")
    files = [("caisse", "first.csv", HEADER + WEIGHED), ("caisse", "second.csv", HEADER + changed)]
    settings = {"channels": CHANNELS, "pseudonym_key": "0123456789abcdef"}
    domain = ORDERS.declare(OrderSettings.model_validate(settings))
    found = asyncio.run(
        outcome_of(domain, [*files, ("boutique_shopify", "1.json", encoded(FIRST))], mongo_uri, tmp_path)
    )
    assert found.quarantined["caisse"] == {"conflict": 1}
    [reason] = tmp_path.rglob("*.reason.json")
    assert "prix_unitaire" in reason.read_text("utf-8")
    assert found.report.differences == []
    order = found.documents["commandes"]["shopify:s1:1"]
    assert order["client_id"].startswith("p")
    assert "adresse" not in order["livraison"]


PRESTASHOP = {"presta": {"canal": "presta", "format": "prestashop", "currency": "EUR"}}


def test_order_slips_of_prestashop_are_refunds_of_the_products_of_their_order(mongo_uri: str, tmp_path: Path) -> None:
    """By the number of the line, whichever comes first; of an order that is not there, and of an amount, of none."""
    rows_of = [
        {"id": "8", "product_name": "Affiche", "product_quantity": "3", "unit_price_tax_excl": "9.100000"},
        {"id": "9", "product_name": "Mug", "product_quantity": "2", "unit_price_tax_excl": "5.000000"},
    ]
    order = {"id": 12, "id_customer": "7", "current_state": "5", "date_add": "2026-01-05 10:00:00",
             "date_upd": "2026-01-06 10:00:00", "associations": {"order_rows": rows_of}}  # fmt: skip
    detail = {"id": "1", "product_quantity": "2"}
    affiche = slip(12, "12", {**detail, "id_order_detail": "8", "amount_tax_excl": "18.200000"})
    gone = slip(14, "99", {**detail, "id_order_detail": "8", "amount_tax_excl": "1.000000"})
    given = ({"order_slip": affiche}, {"order": order}, {"order_slips": [slip(13, "12"), gone]})
    files = [("presta", f"{number}.json", encoded(content)) for number, content in enumerate(given)]
    found = asyncio.run(outcome_of(declared(**PRESTASHOP), files, mongo_uri, tmp_path))
    assert found.report.differences == []
    columns = ("orders", "revenue", "refunds", "net_revenue")
    assert rows(found, "revenue_by_month_and_channel", *columns) == [(1, 37.3, 28.3, 9.0)]
    ranked = ("product", "net_quantity", "quantity", "net_revenue")
    assert rows(found, "top_products_by_net_quantity", *ranked) == [("Mug", 2, 2, 10.0), ("Affiche", 1, 3, 9.1)]


SQUARE = {"retours": {"canal": "square", "format": "square", "shop": "s2"}}


def square(number: str, state: str, **fields: Any) -> dict[str, Any]:
    """An order of Square, of 12.00 unless it says otherwise."""
    money = {"amount": 1200, "currency": "EUR"}
    line = {"uid": "l1", "name": "Café", "quantity": "2", "total_money": money, "total_tax_money": {"amount": 0}}
    dates = {"created_at": "2026-05-01T10:00:00Z", "updated_at": "2026-05-01T10:00:00Z"}
    return {"id": number, "state": state, **dates, "line_items": [line], **fields}


def test_a_credit_note_of_a_cancelled_order_gives_back_nothing(mongo_uri: str, tmp_path: Path) -> None:
    """The order was no revenue; whichever of the two comes first. That of an order that is kept counts."""
    back = {"uid": "r1", "name": "Café", "quantity": "2", "total_money": {"amount": 1200}}

    def note(number: str, of: str) -> dict[str, Any]:
        returns = [{"source_order_id": of, "return_line_items": [back]}]
        return square(number, "COMPLETED", line_items=[], returns=returns)

    orders = [note("n1", "a"), square("a", "CANCELED"), square("b", "COMPLETED"), note("n2", "b"), note("n3", "gone")]
    files = [("retours", f"{order['id']}.json", encoded(order)) for order in orders]
    found = asyncio.run(outcome_of(declared(**SQUARE), files, mongo_uri, tmp_path))
    assert found.report.differences == []
    columns = ("orders", "cancelled_orders", "revenue", "refunds", "net_revenue")
    assert rows(found, "revenue_by_month_and_channel", *columns) == [(2, 1, 12.0, 24.0, -12.0)]
    assert rows(found, "top_products", "product", "quantity", "net_quantity") == [("Café", 2, -2)]
