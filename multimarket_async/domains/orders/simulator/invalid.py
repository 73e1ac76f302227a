"""Invalid files: corruptions of an order, each with the code of its rejection."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.simulation import Corruptions

Order = dict[str, Any]


def written(order: Order) -> bytes:
    """An order as JSON, in the form of most systems."""
    return json.dumps(order, ensure_ascii=False).encode()


def _with(**fields: Any) -> Callable[[Order], bytes]:
    return lambda order: written({**order, **fields})


def _replaced(old: str, new: str) -> Callable[[Order], bytes]:
    return lambda order: written(order).replace(old.encode(), new.encode(), 1)


def _without(name: str) -> Callable[[Order], bytes]:
    return lambda order: written({key: value for key, value in order.items() if key != name})


def _line(**fields: Any) -> Callable[[Order], bytes]:
    return lambda order: written({**order, "produits": [{**order["produits"][0], **fields}, *order["produits"][1:]]})


def _price(literal: str) -> Callable[[Order], bytes]:
    return lambda order: _line(prix_unitaire="?")(order).replace(b'"?"', literal.encode())


def _other_delivery(order: Order) -> bytes:
    """With a delivery where its channel forbids one, or without one where it demands it."""
    if order["canal"] == "boutique":
        return written({**order, "livraison": {"adresse": "1 rue", "ville": "Fès"}})
    return _without("livraison")(order)


def _elsewhere(order: Order) -> bytes:
    return written({**order, "canal": "mobile" if order["canal"] == "web" else "web"})


def _follow_up(**fields: Any) -> Callable[[Order], bytes]:
    suivi = {"etat": "livrée", "date_etat": "2026-01-02T10:00:00", **fields}
    return lambda order: written({"order_id": order["order_id"], "canal": order["canal"], "suivi": suivi})


INVALID: Mapping[str, tuple[str, Callable[[Order], bytes]]] = {
    "empty": ("empty_file", lambda _: b""),
    "blank": ("empty_file", lambda _: b" \n\t\n"),
    "truncated": ("truncated", lambda order: written(order)[:-20]),
    "truncated early": ("truncated", lambda order: written(order)[:7]),
    "xml": ("syntax_error", lambda _: b"<order><id>1</id></order>"),
    "two orders": ("syntax_error", lambda order: written(order) * 2),
    "latin-1": ("not_utf8", lambda order: written({**order, "note": "é"}).decode().encode("latin-1")),
    "utf-16": ("not_utf8", lambda order: written(order).decode().encode("utf-16")),
    "nan": ("not_a_number", _price("NaN")),
    "infinity": ("not_a_number", _price("-Infinity")),
    "overflow": ("not_a_number", _price("1e999")),
    "huge integer": ("integer_out_of_range", _line(quantite=10**19)),
    "huge quantity": ("out_of_range", _line(quantite=10**15)),
    "zero quantity": ("out_of_range", _line(quantite=0)),
    "negative price": ("out_of_range", _line(prix_unitaire=-1)),
    "quantity in text": ("wrong_type", _line(quantite="2")),
    "quantity is true": ("wrong_type", _line(quantite=True)),
    "no lines": ("out_of_range", _with(produits=[])),
    "lines are no list": ("wrong_type", _with(produits={})),
    "nameless product": ("empty_text", _line(nom="")),
    "duplicate key": ("duplicate_key", _replaced('"client_id"', '"order_id": "7", "client_id"')),
    "nul in a key": ("nul_in_key", _replaced('"client_id"', '"a\\u0000b": 1, "client_id"')),
    "lone surrogate": ("lone_surrogate", _replaced('"client_id"', '"note": "\\ud800", "client_id"')),
    "too deep": ("too_deep", _replaced('"client_id"', '"x": ' + "[" * 100 + "]" * 100 + ', "client_id"')),
    "a list": ("not_an_object", lambda order: b"[" + written(order) + b"]"),
    "a number": ("not_an_object", lambda _: b"12"),
    "no order number": ("missing_field", _without("order_id")),
    "no status": ("missing_field", _without("statut_commande")),
    "unknown status": ("unknown_status", _with(statut_commande="payee")),
    "bad date": ("bad_date", _with(date_commande="2025-02-30T10:00:00")),
    "other channel": ("wrong_channel", _elsewhere),
    "unknown channel": ("unknown_channel", _with(canal="téléphone")),
    "follow-up to an unknown state": ("unknown_status", _follow_up(etat="livree")),
    "follow-up on a bad date": ("bad_date", _follow_up(date_etat="2026-02-30T10:00:00")),
    "delivery": ("", _other_delivery),
}


def corruptions(canal: str, rules: OrderSettings) -> Corruptions:
    """Corruptions that these rules reject in this channel, and an order that conflicts with another one."""
    allowed = {
        "delivery": rules.delivery(rules.contract(canal)) == "either",
        "unknown status": "payee" in rules.order_statuses,
        "follow-up to an unknown state": "livree" in rules.followup_statuses,
    }
    return Corruptions({name: partial(_corrupted, name) for name in INVALID if not allowed.get(name)}, _contradicted)


def _corrupted(name: str, content: bytes) -> tuple[bytes, str]:
    order = json.loads(content)
    code, corrupt = INVALID[name]
    delivery = "delivery_not_allowed" if order["canal"] == "boutique" else "delivery_missing"
    return corrupt(order), code or delivery


def _contradicted(content: bytes) -> bytes:
    order = json.loads(content)
    return written({**order, "client_id": f"other than {order['client_id']}"})
