"""A later state of an order: what a valid follow-up is, and what becomes of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from multimarket_async.domains import FollowUp, Lifecycle
from multimarket_async.domains.orders.fields import AS_DELIVERED, Identifier, channel, instant_in, rejected, status
from multimarket_async.domains.orders.settings import OrderSettings

SUIVI = "suivi"
_OURS = frozenset({"ingestion", "champs_livres"})


def lifecycle(settings: OrderSettings) -> Lifecycle:
    """`statut_commande` says the newest state; the one an order was delivered with counts from `date_commande` on."""
    return Lifecycle(SUIVI, "etat", "date_etat", "statut_commande", "date_commande", settings.followup_statuses)


def follow_up_parser(canal: str, settings: OrderSettings) -> Callable[[dict[str, Any]], FollowUp]:
    """The parser of one channel's follow-ups. It raises Rejected.

    Fields of `suivi` as delivered, the unknown ones too, but `date_etat` as a UTC instant to the millisecond.
    What else the file holds, or bears a name of ours, is kept under `champs_livres`.
    """
    own_channel = channel(canal, settings.canals)

    @with_config(AS_DELIVERED)
    class Suivi(TypedDict):
        etat: Annotated[str, status(settings.followup_statuses)]
        date_etat: Annotated[datetime, instant_in(settings.timezone)]

    @with_config(AS_DELIVERED)
    class Notice(TypedDict):
        order_id: Identifier
        canal: Annotated[str, own_channel]
        suivi: Suivi

    validate = TypeAdapter[Any](Notice).validator.validate_python

    def follow_up(tree: dict[str, Any]) -> FollowUp:
        try:
            notice = validate(tree)
        except ValidationError as error:
            raise rejected(error) from None
        event = {name: value for name, value in notice[SUIVI].items() if name not in _OURS}
        others = {name: value for name, value in notice.items() if name not in Notice.__annotations__}
        others |= {name: value for name, value in notice[SUIVI].items() if name in _OURS}
        if settings.pseudonym_key:  # other fields may name the person
            event, others = {name: event[name] for name in Suivi.__annotations__}, {}
        return FollowUp(f"{canal}:{notice['order_id']}", {**event, **({"champs_livres": others} if others else {})})

    return follow_up
