"""Orders of shop systems, as their built-in formats read them."""

import json
from typing import Any

import pytest

from multimarket_async.domains import Located, RejectedRecord
from multimarket_async.domains.orders.formats import declared, names
from multimarket_async.domains.orders.settings import OrderSettings
from tests.domains.orders.formats.exports import order, records

SHOPIFY: dict[str, Any] = {
    "id": 820000000001,
    "name": "#1001",
    "created_at": "2026-02-01T10:00:00+01:00",
    "updated_at": "2026-02-03T08:00:00+01:00",
    "cancelled_at": None,
    "currency": "EUR",
    "financial_status": "partially_refunded",
    "taxes_included": False,
    "total_discounts": "7.00",
    "subtotal_price": "23.00",
    "total_tax": "4.60",
    "customer": None,
    "shipping_address": {"address1": "3 rue du Test", "address2": "Bât. B", "city": "Nice"},
    "shipping_lines": [{"price": "3.00"}, {"price": "1.50"}],
    "line_items": [
        {
            "id": 1,
            "variant_id": 77,
            "product_id": 7,
            "name": "Bol",
            "quantity": 3,
            "price": "10.00",
            "discount_allocations": [{"amount": "3.34"}, {"amount": "3.66"}],
            "tax_lines": [{"price": "4.60"}],
        }
    ],
    "refunds": [
        {
            "id": 51,
            "created_at": "2026-02-03T07:59:00+01:00",
            "refund_line_items": [{"line_item_id": 1, "quantity": 1, "subtotal": "7.67", "total_tax": "1.53"}],
        },
        {
            "id": 52,
            "created_at": "2026-02-03T08:00:00+01:00",
            "refund_line_items": [],
            "order_adjustments": [
                {"kind": "refund_discrepancy", "amount": "-2.00"},
                {"kind": "shipping_refund", "amount": "-4.50"},
            ],
        },
        {"id": 53, "created_at": "2026-02-03T08:00:00+01:00", "refund_line_items": []},
    ],
}
ROWS = b"""InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID
1,A,"BOL, ROUGE",2,2026-02-01 10:00:00,1.25,12.0
2,B,TASSE,1,2026-02-01 11:00:00,3.10,
1,B,TASSE,3,2026-02-01 10:00:00,3.10,12.0
C3,A,"BOL, ROUGE",-1,2026-02-02 09:00:00,1.25,12.0
2,C,,1,2026-02-01 11:00:00,0,
4,C,,1,2026-02-01 12:00:00,0,
5,B,TASSE,2,2026-02-01 13:00:00,3.10,14
5,A,"BOL, ROUGE",-1,2026-02-01 13:00:00,1.25,14
6,B,TASSE
"""


def test_every_built_in_format_is_valid_and_makes_statuses_of_the_contract() -> None:
    formats = {name: declared(name) for name in names() if name != "contract"}
    assert [*formats] == ["magento", "order-lines", "prestashop", "shopify", "square", "woocommerce"]
    known = OrderSettings().order_statuses
    assert {word for form in formats.values() for word in form.words.statut_commande.values()} <= {*known}


def test_an_order_of_shopify() -> None:
    """Discounts are of the lines; money that came back without pieces is a refund, that of the shipping is none."""
    assert order("shopify", SHOPIFY) == {
        "order_id": 820000000001,
        "date_commande": "2026-02-01T10:00:00+01:00",
        "maj_le": "2026-02-03T08:00:00+01:00",
        "statut_commande": "payée",
        "devise": "EUR",
        "livraison": {"adresse": "3 rue du Test, Bât. B", "ville": "Nice"},
        "remise": "7.00",
        "taxes": "4.60",
        "frais_livraison": "4.50",
        "total_livre": "23.00",
        "produits": [
            {"ligne_id": 1, "produit_id": 77, "nom": "Bol", "quantite": 3, "prix_unitaire": "10.00", "remise": "7.00"}
        ],
        "remboursements": [
            {
                "remboursement_id": 51,
                "date_remboursement": "2026-02-03T07:59:00+01:00",
                "lignes": [{"ligne_id": 1, "quantite": 1, "montant": "7.67"}],
            },
            {
                "remboursement_id": 52,
                "date_remboursement": "2026-02-03T08:00:00+01:00",
                "montant": "2.00",
                "lignes": [],
            },
        ],
    }


def test_prices_of_shopify_with_tax_are_taken_without() -> None:
    found = order("shopify", {**SHOPIFY, "taxes_included": True})
    assert [line["montant"] for line in found["produits"]] == ["18.40"]
    assert found["total_livre"] == "18.40"
    assert found["remboursements"][0]["lignes"][0]["montant"] == "6.14"


@pytest.mark.parametrize("wrapped", [{"orders": [SHOPIFY]}, {"order": SHOPIFY}, [SHOPIFY]])
def test_an_order_of_shopify_is_found_alone_wrapped_and_in_a_list(wrapped: Any) -> None:
    assert order("shopify", wrapped) == order("shopify", SHOPIFY)


def test_a_cancelled_order_of_shopify_is_one_whatever_was_paid() -> None:
    cancelled = {**SHOPIFY, "cancelled_at": "2026-02-02T10:00:00+01:00"}
    assert order("shopify", cancelled)["statut_commande"] == "annulée"


def test_an_order_of_woocommerce() -> None:
    """A guest is no client, its date is the universal one, and its names are no HTML."""
    found = order(
        "woocommerce",
        {
            "id": 31,
            "status": "completed",
            "currency": "EUR",
            "date_created": "2026-03-29T02:15:00",
            "date_created_gmt": "2026-03-29T00:15:00",
            "date_modified_gmt": "2026-03-30T00:15:00",
            "customer_id": 0,
            "discount_total": "1.00",
            "shipping_total": "4.00",
            "total_tax": "2.20",
            "total": "18.20",
            "fee_lines": [{"total": "1.00"}],
            "shipping": {"address_1": "1 rue A", "address_2": "", "city": "L&#39;Isle"},
            "line_items": [
                {
                    "id": 9,
                    "name": "Sel &amp; poivre",
                    "product_id": 4,
                    "variation_id": 0,
                    "quantity": 2,
                    "total": "11.00",
                }
            ],
            "refunds": [{"id": 40, "reason": "", "total": "-5.50"}],
        },
    )
    assert "client_id" not in found
    assert (found["date_commande"], found["maj_le"]) == ("2026-03-29T00:15:00+00:00", "2026-03-30T00:15:00+00:00")
    assert found["livraison"] == {"adresse": "1 rue A", "ville": "L'Isle"}
    assert found["produits"] == [
        {"ligne_id": 9, "produit_id": 4, "nom": "Sel & poivre", "quantite": 2, "montant": "11.00"}
    ]
    amounts = {name: found[name] for name in ("remise", "taxes", "frais_livraison", "frais", "total_livre")}
    assert [*amounts.values()] == ["1.00", "2.20", "4.00", "1.00", "11.00"]
    assert found["remboursements"] == [
        {"remboursement_id": 40, "montant": "5.50", "date_remboursement": found["maj_le"], "lignes": []}
    ]


def test_an_order_of_magento() -> None:
    """The chosen variant of a product is no second line; a refund is what the lines say."""
    item = {"item_id": 5, "sku": "S-M", "name": "Robe", "qty_ordered": 2, "row_total": 60.0, "discount_amount": 6.0}
    refunded = {"qty_refunded": 1, "amount_refunded": 30.0, "discount_refunded": 3.0}
    found = order(
        "magento",
        {
            "items": [
                {
                    "entity_id": 3,
                    "increment_id": "000000003",
                    "state": "complete",
                    "created_at": "2026-01-05 09:00:00",
                    "updated_at": "2026-01-06 09:00:00",
                    "order_currency_code": "EUR",
                    "subtotal": 60.0,
                    "discount_amount": -6.0,
                    "total_refunded": 27.0,
                    "items": [{**item, **refunded}, {**item, "item_id": 6, "parent_item_id": 5, "row_total": 0}],
                    "extension_attributes": {
                        "shipping_assignments": [
                            {"shipping": {"address": {"street": ["1 rue A", "2e"], "city": "Lille"}}}
                        ]
                    },
                }
            ],
            "search_criteria": {"filter_groups": []},
            "total_count": 1,
        },
    )
    assert found["order_id"] == "000000003"
    assert found["date_commande"] == "2026-01-05T09:00:00+00:00"
    assert found["livraison"] == {"adresse": "1 rue A, 2e", "ville": "Lille"}
    assert found["produits"] == [{"ligne_id": 5, "produit_id": "S-M", "nom": "Robe", "quantite": 2, "montant": "54.0"}]
    assert found["total_livre"] == "54.0"
    [refund] = found["remboursements"]
    assert refund["lignes"] == [{"ligne_id": 5, "quantite": 1, "montant": "27.0"}]


def test_an_order_of_prestashop() -> None:
    """All its values are texts, also numbers."""
    row = {"id": "8", "product_id": "2", "product_reference": "", "product_quantity": "3", "product_name": "Affiche"}
    found = order(
        "prestashop",
        {
            "order": {
                "id": 12,
                "id_customer": "7",
                "current_state": "5",
                "date_add": "2026-01-05 10:00:00",
                "date_upd": "2026-01-06 10:00:00",
                "total_discounts_tax_excl": "0.000000",
                "total_paid_tax_incl": "36.000000",
                "total_paid_tax_excl": "30.000000",
                "total_products": "27.300000",
                "total_shipping_tax_excl": "2.700000",
                "associations": {"order_rows": [{**row, "unit_price_tax_excl": "9.100000"}]},
            }
        },
    )
    assert (found["client_id"], found["statut_commande"], found["taxes"]) == ("7", "payée", "6.000000")
    assert found["date_commande"] == "2026-01-05 10:00:00"
    assert found["produits"] == [
        {"ligne_id": "8", "produit_id": "2", "nom": "Affiche", "quantite": "3", "prix_unitaire": "9.100000"}
    ]


def slip(number: int, of: str, *details: dict[str, str], **fields: Any) -> dict[str, Any]:
    """An order slip of PrestaShop, as its webservice has it."""
    dates = {"date_add": "2026-01-09 11:00:00", "date_upd": "2026-01-09 11:00:00"}
    amounts = {"total_products_tax_excl": "9.100000", "total_shipping_tax_excl": "2.700000", "amount": "9.100000"}
    parts = {"associations": {"order_slip_details": list(details)}} if details else {}
    return {"id": number, "id_customer": "7", "id_order": of, **amounts, **dates, **parts, **fields}


def test_order_slips_of_prestashop_are_credit_notes() -> None:
    """Their number is not that of an order; without lines the amount counts."""
    detail = {"id": "1", "id_order_detail": "8", "product_quantity": "1", "amount_tax_excl": "9.100000"}
    listed = {"order_slips": [slip(12, "12", detail), slip(13, "12")]}
    whole, amount = (record.record for record in records("prestashop", listed) if isinstance(record, Located))
    assert (whole["order_id"], whole["avoir"], whole["avoir_de"], whole["produits"]) == ("avoir-12", True, "12", [])
    assert "frais_livraison" not in whole
    head = {"remboursement_id": 12, "date_remboursement": "2026-01-09 11:00:00"}
    [line] = [{"ligne_id": "8", "quantite": "1", "montant": "9.100000"}]
    assert whole["remboursements"] == [{**head, "montant": "9.100000", "lignes": [line]}]
    assert amount["remboursements"] == [{**head, "remboursement_id": 13, "montant": "9.100000", "lignes": []}]
    assert order("prestashop", {"order_slip": slip(12, "12", detail)}) == whole


def money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


@pytest.mark.parametrize(("currency", "montant"), [("EUR", "12.50"), ("JPY", "1250"), ("TND", "1.250")])
def test_an_order_of_square_has_minor_units_of_its_currency(currency: str, montant: str) -> None:
    line = {
        "uid": "l1",
        "name": "Café",
        "quantity": "0.750",
        "total_money": money(1500, currency),
        "total_tax_money": money(250, currency),
    }
    content = {
        "id": "o1",
        "created_at": "2026-01-05T09:00:00Z",
        "updated_at": "2026-01-05T09:05:00Z",
        "state": "COMPLETED",
        "total_money": money(1500, currency),
        "total_tax_money": money(250, currency),
        "line_items": [line],
    }
    found = order("square", {"orders": [content]})
    assert found["produits"] == [{"ligne_id": "l1", "nom": "Café", "quantite": "0.750", "montant": montant}]
    assert found["total_livre"] == montant


def test_a_return_of_square_is_a_credit_note() -> None:
    line = {
        "uid": "r1",
        "source_line_item_uid": "l1",
        "name": "Café",
        "quantity": "1",
        "total_money": money(1200, "EUR"),
        "total_tax_money": money(200, "EUR"),
    }
    content = {
        "id": "o2",
        "created_at": "2026-01-06T09:00:00Z",
        "state": "COMPLETED",
        "returns": [{"uid": "x", "source_order_id": "o1", "return_line_items": [line]}],
        "return_amounts": {"total_money": money(1200, "EUR")},
    }
    found = order("square", content)
    assert (found["avoir"], found["avoir_de"], found["produits"]) == (True, "o1", [])
    [refund] = found["remboursements"]
    assert refund["lignes"] == [{"ligne_id": "l1", "nom": "Café", "quantite": "1", "montant": "10.00"}]


def test_rows_of_invoices_are_orders_wherever_they_stand() -> None:
    """Pieces that came back are refunds; a bad row is set aside with its line, and the others of its order stay."""
    found = records("order-lines", ROWS)
    orders = {record.record["order_id"]: record.record for record in found if isinstance(record, Located)}  # type: ignore[index]
    bad = [(record.line, record.reasons[0].code) for record in found if isinstance(record, RejectedRecord)]
    assert bad == [(7, "missing_field"), (10, "wrong_field_count"), (6, "missing_field")]
    assert {key: [line["nom"] for line in each["produits"]] for key, each in orders.items()} == {
        "C3": [],
        "5": ["TASSE"],
        "1": ["BOL, ROUGE", "TASSE"],
        "2": ["TASSE"],
    }
    assert [orders[key].get("client_id") for key in ("1", "2", "5")] == ["12", None, "14"]
    assert [orders[key].get("avoir") for key in ("C3", "5")] == [True, None]
    [credit] = orders["C3"]["remboursements"]
    assert credit["lignes"] == [{"produit_id": "A", "nom": "BOL, ROUGE", "quantite": "1", "montant": "1.25"}]
    assert len(orders["5"]["remboursements"]) == 1


def test_each_rejected_row_can_be_delivered_again() -> None:
    [first, *_] = [record for record in records("order-lines", ROWS) if isinstance(record, RejectedRecord)]
    again = first.head + first.raw.replace(b"4,C,,", b"4,C,SEL,")
    assert order("order-lines", again)["produits"][0]["nom"] == "SEL"


def test_orders_one_a_line() -> None:
    lines = b"\n".join(json.dumps({**SHOPIFY, "id": number}).encode() for number in (1, 2))
    found = records("shopify", lines + b"\n7\n")
    assert [record.line for record in found] == [1, 2, 3]
    assert isinstance(found[2], RejectedRecord)
