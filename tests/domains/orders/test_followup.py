"""A valid follow-up is an event of its order; any other file is quarantined with the exact reason."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimarket_async.domains import FollowUp
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected

SETTINGS = OrderSettings(timezone="Africa/Casablanca")
ABSENT = object()


def notice(**changes: Any) -> dict[str, Any]:
    """A valid follow-up of the web channel, but for the changes; ABSENT takes a field away."""
    fields = {"order_id": "234", "canal": "web", "suivi": suivi(), **changes}
    return {name: value for name, value in fields.items() if value is not ABSENT}


def suivi(**changes: Any) -> dict[str, Any]:
    fields = {"etat": "expédiée", "date_etat": "2026-01-02T10:00:00.123456", **changes}
    return {name: value for name, value in fields.items() if value is not ABSENT}


def parsed(tree: Any, settings: OrderSettings = SETTINGS) -> Any:
    [one] = parser("web", settings)(json.dumps(tree).encode())
    return one


def rejection(tree: Any, settings: OrderSettings = SETTINGS) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        parsed(tree, settings)
    return caught.value.code, caught.value.pointer


def test_a_follow_up_is_an_event_of_its_order() -> None:
    """The date is an instant, to the millisecond; a naive one is on the shop's own clocks."""
    event = {"etat": "expédiée", "date_etat": datetime(2026, 1, 2, 9, 0, 0, 123000, UTC)}
    assert parsed(notice(order_id=234)) == FollowUp("web:234", event)


def test_what_else_is_said_is_kept() -> None:
    """Beside the state, or apart where it bears a name of ours or stood outside."""
    tree = notice(suivi=suivi(transporteur={"nom": "DHL"}, ingestion=1), client_id=7)
    event = parsed(tree).event
    assert event["transporteur"] == {"nom": "DHL"}
    assert event["champs_livres"] == {"client_id": 7, "ingestion": 1}
    assert "ingestion" not in event


def test_an_order_that_says_suivi_is_an_order() -> None:
    """It has lines, which no follow-up has; what it says is kept apart."""
    line = {"produit_id": "P", "nom": "Lampe", "quantite": 1, "prix_unitaire": 1}
    order = {"client_id": 1, "produits": [line], "date_commande": "2026-01-02 10:00", "statut_commande": "payée"}
    document = parsed({**notice(), **order, "livraison": {"adresse": "1", "ville": "Fès"}})
    assert document["champs_livres"] == {"suivi": suivi()}
    assert "suivi" not in document


@pytest.mark.parametrize(
    ("tree", "code", "pointer"),
    [
        (notice(order_id=ABSENT), "missing_field", "/order_id"),
        (notice(order_id=""), "empty_text", "/order_id"),
        (notice(order_id=1.5), "wrong_type", "/order_id"),
        (notice(order_id="x" * 201), "out_of_range", "/order_id"),
        (notice(canal=ABSENT), "missing_field", "/canal"),
        (notice(canal="mobile"), "wrong_channel", "/canal"),
        (notice(canal="fax"), "unknown_channel", "/canal"),
        (notice(suivi=None), "wrong_type", "/suivi"),
        (notice(suivi=[suivi()]), "wrong_type", "/suivi"),
        (notice(suivi="livrée"), "wrong_type", "/suivi"),
        (notice(suivi=suivi(etat=ABSENT)), "missing_field", "/suivi/etat"),
        (notice(suivi=suivi(etat=1)), "wrong_type", "/suivi/etat"),
        (notice(suivi=suivi(etat="perdue")), "unknown_status", "/suivi/etat"),
        (notice(suivi=suivi(date_etat=ABSENT)), "missing_field", "/suivi/date_etat"),
        (notice(suivi=suivi(date_etat=None)), "wrong_type", "/suivi/date_etat"),
        (notice(suivi=suivi(date_etat="2026-02-30T10:00:00")), "bad_date", "/suivi/date_etat"),
        (notice(suivi=suivi(date_etat="2026-01-02")), "bad_date", "/suivi/date_etat"),
        (notice(suivi=suivi(date_etat="1969-12-31T10:00:00Z")), "bad_date", "/suivi/date_etat"),
        (notice(suivi=ABSENT), "missing_field", "/client_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_follow_up_has_its_reason(tree: Any, code: str, pointer: str) -> None:
    """As exact as for an order."""
    assert rejection(tree) == (code, pointer)


def test_the_sentence_names_what_is_accepted() -> None:
    """For a person who has to mend it."""
    with pytest.raises(Rejected) as caught:
        parsed(notice(suivi=suivi(etat="perdue")))
    expected = (
        "etat must be one of en attente, confirmée, payée, expédiée, livrée, retournée, annulée, and is 'perdue'."
    )
    assert caught.value.sentence == expected


def test_the_accepted_states_are_a_setting() -> None:
    settings = OrderSettings(followup_statuses=("perdue", "annulée"))
    assert parsed(notice(suivi=suivi(etat="perdue")), settings).event["etat"] == "perdue"
    assert rejection(notice(), settings) == ("unknown_status", "/suivi/etat")


def test_what_only_strict_json_sees_is_rejected() -> None:
    """In a follow-up as in an order."""
    content = json.dumps(notice()).replace('"canal"', '"order_id": "7", "canal"').encode()
    with pytest.raises(Rejected, match="duplicate_key"):
        parser("web", SETTINGS)(content)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(max_size=5), LEAVES, max_size=3)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("order_id", "canal", "suivi", "x"), JSON)))
def test_any_json_is_a_follow_up_or_rejected(tree: dict[str, Any]) -> None:
    """Never another error."""
    with suppress(Rejected):
        parser("web", SETTINGS)(json.dumps({"suivi": {}, **tree}).encode())
