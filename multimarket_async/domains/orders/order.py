"""The contract: what a valid order is, its key, and the document it becomes."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Annotated, Any, NotRequired, Required

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from multimarket_async.domains import Document, FollowUp, IncomingFile
from multimarket_async.domains.orders.amounts import COMPUTED, amounts
from multimarket_async.domains.orders.currencies import exponent
from multimarket_async.domains.orders.fields import (
    AS_DELIVERED,
    LARGEST_QUANTITY,
    Identifier,
    Text,
    channel,
    instant_in,
    plain,
    rejected,
    status,
)
from multimarket_async.domains.orders.followup import SUIVI, follow_up_parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected
from multimarket_async.pseudonyms import Pseudonyms
from multimarket_async.strict_json import loads, shown

OF_NO_PERSON = ("order_id", "date_commande", "canal", "statut_commande")
OWN_FIELDS = frozenset({"_id", *COMPUTED, "decimales", "ingestion", "champs_livres", SUIVI})


def reader(canal: str, settings: OrderSettings) -> Callable[[IncomingFile], list[Document | FollowUp]]:
    """The reader of one channel's files, each an order or a follow-up of one. It raises Rejected."""
    parse = parser(canal, settings)
    return lambda file: parse(file.content)


@cache
def parser(canal: str, settings: OrderSettings) -> Callable[[bytes], list[Document | FollowUp]]:
    """The parser of the content of one channel's files. It raises Rejected."""
    validate, follow_up = _adapter(canal, settings).validator.validate_python, follow_up_parser(canal, settings)
    pseudonyms, decimals = settings.pseudonyms, exponent(settings.currency)

    def parse(content: bytes) -> list[Document | FollowUp]:
        tree = loads(content)
        if not isinstance(tree, dict):
            raise Rejected("not_an_object", f"A file must hold one order, an object, and not {shown(tree)}.")
        # No order is without lines, so nothing that was an order before there were follow-ups is taken for one.
        if SUIVI in tree and "produits" not in tree:
            return [follow_up(tree)]
        return [_document(tree, canal, validate, pseudonyms, decimals)]

    return parse


def _document(
    tree: dict[str, Any],
    canal: str,
    validate: Callable[[Any], dict[str, Any]],
    pseudonyms: Pseudonyms | None,
    decimals: int,
) -> Document:
    """Fields as delivered, the unknown ones too, but a few in one form.

    Identifiers are strings, prices doubles, and `date_commande` is a UTC instant to the millisecond, as BSON
    keeps it. Names of products and cities have composed accents and no blanks around them: look-alikes are the same.
    A delivered field with a name of ours is kept under `champs_livres`. With pseudonyms, nothing else of a person is.
    """
    own, delivered = _split(tree)
    try:
        order = validate(delivered)
    except ValidationError as error:
        raise rejected(error) from None
    _make_plain(order)
    if pseudonyms:
        order, own = _without_person(order, pseudonyms), {}
    return {"_id": f"{canal}:{order['order_id']}", **order, **amounts(order["produits"], decimals), **own}


def _without_person(order: dict[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    """The fields of the contract alone, as others may name the person too; of the address the city."""
    kept = {name: order[name] for name in OF_NO_PERSON}
    kept["produits"] = [{name: line[name] for name in Line.__annotations__} for line in order["produits"]]
    delivery = {"livraison": {"ville": order["livraison"]["ville"]}} if order.get("livraison") else {}
    return {**kept, "client_id": pseudonyms.of(order["client_id"]), **delivery}


def _make_plain(order: dict[str, Any]) -> None:
    for line in order["produits"]:
        line["nom"] = plain(line["nom"])
    if delivery := order.get("livraison"):
        delivery["ville"] = plain(delivery["ville"])


def _split(tree: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
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
    """The address of an order."""

    adresse: str
    ville: str


def _adapter(canal: str, settings: OrderSettings) -> TypeAdapter[Any]:
    """The order of one channel, where each is delivered, none is, or either."""
    own_channel = channel(canal, settings.canals)

    @with_config(AS_DELIVERED)
    class Order(TypedDict):
        order_id: Identifier
        client_id: Identifier
        # At the first bad line the others are left: a million of them would take seconds to list.
        produits: Annotated[list[Line], Field(min_length=1, fail_fast=True)]
        date_commande: Annotated[datetime, instant_in(settings.timezone)]
        canal: Annotated[str, own_channel]
        statut_commande: Annotated[str, status(settings.order_statuses)]
        livraison: NotRequired[Delivery | None]

    @with_config(AS_DELIVERED)
    class DeliveredOrder(Order):
        livraison: Required[Delivery]  # type: ignore[misc]  # narrower than in Order

    @with_config(AS_DELIVERED)
    class CollectedOrder(Order):
        livraison: NotRequired[None]  # type: ignore[misc]  # narrower than in Order

    rule = settings.delivery(settings.contract(canal))
    return TypeAdapter({"required": DeliveredOrder, "forbidden": CollectedOrder, "either": Order}[rule])
