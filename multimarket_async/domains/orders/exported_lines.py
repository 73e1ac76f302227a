"""Lines of exported orders, and what was given back of them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from multimarket_async.domains import Document
from multimarket_async.domains.orders.currencies import MICRO, minor_units, share
from multimarket_async.domains.orders.exported_values import Faults, Fields, Place, amount, identifier, items, text
from multimarket_async.domains.orders.fields import LARGEST_QUANTITY
from multimarket_async.store import Int64

NOTHING = Decimal(0)


class Line(NamedTuple):
    """A line of an order: its document, its ID in the order, its quantity, its amount, its measure in millionths."""

    document: Document
    ligne_id: str | None
    quantity: Decimal
    minor: int
    micro: int


class Quantity(NamedTuple):
    """A quantity: whole pieces; or one piece, and its measure, such as its weight."""

    exact: Decimal
    pieces: int
    micro: int

    @property
    def document(self) -> Document:
        """Its fields."""
        measured = {"mesure": float(self.exact), "mesure_micro": Int64(self.micro)} if self.micro else {}
        return {"quantite": self.pieces, **measured}


NO_PIECES = Quantity(NOTHING, 0, 0)


def lines(order: Fields, decimals: int, faults: Faults) -> list[Line]:
    """The lines that were sold."""
    return [_line(item, place, decimals, faults) for item, place in items(order, "produits", (), faults)]


def _line(item: Fields, place: Place, decimals: int, faults: Faults) -> Line:
    name = text(item, "nom", place, faults, required=True)
    quantity = _quantity(item, place, faults)
    price, minor = _price_and_amount(item, quantity, decimals, place, faults)
    ids = {field: identifier(item, field, place, faults) for field in ("produit_id", "ligne_id")}
    document = {**ids, "nom": name, **quantity.document, "prix_unitaire": None if price is None else float(price)}
    if ids["ligne_id"] is None:
        del document["ligne_id"]
    return Line(document, ids["ligne_id"], quantity.exact, minor, quantity.micro)


def _quantity(item: Fields, place: Place, faults: Faults) -> Quantity:
    value = amount(item, "quantite", place, faults)
    if value is None:
        if item.get("quantite") in (None, ""):
            faults.missing(place, "quantite")
        return NO_PIECES
    if value == 0:
        faults.add("out_of_range", "must be above 0", place, "quantite", item["quantite"])
    if value > LARGEST_QUANTITY:
        faults.add("out_of_range", f"must be at most {LARGEST_QUANTITY}", place, "quantite", item["quantite"])
        return NO_PIECES
    if value == value.to_integral_value():
        return Quantity(value, int(value), 0)
    micro = value.scaleb(MICRO)
    if micro != micro.to_integral_value():
        faults.add("out_of_range", f"must have at most {MICRO} decimals", place, "quantite", item["quantite"])
    return Quantity(value, 1, int(micro))


def _price_and_amount(
    item: Fields, quantity: Quantity, decimals: int, place: Place, faults: Faults
) -> tuple[Decimal | None, int]:
    """The price, if there is one, and the amount of goods of a line: as given, or computed."""
    price = amount(item, "prix_unitaire", place, faults)
    given = amount(item, "montant", place, faults)
    discount = amount(item, "remise", place, faults) or NOTHING
    if given is not None:
        return price, minor_units(given, decimals)
    if price is None:
        if item.get("prix_unitaire") in (None, ""):
            faults.missing(place, "prix_unitaire")
        return None, 0
    exact = quantity.exact * price - discount
    if exact < 0:
        faults.add("out_of_range", "must be at most the amount of the line", place, "remise", item["remise"])
    return price, minor_units(exact, decimals)


# --- Refunds --------------------------------------------------------------------------------


def refunds(
    order: Fields, decimals: int, sold: list[Line], instant: Callable[..., Any], faults: Faults
) -> list[Document]:
    """The refunded lines, each with the number and the date of its refund."""
    by_id: dict[str | None, Line] = {line.ligne_id: line for line in sold if line.ligne_id}
    found = []
    for item, place in items(order, "remboursements", (), faults):
        head = {
            "remboursement_id": identifier(item, "remboursement_id", place, faults),
            "date_remboursement": instant(item, "date_remboursement", place, faults),
        }
        found += [{**head, **line} for line in _returned(item, place, decimals, by_id, faults)]
    return found


def _returned(
    refund: Fields, place: Place, decimals: int, by_id: dict[str | None, Line], faults: Faults
) -> list[Document]:
    """The lines of a refund; of one without lines its amount."""
    given = items(refund, "lignes", place, faults)
    if given:
        return [_returned_line(item, inner, decimals, by_id, faults) for item, inner in given]
    value = amount(refund, "montant", place, faults)
    if value is None:
        faults.missing(place, "montant")
    return [_refunded(None, None, NO_PIECES, minor_units(value or NOTHING, decimals))]


def _returned_line(
    item: Fields, place: Place, decimals: int, by_id: dict[str | None, Line], faults: Faults
) -> Document:
    line_id = identifier(item, "ligne_id", place, faults)
    line = by_id.get(line_id)
    name = text(item, "nom", place, faults) or (line.document["nom"] if line else None)
    has_pieces = item.get("quantite") not in (None, "", 0, "0")
    quantity = _quantity(item, place, faults) if has_pieces else NO_PIECES
    value = amount(item, "montant", place, faults)
    if value is not None:
        minor = minor_units(value, decimals)
    elif line and line.quantity:
        minor = share(line.minor, quantity.exact, line.quantity)
    else:
        minor = 0
        faults.missing(place, "montant")
    return _refunded(line_id, name, quantity, minor)


def _refunded(line_id: str | None, name: str | None, quantity: Quantity, minor: int) -> Document:
    return {
        "ligne_id": line_id,
        "nom": name,
        "quantite": quantity.pieces,
        "mesure_micro": Int64(quantity.micro),
        "montant_centimes": Int64(minor),
    }
