"""Shapes of systems that no built-in format knows, declared as the documentation says; values are made up."""

import json
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.domains import IncomingFile, Located, RejectedRecord
from multimarket_async.domains.orders.channels import Channel
from multimarket_async.domains.orders.formats.declared import parsed
from multimarket_async.domains.orders.formats.feeds import declared_feed
from multimarket_async.domains.orders.formats.suggest import suggested
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings
from tests.domains.orders.formats.exports import order, records

PAYMENTS = """
orders = "data[?paid]"
dates = "epoch"
amounts = "minor"
order = { order_id = "id", date_commande = "created", devise = "currency" }
default.statut_commande = "payée"
lines = { each = "[@]", nom = ["description", "'Payment'"], quantite = "`1`", montant = "amount" }
refunds = { each = "refunds.data", date_remboursement = "created", montant = "amount" }
"""
TILL = """
orders = "Sale"
negative_lines = "refund"
order = { order_id = "saleID", date_commande = "createTime" }
lines = { each = "Lines.Line", nom = "Item.description", quantite = "unitQuantity", prix_unitaire = "unitPrice" }
"""
SETTLED = """
files = "csv"
decimal = ","
dates = "%d.%m.%Y %H:%M:%S %Z"
zone = "UTC"
rows = '"amount-type" == `Price`'
[order]
order_id = 'join(``, ["order-id", "adjustment-id"])'
date_commande = '"posted-date-time"'
avoir = '"transaction-type" == `Refund`'
avoir_de = '"order-id"'
[lines]
nom = "sku"
quantite = "quantity"
montant = "amount"
""".replace("`Price`", "`\"Price\"`").replace("`Refund`", "`\"Refund\"`").replace("``", '`""`')  # fmt: skip
SETTLEMENT = (
    "transaction-type\torder-id\tadjustment-id\tposted-date-time\tsku\tquantity\tamount-type\tamount\n"
    "Order\t402-1\t\t28.11.2025 10:00:01 UTC\tSKU-A\t2\tPrice\t1.039,98\n"
    "Order\t402-1\t\t28.11.2025 10:00:01 UTC\tSKU-A\t\tFees\t-6,00\n"
    "Refund\t402-1\tA1\t30.11.2025 09:00:01 UTC\tSKU-A\t1\tPrice\t-19,99\n"
)


def payment(currency: str, **fields: Any) -> dict[str, Any]:
    back = {"data": [{"amount": 599, "created": 1_764_410_400}]}
    return {
        "id": "c1",
        "paid": True,
        "amount": 2599,
        "created": 1_764_324_000,
        "currency": currency,
        "refunds": back,
        **fields,
    }


@pytest.mark.parametrize(("currency", "amounts"), [("eur", ("25.99", "5.99")), ("jpy", ("2599", "599"))])
def test_payments_have_no_lines_and_currencies_in_small_letters(currency: str, amounts: tuple[str, str]) -> None:
    """The minor units are those of the currency; a payment that failed is passed over."""
    found = order(PAYMENTS, {"data": [payment(currency), payment(currency, paid=False, id="c2")]})
    [line], [refund] = found["produits"], found["remboursements"]
    assert (line, refund["montant"]) == ({"nom": "Payment", "quantite": 1, "montant": amounts[0]}, amounts[1])


def test_minor_units_without_a_currency_are_those_of_the_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config" / "formats").mkdir(parents=True)
    declaration = PAYMENTS.replace(', devise = "currency"', "")
    (tmp_path / "config" / "formats" / "mine.toml").write_text(declaration, "utf-8")
    channel = Channel("yen", "yen", "mine", currency="JPY")
    feed = declared_feed(channel, None, OrderSettings())  # type: ignore[arg-type] - it is only read
    file = IncomingFile("yen", "a.json", None, json.dumps({"data": [payment("")]}).encode())  # type: ignore[arg-type]
    [found] = feed.read(file)
    assert isinstance(found, Located)
    assert isinstance(found.record, dict)
    assert (found.record["devise"], found.record["montant_centimes"]) == ("JPY", 2599)


def test_an_object_stands_for_a_list_of_one() -> None:
    """As in what was XML."""
    line = {"unitQuantity": "3", "unitPrice": "10.5", "Item": {"description": "Gant"}}
    back = {**line, "unitQuantity": "-1"}
    sales = [
        order(TILL, {"Sale": {"saleID": "5", "createTime": "2025-11-28T15:58:00Z", "Lines": {"Line": lines}}})
        for lines in (line, [line], [line, back])
    ]
    assert sales[0] == sales[1]
    assert [sale["produits"] for sale in sales] == [[{"nom": "Gant", "quantite": "3", "prix_unitaire": "10.5"}]] * 3
    assert [line["quantite"] for refund in sales[2]["remboursements"] for line in refund["lignes"]] == ["1"]


def test_rows_that_are_no_lines_are_passed_over() -> None:
    """And a credit note under the number of its order has a key of its own."""
    found = records(SETTLED, SETTLEMENT.encode(), "a.txt")
    assert not any(isinstance(record, RejectedRecord) for record in found)
    sale, note = [record.record for record in found]  # type: ignore[union-attr]
    assert (sale["order_id"], sale["produits"]) == ("402-1", [{"nom": "SKU-A", "quantite": "2", "montant": "1039.98"}])
    assert (note["order_id"], note["avoir_de"], note["avoir"]) == ("402-1A1", "402-1", True)


def test_commas_between_thousands_are_declared() -> None:
    """By themselves they could be decimal ones."""
    form = 'files = "csv"\norder = { order_id = "No", date_commande = "At" }\n'
    form += 'lines = { nom = "N", quantite = "Q", montant = "A" }\n'
    content = b'No,At,N,Q,A\n1,2025-11-28,Mug,1,"1,020.50"\n'
    assert order(f'thousands = ","\n{form}', content)["produits"][0]["montant"] == "1020.50"
    assert order(form, content)["produits"][0]["montant"] == "1,020.50"  # which is no number
    assert 'thousands = ","' in suggested(IncomingFile("", "a.csv", None, content))  # type: ignore[arg-type]
    with pytest.raises(WrongSettings, match="decimal and thousands are the same"):
        parsed("mine.toml", f'decimal = ","\nthousands = ","\n{form}')


def test_suggest_knows_dates_of_mail_and_lists_without_lines() -> None:
    product = {"name": "Bol", "quantity": 2, "price_ex_tax": "15.00"}
    shop = [{"id": 1, "date_created": "Tue, 20 Nov 2025 00:00:00 +0000", "products": [product]}]
    declaration = suggested(IncomingFile("", "a.json", None, json.dumps(shop).encode()))  # type: ignore[arg-type]
    assert 'dates = "%a, %d %b %Y %H:%M:%S %z"' in declaration
    assert 'prix_unitaire = "price_ex_tax"' in declaration
    content = json.dumps({"data": [payment("eur")]}).encode()
    declaration = suggested(IncomingFile("", "a.json", None, content))  # type: ignore[arg-type]
    assert 'orders = "data"' in declaration
    assert '"[@]"' in declaration
