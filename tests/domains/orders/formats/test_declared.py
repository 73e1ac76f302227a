"""Formats of one's own: what a declaration may say, and what is wrong with it."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.domains import Feed, IncomingFile, Located, RejectedRecord
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.formats import json_orders
from multimarket_async.domains.orders.formats.declared import parsed
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings
from tests.domains.orders.formats.exports import order, records

COLLECTED = """
order.order_id = "id_commande"
order.client_id = "client.compte_client"
order.date_commande = "date_commande"
order.canal = "canal"
order.statut_commande = "statut"
order.frais_livraison = "frais_livraison"
order.total_livre = "montant_total"
order.livraison = { ville = "adresse_livraison.ville" }
lines = { each = "produits", nom = "nom_produit", quantite = "quantite", prix_unitaire = "prix_unitaire" }
words.canal = { application_mobile = "mobile" }
"""
SHORT = """
orders = ["data.orders", "order", "@"]
order = { order_id = "id", date_commande = "at", maj_le = "v" }
lines = { each = "l", nom = "n", quantite = "q", montant = "a" }
"""


def short(number: int) -> dict[str, Any]:
    return {"id": number, "at": "2026-01-05", "l": [{"n": "Bol", "q": 1.0, "a": "2.50"}]}


def ids(found: list[Any]) -> list[Any]:
    return [record.record["order_id"] for record in found if isinstance(record, Located)]


def test_an_order_to_be_collected_has_no_client_and_no_address() -> None:
    """Although it is of an app; the channel's name is another word there."""
    found = order(
        COLLECTED,
        {
            "id_commande": "MOB-1",
            "canal": "application_mobile",
            "date_commande": "2026-02-01T18:04:11.5",
            "statut": "confirmée",
            "client": {"compte_client": None},
            "produits": [{"nom_produit": "Écran", "quantite": 2, "prix_unitaire": 150, "prix_total": 300}],
            "montant_total": 300,
            "frais_livraison": 0,
            "adresse_livraison": None,
        },
    )
    assert found == {
        "order_id": "MOB-1",
        "date_commande": "2026-02-01T18:04:11.5",
        "canal": "mobile",
        "statut_commande": "confirmée",
        "frais_livraison": 0,
        "total_livre": 300,
        "produits": [{"nom": "Écran", "quantite": 2, "prix_unitaire": 150}],
    }


@pytest.mark.parametrize(
    "content",
    [
        short(1),
        {"order": short(1)},
        {"data": {"orders": [short(1)]}},
        [short(1)],
        gzip.compress(json.dumps([short(1)]).encode(), mtime=0),
        b"\xef\xbb\xbf" + json.dumps(short(1)).encode(),
        json.dumps(short(1), indent=1).encode(),
    ],
)
def test_an_order_is_found_wherever_it_is(content: Any) -> None:
    found = order(SHORT, content)
    assert (found["order_id"], found["date_commande"]) == (1, "2026-01-05T00:00:00")


def test_a_large_file_is_read_order_by_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list inside an object, and orders one a line; each with its line, and a bad one with its bytes."""
    monkeypatch.setattr(json_orders, "WHOLE_BYTES", 100)
    orders = [short(number) for number in range(50)]
    wrapped = json.dumps({"data": {"orders": [*orders, 7]}}).encode()
    lines = b"\n".join(json.dumps(each).encode() for each in [*orders, 7])
    for content in (wrapped, lines, json.dumps([*orders, 7]).encode()):
        found = records(SHORT, content)
        assert ids(found) == [*range(50)]
        [bad] = [record for record in found if isinstance(record, RejectedRecord)]
        assert bad.raw == b"7"


@pytest.mark.parametrize(("dates", "value"), [("epoch", 1767609000), ("epoch_ms", "1767609000000")])
def test_times_of_unix(dates: str, value: Any) -> None:
    found = order(f'dates = "{dates}"\n{SHORT}', {**short(1), "at": value})
    assert found["date_commande"] == "2026-01-05T10:30:00+00:00"


def test_a_number_that_is_none_is_left_for_its_fault_to_be_named() -> None:
    found = order(
        SHORT.replace('"a" }', '["a", "-d"] }'), {**short(1), "l": [{"n": "Bol", "q": "x", "a": "1", "d": "?"}]}
    )
    assert (found["produits"][0]["quantite"], found["produits"][0]["montant"]) == ("x", "?")


def test_an_expression_that_fails_on_an_order_rejects_it_with_the_reason() -> None:
    [bad] = records(SHORT.replace('"at"', "\"join('-', at)\""), short(1))
    assert isinstance(bad, RejectedRecord)
    assert bad.reasons[0].code == "expression_failed"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("= {", "= ["), "mine.toml is not valid TOML"),
        (('"id"', '"id."'), r"mine.toml: order.order_id = 'id.': "),
        (("order_id", "orderid"), "mine.toml: order.orderid = 'id': there is no such key; .* Did you mean order_id"),
        (('montant = "a"', 'remise = "a"'), "mine.toml: lines: it needs prix_unitaire or montant"),
        (('each = "l", ', ""), "mine.toml: lines.each is missing"),
        (("orders =", 'zone = "Paris"\norders ='), "mine.toml: zone: no such time zone: 'Paris'"),
        (("orders =", 'dates = "dmy"\norders ='), "mine.toml: dates must be iso, epoch"),
        (("orders =", 'files = "csv"\norders ='), "mine.toml: orders and lines.each are of JSON files"),
        (("orders =", 'csv.encoding = "klingon"\norders ='), "mine.toml: csv.encoding = 'klingon': there is no such"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_one_sentence(change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(WrongSettings, match=sentence):
        parsed("mine.toml", SHORT.replace(*change))


def test_a_channel_of_an_unknown_format_stops_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of one's own is found beside the settings, also in place of a built-in one."""
    monkeypatch.chdir(tmp_path)
    settings = OrderSettings.model_validate({"channels": {"kiosk": {"format": "mine"}}})
    with pytest.raises(WrongSettings, match="There is no format mine; there are contract, "):
        ORDERS.declare(settings)
    (tmp_path / "config/formats").mkdir(parents=True)
    (tmp_path / "config/formats/mine.toml").write_text(SHORT, "utf-8")
    assert kiosk(settings).suffixes[0] == ".json"


def kiosk(settings: OrderSettings) -> Feed:
    """The channel's feed."""
    return next(feed for feed in ORDERS.declare(settings).feeds if feed.name == "kiosk")


def test_of_a_file_of_another_format_the_first_fault_is_what_the_order_lacks() -> None:
    """By this most files of a channel are one warning."""
    settings = OrderSettings.model_validate({"channels": {"kiosk": {"format": "shopify"}}})
    [bad] = kiosk(settings).read(IncomingFile("kiosk", "a.json", datetime.now(UTC), b'{"a": 1}'))
    assert isinstance(bad, RejectedRecord)
    assert (bad.reasons[0].code, bad.reasons[0].pointer) == ("missing_field", "/order_id")
    assert len(bad.reasons) > 2
