"""An order as it was delivered against the document it became, by a path of its own."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from multimarket_async.torture.history import Parcel


def differences(parcel: Parcel, document: dict[str, Any]) -> Iterator[str]:
    """What the document says otherwise than the file, field by field."""
    expected = expected_document(parcel)
    known = {**document, "ingestion": {name: document["ingestion"].get(name) for name in ("feed", "sha256")}}
    for name in sorted(expected.keys() | known.keys()):
        if expected.get(name) != known.get(name):
            yield f"{name} is stored as {known.get(name)!r} and was delivered as {expected.get(name)!r}"


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
