"""An exported order: every fault of it, and the exact document that it becomes."""

from typing import Any

import pytest

from multimarket_async.domains.orders.channels import Channel
from multimarket_async.domains.orders.exported import exported
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected

SETTINGS = OrderSettings.model_validate({"channels": {"shop": {"format": "shopify"}}})
LINE = {"nom": "Lampe", "quantite": "2", "prix_unitaire": "10.00"}


def document(*lines: dict[str, Any], shop: str = "", **fields: Any) -> dict[str, Any]:
    order = {"order_id": 1, "date_commande": "2026-03-28T10:00:00Z", "statut_commande": " PAYÉE "}
    made = exported(Channel("shop", "shop", "shopify", shop=shop), SETTINGS)
    return made({**order, "produits": list(lines), **fields})


def test_all_faults_are_listed() -> None:
    with pytest.raises(Rejected) as raised:
        document({"nom": " ", "quantite": "x"}, order_id=None, date_commande="yesterday", devise="euro")
    faults = [(fault.code, fault.pointer) for fault in (raised.value, *raised.value.also)]
    assert faults == [
        ("unknown_currency", "/devise"),
        ("empty_text", "/produits/0/nom"),
        ("wrong_type", "/produits/0/quantite"),
        ("missing_field", "/produits/0/prix_unitaire"),
        ("missing_field", "/order_id"),
        ("bad_date", "/date_commande"),
    ]


def test_two_shops_number_alike() -> None:
    assert document(LINE, shop="nord")["_id"] == "shop:nord:1"
    assert document(LINE)["_id"] == "shop:1"


@pytest.mark.parametrize(
    ("devise", "quantity", "price", "minor"),
    [
        ("EUR", "0.750", "11.99", 899),
        ("EUR", 1.0, "46.665", 4667),
        ("JPY", "3", "500", 1500),
        ("JPY", 1, "0.5", 1),
        ("tnd ", 1, 12.3455, 12346),
    ],
)
def test_amounts_are_exact_in_the_minor_units_of_the_currency(
    devise: str, quantity: Any, price: Any, minor: int
) -> None:
    made = document({"nom": "a", "quantite": quantity, "prix_unitaire": price}, devise=devise)
    assert (made["montant_centimes"], made["lignes_centimes"]) == (minor, [minor])


def test_the_same_facts_in_other_spellings_are_the_same_document() -> None:
    assert document({**LINE, "quantite": 2.0, "prix_unitaire": 10}) == document(LINE)


def test_a_quantity_of_a_million_digits_is_a_fault_and_takes_no_time() -> None:
    with pytest.raises(Rejected, match="must be a number"):
        document({**LINE, "quantite": "1e999999999"})


def test_a_part_of_a_line_that_comes_back_without_an_amount_is_its_share() -> None:
    """Half of the pieces are half of the amount, rounded half-up."""
    returned = {"date_remboursement": "2026-04-01T00:00:00Z", "lignes": [{"ligne_id": "1", "quantite": 1}]}
    made = document({**LINE, "ligne_id": "1", "montant": "20.01"}, remboursements=[returned])
    assert [(line["nom"], line["montant_centimes"]) for line in made["remboursements"]] == [("Lampe", 1001)]
