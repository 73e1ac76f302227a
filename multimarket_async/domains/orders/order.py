"""The contract: what a valid order is, its key, and the document it becomes."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, NotRequired, Required, cast
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    with_config,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from multimarket_async.domains import Document
from multimarket_async.domains.orders.amounts import amounts
from multimarket_async.domains.orders.rules import CHANNELS, OrderSettings, listed
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import loads, pointer_to, shown

OWN_FIELDS = frozenset({"_id", "montant_total", "montant_centimes", "lignes_centimes", "ingestion", "champs_livres"})
ID_CHARS = 200
# A million million pieces: nine million such lines can be summed in 64 bits.
LARGEST_QUANTITY = 10**12
# Before it no shop took orders by computer, and a date in year 1 has a month that begins in year 0.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# ISO 8601 date and time; datetime.fromisoformat alone would also take weeks, a bare date, any separator.
DATE_AND_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-5][0-9])?)?"
)


def parse(content: bytes, canal: str, settings: OrderSettings) -> list[Document]:
    """The document of the order in one file that came through the channel `canal`. Raises Rejected.

    Fields as delivered, the unknown ones too, but identifiers as strings, prices as doubles and
    `date_commande` as a UTC instant to the millisecond, as BSON keeps it. A delivered field with
    a name of ours is kept under `champs_livres`.
    """
    tree = loads(content)
    if not isinstance(tree, dict):
        raise Rejected("not_an_object", f"A file must hold one order, an object, and not {shown(tree)}.")
    own, delivered = _apart(tree)
    try:
        order = _adapter(canal, settings).validate_python(delivered, context=_Feed(canal, settings))
    except ValidationError as error:
        raise _rejected(error) from None
    return [{"_id": f"{canal}:{order['order_id']}", **order, **amounts(order["produits"]), **own}]


def partition(document: Document) -> str:
    """UTC day and channel: small enough that a late order costs little, and few enough to be listed."""
    return f"{document['date_commande'].date()}/{document['canal']}"


def _apart(tree: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Delivered fields that bear our names, as kept; and the others."""
    if OWN_FIELDS.isdisjoint(tree):
        return {}, tree
    kept = {name: value for name, value in tree.items() if name in OWN_FIELDS}
    return {"champs_livres": kept}, {name: value for name, value in tree.items() if name not in OWN_FIELDS}


# --- Fields ---------------------------------------------------------------------------------


class _Feed(NamedTuple):
    """What the validators of fields ask: whose file this is, and what its orders may say."""

    canal: str
    settings: OrderSettings


def _feed(info: ValidationInfo) -> _Feed:
    return cast("_Feed", info.context)


def _identifier(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "must be a text or a whole number")
    if not value.strip():
        raise PydanticCustomError("empty_text", "must not be empty")
    if len(value) > ID_CHARS or "\0" in value:
        raise PydanticCustomError("out_of_range", "must have at most 200 characters and no NUL among them")
    return value


def _instant(value: Any, info: ValidationInfo) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "must be a date in text, such as 2025-04-26T14:00:00")
    try:
        found = instant(value, ZoneInfo(_feed(info).settings.timezone))
    except (ValueError, OverflowError):
        raise PydanticCustomError("bad_date", "must be a date and a time such as 2025-04-26T14:00:00") from None
    if found < EARLIEST:
        raise PydanticCustomError("bad_date", "must not be before 1970")
    return found


def instant(text: str, zone: ZoneInfo) -> datetime:
    """The UTC instant of a date, to the millisecond; a naive one is in `zone`. Raises ValueError, OverflowError.

    Each date goes through that zone, so that its month there is known to exist too.
    """
    moment = datetime.fromisoformat(text if DATE_AND_TIME.fullmatch(text) else "")
    local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    found = local.astimezone(UTC)
    return found.replace(microsecond=found.microsecond // 1000 * 1000) if found.microsecond else found


def _canal(value: str, info: ValidationInfo) -> str:
    own = _feed(info).canal
    if value == own:
        return value
    if value in CHANNELS.values():
        raise PydanticCustomError("wrong_channel", "must be '{own}' in this folder", {"own": own})
    raise PydanticCustomError("unknown_channel", "must be one of {words}", {"words": listed(CHANNELS.values())})


def _status(value: str, info: ValidationInfo) -> str:
    accepted = _feed(info).settings.order_statuses
    if value not in accepted:
        raise PydanticCustomError("unknown_status", "must be one of {words}", {"words": listed(accepted)})
    return value


Text = Annotated[str, Field(pattern=r"\S")]
Identifier = Annotated[str, PlainValidator(_identifier)]
AS_DELIVERED = ConfigDict(extra="allow", strict=True)


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
    date_commande: Annotated[datetime, PlainValidator(_instant)]
    canal: Annotated[str, AfterValidator(_canal)]
    statut_commande: Annotated[str, AfterValidator(_status)]
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


def _adapter(canal: str, settings: OrderSettings) -> TypeAdapter[Any]:
    if canal in settings.delivery_required:
        return _DELIVERED
    return _COLLECTED if canal in settings.delivery_forbidden else _EITHER


# --- Faults ---------------------------------------------------------------------------------

# pydantic's names of faults -> ours, and what to say. Faults of our own validators bring both.
_FAULTS = {
    "missing": ("missing_field", "is missing"),
    "string_type": ("wrong_type", "must be a text"),
    "int_type": ("wrong_type", "must be a whole number"),
    "float_type": ("wrong_type", "must be a number"),
    "dict_type": ("wrong_type", "must be an object"),
    "list_type": ("wrong_type", "must be a list"),
    "string_pattern_mismatch": ("empty_text", "must not be empty"),
    "too_short": ("out_of_range", "must have at least one line"),
    "greater_than": ("out_of_range", "must be above 0"),
    "greater_than_equal": ("out_of_range", "must be 0 or more"),
    "less_than_equal": ("out_of_range", f"must be at most {LARGEST_QUANTITY}"),
    "none_required": ("delivery_not_allowed", "must be absent: orders of this channel are not delivered"),
}


def _rejected(error: ValidationError) -> Rejected:
    """The first fault in the order of the fields, and how many more are known of."""
    first, *more = error.errors(include_url=False)
    code, demand = _code_and_demand(first)
    given = "" if first["type"] == "missing" else f", and is {shown(first['input'])}"
    facts = {"more_faults": len(more)} if more else None
    return Rejected(code, f"{_named(first['loc'])} {demand}{given}.", pointer_to(*first["loc"]), facts=facts)


def _named(place: tuple[str | int, ...]) -> str:
    match place:
        case ("produits", int(index)):
            return f"item {index + 1} of produits"
        case ("produits", int(index), field):
            return f"{field} of item {index + 1} of produits"
        case _:
            return str(place[-1])


def _code_and_demand(fault: ErrorDetails) -> tuple[str, str]:
    if fault["loc"] == ("livraison",) and (fault["type"] == "missing" or fault["input"] is None):
        return "delivery_missing", "must be given: orders of this channel are delivered"
    return _FAULTS.get(fault["type"], (fault["type"], fault["msg"]))
