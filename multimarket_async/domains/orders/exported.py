"""An order in the wider words of exports: all its faults, or the document that it becomes."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from multimarket_async.domains import Document
from multimarket_async.domains.orders.amounts import COMPUTED
from multimarket_async.domains.orders.channels import Channel
from multimarket_async.domains.orders.currencies import minor_units
from multimarket_async.domains.orders.fields import Identifier, instant_in, listed, plain
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected
from multimarket_async.store import Int64
from multimarket_async.strict_json import pointer_to, shown

Order = dict[str, Any]
_identifier = TypeAdapter(Identifier).validator.validate_python


def exported(channel: Channel, settings: OrderSettings) -> Callable[[Order], Document]:
    """The function that makes a document of an order of a channel. It raises Rejected, with all faults."""
    instant = TypeAdapter[datetime](Annotated[datetime, instant_in(settings.timezone)]).validator.validate_python
    key = f"{channel.canal}:{channel.shop}:" if channel.shop else f"{channel.canal}:"

    def document(order: Order) -> Document:
        if faults := list(_faults(order, instant, settings.order_statuses)):
            first, *others = faults
            raise Rejected(first.code, first.sentence, first.pointer, also=tuple(others))
        money = order.get("devise") or channel.currency or settings.currency
        lines = [_line(line) for line in order["produits"]]
        cents = [minor_units(amount, money) for amount in map(_amount, order["produits"])]
        made = {
            "_id": f"{key}{order['order_id']}",
            "order_id": str(order["order_id"]),
            "client_id": None if order.get("client_id") is None else str(order["client_id"]),
            "produits": lines,
            "date_commande": instant(order["date_commande"]),
            "canal": channel.canal,
            "statut_commande": order["statut_commande"],
            "devise": money,
            **dict(zip(COMPUTED, (sum(cents) / 100, Int64(sum(cents)), [Int64(each) for each in cents]), strict=True)),
        }
        optional = ("maj_le", "livraison", "avoir", "avoir_de", "remboursements")
        return {**made, **{name: order[name] for name in optional if name in order}}

    return document


def _faults(order: Order, instant: Callable[[Any], datetime], statuses: tuple[str, ...]) -> Iterator[Rejected]:
    yield from _of(order, "order_id", _identifier)
    yield from _of(order, "date_commande", instant)
    if "statut_commande" not in order:
        yield _missing("statut_commande")
    elif order["statut_commande"] not in statuses:
        demand = f"statut_commande must be one of {listed(statuses)}, and is {shown(order['statut_commande'])}."
        yield Rejected("unknown_status", demand, "/statut_commande")
    if not order["produits"] and not order.get("remboursements"):
        yield Rejected("out_of_range", "produits must have at least one line.", "/produits")
    for place, line in enumerate(order["produits"]):
        yield from _line_faults(line, place)


def _of(order: Order, name: str, validate: Callable[[Any], Any]) -> Iterator[Rejected]:
    if name not in order:
        yield _missing(name)
        return
    try:
        validate(order[name])
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        yield Rejected(fault["type"], f"{name} {fault['msg']}, and is {shown(order[name])}.", pointer_to(name))


def _line_faults(line: Order, place: int) -> Iterator[Rejected]:
    named = f"item {place + 1} of produits"
    for name in ("nom", "quantite"):
        if name not in line:
            yield Rejected("missing_field", f"{name} of {named} is missing.", pointer_to("produits", place, name))
    for name in ("quantite", "prix_unitaire", "montant", "remise"):
        if name in line and _number(line[name]) is None:
            sentence = f"{name} of {named} must be a number, and is {shown(line[name])}."
            yield Rejected("wrong_type", sentence, pointer_to("produits", place, name))


def _missing(name: str) -> Rejected:
    return Rejected("missing_field", f"{name} is missing.", pointer_to(name))


def _number(value: Any) -> Decimal | None:
    try:
        return None if isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        return None


def _amount(line: Order) -> Decimal:
    if "montant" in line:
        return Decimal(str(line["montant"]))
    quantity, price, discount = (Decimal(str(line.get(name, 0))) for name in ("quantite", "prix_unitaire", "remise"))
    return quantity * price - discount


def _line(line: Order) -> Document:
    quantity = Decimal(str(line["quantite"]))
    price = {"prix_unitaire": float(line["prix_unitaire"])} if "prix_unitaire" in line else {}
    product = {"produit_id": str(line["produit_id"])} if "produit_id" in line else {}
    return {**product, "nom": plain(str(line["nom"])), "quantite": int(quantity), **price}
