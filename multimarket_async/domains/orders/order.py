"""The contract: what a valid order is, its key, and the document it becomes."""

from typing import Annotated, Any, NotRequired, Required, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from multimarket_async.domains import Document, FollowUp
from multimarket_async.domains.orders.amounts import amounts
from multimarket_async.domains.orders.fields import (
    AS_DELIVERED,
    LARGEST_QUANTITY,
    Canal,
    Channel,
    Identifier,
    Instant,
    Status,
    Text,
    rejected,
)
from multimarket_async.domains.orders.followup import SUIVI, follow_up
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import loads, shown

T = TypeVar("T")
OWN_FIELDS = frozenset(
    {"_id", "montant_total", "montant_centimes", "lignes_centimes", "ingestion", "champs_livres", SUIVI}
)


def parse(content: bytes, canal: str, settings: OrderSettings) -> list[Document | FollowUp]:
    """The order in one file that came through the channel `canal`, or the follow-up of one. Raises Rejected."""
    tree = loads(content)
    if not isinstance(tree, dict):
        raise Rejected("not_an_object", f"A file must hold one order, an object, and not {shown(tree)}.")
    # No order is without lines, so nothing that was an order before there were follow-ups is taken for one.
    if SUIVI in tree and "produits" not in tree:
        return [follow_up(tree, canal, settings)]
    return [_document(tree, canal, settings)]


def _document(tree: dict[str, Any], canal: str, settings: OrderSettings) -> Document:
    """Fields as delivered, the unknown ones too, but a few in one form.

    Identifiers are strings, prices doubles, and `date_commande` is a UTC instant to the millisecond, as BSON
    keeps it. A delivered field with a name of ours is kept under `champs_livres`.
    """
    own, delivered = _apart(tree)
    try:
        order = _adapter(canal, settings).validate_python(delivered, context=Channel(canal, settings))
    except ValidationError as error:
        raise rejected(error) from None
    return {"_id": f"{canal}:{order['order_id']}", **order, **amounts(order["produits"]), **own}


def partition(document: Document) -> str:
    """UTC day and channel: small enough that a late order costs little, and few enough to be listed."""
    return f"{document['date_commande'].date()}/{document['canal']}"


def _apart(tree: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Delivered fields that bear our names, as kept; and the others."""
    if OWN_FIELDS.isdisjoint(tree):
        return {}, tree
    kept = {name: value for name, value in tree.items() if name in OWN_FIELDS}
    return {"champs_livres": kept}, {name: value for name, value in tree.items() if name not in OWN_FIELDS}


@with_config(AS_DELIVERED)
class Line(TypedDict):
    """One line of an order."""

    produit_id: Identifier
    nom: Text
    quantite: Annotated[int, Field(gt=0, le=LARGEST_QUANTITY)]
    prix_unitaire: Annotated[float, Field(ge=0, allow_inf_nan=False)]


@with_config(AS_DELIVERED)
class Delivery(TypedDict):
    """Where an order goes."""

    adresse: str
    ville: str


@with_config(AS_DELIVERED)
class Order(TypedDict):
    """An order of a channel where a delivery may be given or not."""

    order_id: Identifier
    client_id: Identifier
    # At the first bad line the others are left: a million of them would take seconds to list.
    produits: Annotated[list[Line], Field(min_length=1, fail_fast=True)]
    date_commande: Instant
    canal: Canal
    statut_commande: Status
    livraison: NotRequired[Delivery | None]


@with_config(AS_DELIVERED)
class DeliveredOrder(Order):
    """An order of a channel where each one is delivered."""

    livraison: Required[Delivery]  # type: ignore[misc]  # narrower than in Order


@with_config(AS_DELIVERED)
class CollectedOrder(Order):
    """An order of a channel where none is delivered."""

    livraison: NotRequired[None]  # type: ignore[misc]  # narrower than in Order


_EITHER, _DELIVERED, _COLLECTED = (TypeAdapter[Any](form) for form in (Order, DeliveredOrder, CollectedOrder))


def of_channel(canal: str, settings: OrderSettings, *, either: T, delivered: T, collected: T) -> T:
    """What these rules make of the three in this channel."""
    if canal in settings.delivery_required:
        return delivered
    return collected if canal in settings.delivery_forbidden else either


def _adapter(canal: str, settings: OrderSettings) -> TypeAdapter[Any]:
    return of_channel(canal, settings, either=_EITHER, delivered=_DELIVERED, collected=_COLLECTED)
