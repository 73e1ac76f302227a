"""A declaration that is guessed from a file reads that file, and gives its total."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from multimarket_async.domains import IncomingFile, Preview
from multimarket_async.domains.orders.formats.declared import parsed
from multimarket_async.domains.orders.formats.preview import previews
from multimarket_async.domains.orders.formats.suggest import suggested
from multimarket_async.errors import Rejected
from tests.domains.orders.formats.exports import named


def previewed(content: Any, name: str = "a.json") -> tuple[str, list[Preview]]:
    """The suggestion for a file, and the records that it makes of it."""
    given = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    file = IncomingFile("", name, datetime.now(UTC), given)
    declaration = suggested(file)
    return declaration, list(previews(parsed("mine.toml", declaration), "EUR", named, file))


MINE = {
    "data": {
        "commandes": [
            {
                "numeroCommande": "A-7",
                "etat": "Annulée",
                "dateAchat": "05/02/2026 10:30",
                "acheteur": {"id": 0},
                "livraison": {"rue": "1 rue A", "ville": "Brest"},
                "lignes": [
                    {"libelle": "Thé &amp; lait", "qte": "2", "prix": "4.50", "montant": "9.00"},
                    {"libelle": "Pain", "qte": "0.5", "prix": "3.00", "montant": "1.50"},
                ],
                "montantTotal": "10.50",
            }
        ]
    }
}


def test_names_in_french_and_english_are_known_wherever_they_are() -> None:
    declaration, [found] = previewed(MINE)
    assert 'orders = "data.commandes"' in declaration
    assert (found.key, found.agrees, found.notes[0]) == ("A-7", True, "Goods 10.50, refunded 0.00, net 10.50 EUR.")
    assert {name: found.record[name] for name in ("date_commande", "statut_commande", "livraison")} == {
        "date_commande": "2026-02-05T10:30:00",
        "statut_commande": "annulée",
        "livraison": {"adresse": "1 rue A", "ville": "Brest"},
    }
    assert [line["nom"] for line in found.record["produits"]] == ["Thé & lait", "Pain"]


def test_rows_with_decimal_commas_and_their_own_delimiter() -> None:
    text = "Facture;Désignation;Qté;Prix HT;Date\nF1;Vis, 4 mm;10;1 000,25;05.02.2026\nF1;Clou;-1;0,50;05.02.2026\n"
    declaration, [found] = previewed(text.replace("Prix HT", "Prix"), "a.csv")
    assert {'decimal = ","', 'dates = "%d.%m.%Y"', 'negative_lines = "refund"'} <= set(declaration.splitlines())
    assert found.notes == ("Goods 10002.50, refunded 0.50, net 10002.00 EUR.",)


def test_what_is_not_found_is_said_in_the_declaration() -> None:
    declaration = suggested(IncomingFile("", "a.json", datetime.now(UTC), b'{"x": 1, "produits": []}'))
    assert "# order_id = not found: name its field" in declaration


@pytest.mark.parametrize("content", [b"", b"7", b"[]"])
def test_a_file_without_orders_is_refused(content: bytes) -> None:
    with pytest.raises(Rejected):
        suggested(IncomingFile("", "a.json", datetime.now(UTC), content))
