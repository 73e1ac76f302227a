"""Orders with nothing unusual about them, straight from their bytes: the same documents, in half the time.

`order.parse` alone says what an order is. What is accepted here it would accept too, and make the
same document of; whatever is not plainly right is left to it, whether good or bad.
"""

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Annotated, Any, NotRequired
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from multimarket_async.domains import Document, FollowUp
from multimarket_async.domains.orders.amounts import amounts
from multimarket_async.domains.orders.fields import EARLIEST, ID_CHARS, LARGEST_QUANTITY, Text, instant
from multimarket_async.domains.orders.order import of_channel, parse
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import INT64

NO_OTHER_FIELD = ConfigDict(extra="forbid", strict=True)
Identifier = (
    Annotated[str, Field(pattern=rf"^[!-~]{{1,{ID_CHARS}}}$")] | Annotated[int, Field(ge=INT64.start, lt=INT64.stop)]
)
_ESCAPED_COLON = rb"\u003a"


def parser(canal: str, settings: OrderSettings) -> Callable[[bytes], list[Document | FollowUp]]:
    """`order.parse` for one channel, with a short cut."""
    form = of_channel(canal, settings, either=_EITHER, delivered=_DELIVERED, collected=_COLLECTED)
    validate_json = form.validate_json
    zone, statuses = _zone(settings.timezone), frozenset(settings.order_statuses)

    def either(content: bytes) -> list[Document | FollowUp]:
        try:
            order = validate_json(content)
            if order["canal"] == canal and order["statut_commande"] in statuses and _each_key_once(content, order):
                return [_document(order, zone)]
        except (ValidationError, ValueError, OverflowError, Rejected):
            pass  # perhaps it is only unusual; if not, it is known there what to say
        return parse(content, canal, settings)

    return either


def _zone(name: str) -> tzinfo:
    """UTC by itself takes less time than UTC out of the database of time zones."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _document(order: dict[str, Any], zone: tzinfo) -> Document:
    order["order_id"], order["client_id"] = str(order["order_id"]), str(order["client_id"])
    for line in order["produits"]:
        line["produit_id"] = str(line["produit_id"])
    order["date_commande"] = instant(order["date_commande"], zone)
    if order["date_commande"] < EARLIEST:
        raise ValueError
    return {"_id": f"{order['canal']}:{order['order_id']}", **order, **amounts(order["produits"])}


def _each_key_once(content: bytes, order: dict[str, Any]) -> bool:
    """Whether no key is written twice: pydantic keeps the last one, and does not say so.

    Each key written brings a colon, repeated ones too, and each colon of the date that was kept is there as such
    unless it is escaped. If there are no more than these, no key is repeated.
    """
    kept = len(order) + sum(map(len, order["produits"])) + len(order.get("livraison") or ())
    escaped = b"\\" in content and _ESCAPED_COLON in content.lower()
    return not escaped and content.count(b":") == kept + order["date_commande"].count(":")


@with_config(NO_OTHER_FIELD)
class _Line(TypedDict):
    produit_id: Identifier
    nom: Text
    quantite: Annotated[int, Field(gt=0, le=LARGEST_QUANTITY)]
    prix_unitaire: Annotated[float, Field(ge=0, allow_inf_nan=False)]


@with_config(NO_OTHER_FIELD)
class _Delivery(TypedDict):
    adresse: str
    ville: str


@with_config(NO_OTHER_FIELD)
class _Order(TypedDict):
    order_id: Identifier
    client_id: Identifier
    produits: Annotated[list[_Line], Field(min_length=1)]
    date_commande: str
    canal: str
    statut_commande: str
    livraison: NotRequired[_Delivery | None]


@with_config(NO_OTHER_FIELD)
class _DeliveredOrder(_Order):
    livraison: _Delivery  # type: ignore[misc]  # narrower than in _Order


@with_config(NO_OTHER_FIELD)
class _CollectedOrder(_Order):
    livraison: NotRequired[None]  # type: ignore[misc]  # narrower than in _Order


_EITHER, _DELIVERED, _COLLECTED = (TypeAdapter[Any](form) for form in (_Order, _DeliveredOrder, _CollectedOrder))
