"""An order as it was delivered against the document it became, by a path of its own."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from multimarket_async.torture.history import Parcel

LIFE = ("en attente", "confirmée", "payée", "expédiée", "livrée", "retournée", "annulée")
Event = tuple[datetime, int, str]  # since when, which place in a life, which state


def differences(parcel: Parcel, follow_ups: Sequence[Parcel], document: dict[str, Any]) -> Iterator[str]:
    """What the document says otherwise than the files, field by field."""
    expected = {**expected_document(parcel), **_followed(parcel, follow_ups)}
    known = {**document, "ingestion": {name: document["ingestion"].get(name) for name in ("feed", "sha256")}}
    if "suivi" in known:
        known["suivi"] = [_known_event(one) for one in document["suivi"]]
    for name in sorted(expected.keys() | known.keys()):
        if expected.get(name) != known.get(name):
            yield f"{name} is stored as {known.get(name)!r} and was delivered as {expected.get(name)!r}"


def early_differences(follow_ups: Sequence[Parcel], document: dict[str, Any] | None) -> Iterator[str]:
    """The same, where no order has come."""
    known = [_known_event(one) for one in (document or {}).get("suivi", [])]
    expected = [(state, at) for at, _, state in sorted({_event(one) for one in follow_ups})]
    if known != expected:
        yield f"without its order, {known!r} is stored and {expected!r} was delivered"
    if document and set(document) != {"_id", "ingestion", "suivi"}:
        yield f"without its order, {sorted(document)} are stored"


def _followed(parcel: Parcel, follow_ups: Sequence[Parcel]) -> dict[str, Any]:
    """Its state and its history; the order's own state comes before a follow-up to the same state at its instant."""
    if not follow_ups:
        return {}
    order = json.loads(parcel.content.decode("utf-8-sig"))
    own = _ranked(order["statut_commande"], order["date_commande"])
    events = sorted([own, *{_event(one) for one in follow_ups}])
    return {"statut_commande": events[-1][2], "suivi": [(state, at) for at, _, state in events]}


def _event(follow_up: Parcel) -> Event:
    suivi = json.loads(follow_up.content)["suivi"]
    return _ranked(suivi["etat"], suivi["date_etat"])


def _ranked(state: str, date: str) -> Event:
    return _instant(date), LIFE.index(state), state


def _known_event(event: dict[str, Any]) -> tuple[str, datetime]:
    return event["etat"], event["date_etat"]


def expected_document(parcel: Parcel) -> dict[str, Any]:
    """The document of a good file, without the name and the time of its collection."""
    text = parcel.content.decode("utf-8-sig")
    order = json.loads(text)
    exact = json.loads(text, parse_float=Decimal)
    cents = [_cents(line["quantite"], line["prix_unitaire"]) for line in exact["produits"]]
    return {
        **order,
        "_id": parcel.key,
        "order_id": str(order["order_id"]),
        "client_id": str(order["client_id"]),
        "produits": [_line(line) for line in order["produits"]],
        "date_commande": _instant(order["date_commande"]),
        "montant_total": sum(cents) / 100,
        "montant_centimes": sum(cents),
        "lignes_centimes": cents,
        "ingestion": {"feed": parcel.feed, "sha256": parcel.sha256},
    }


def _line(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "produit_id": str(line["produit_id"]), "prix_unitaire": float(line["prix_unitaire"])}


def _cents(quantity: int, price: Decimal | int) -> int:
    return int((100 * quantity * Decimal(price)).quantize(Decimal(1), ROUND_HALF_UP))


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    instant = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
