"""The document that an order's file must have become, from its bytes alone; shared with nothing that stores it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, TypeAlias

from multimarket_async.domains import Document

# A quantity has up to 19 digits and a price 17; so the only rounding is the one asked for.
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)

Local: TypeAlias = Callable[[str], datetime]
Rank: TypeAlias = Callable[[str], tuple[int, str]]


def expected_document(order: dict[str, Any], suivis: Sequence[dict[str, Any]], local: Local, rank: Rank) -> Document:
    """All of it but `ingestion`."""
    minors = [line_minor(line["quantite"], line["prix_unitaire"]) for line in order["produits"]]
    return {
        **order,
        "_id": f"{order['canal']}:{order['order_id']}",
        "order_id": str(order["order_id"]),
        "client_id": str(order["client_id"]),
        "produits": [{**line, "produit_id": str(line["produit_id"])} for line in order["produits"]],
        "date_commande": local(order["date_commande"]).astimezone(UTC),
        "montant_total": sum(minors) / 100,
        "montant_centimes": sum(minors),
        "lignes_centimes": minors,
        **(_followed(order, suivis, local, rank) if suivis else {}),
    }


def _followed(order: dict[str, Any], suivis: Sequence[dict[str, Any]], local: Local, rank: Rank) -> Document:
    """Its newest state and its history; the same state at the same instant counts once more if a follow-up tells it."""
    own = (local(order["date_commande"]), rank(order["statut_commande"]))
    events = sorted([own, *{(local(one["date_etat"]), rank(one["etat"])) for one in suivis}])
    history = [{"etat": state, "date_etat": at.astimezone(UTC)} for at, (_, state) in events]
    return {"statut_commande": history[-1]["etat"], "suivi": history}


def line_minor(quantity: int, price: float) -> int:
    """Quantity x unit price in minor units; repr gives the price as it was written, not its binary neighbour."""
    minor = EXACT.multiply(Decimal(repr(price)), Decimal(quantity * 100))
    return int(minor.to_integral_value(ROUND_HALF_UP))
