"""A later state of an order: what a valid follow-up is, and what becomes of it."""

from typing import Any

from pydantic import TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from multimarket_async.domains import FollowUp, Lifecycle
from multimarket_async.domains.orders.fields import AS_DELIVERED, Canal, Channel, Identifier, Instant, State, rejected
from multimarket_async.domains.orders.settings import OrderSettings

SUIVI = "suivi"
_OURS = frozenset({"ingestion", "champs_livres"})


@with_config(AS_DELIVERED)
class Suivi(TypedDict):
    """Which state, and since when."""

    etat: State
    date_etat: Instant


@with_config(AS_DELIVERED)
class Notice(TypedDict):
    """A file that holds one follow-up."""

    order_id: Identifier
    canal: Canal
    suivi: Suivi


_NOTICE = TypeAdapter[Any](Notice)


def lifecycle(settings: OrderSettings) -> Lifecycle:
    """`statut_commande` says the newest state; the one an order was delivered with counts from `date_commande` on."""
    return Lifecycle(SUIVI, "etat", "date_etat", "statut_commande", "date_commande", settings.followup_statuses)


def follow_up(tree: dict[str, Any], canal: str, settings: OrderSettings) -> FollowUp:
    """The follow-up in a file of the channel `canal`. Raises Rejected.

    Fields of `suivi` as delivered, the unknown ones too, but `date_etat` as a UTC instant to the millisecond.
    What else the file holds, or bears a name of ours, is kept under `champs_livres`.
    """
    try:
        notice = _NOTICE.validate_python(tree, context=Channel(canal, settings))
    except ValidationError as error:
        raise rejected(error) from None
    event = {name: value for name, value in notice[SUIVI].items() if name not in _OURS}
    others = {name: value for name, value in notice.items() if name not in Notice.__annotations__}
    others |= {name: value for name, value in notice[SUIVI].items() if name in _OURS}
    return FollowUp(f"{canal}:{notice['order_id']}", {**event, **({"champs_livres": others} if others else {})})
