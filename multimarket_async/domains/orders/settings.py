"""Settings of the orders domain, and its channels."""

from collections.abc import Iterable

from pydantic import Field, model_validator

from multimarket_async.settings import Business, Words

CHANNELS = {"site_web": "web", "application_mobile": "mobile", "boutique_physique": "boutique"}


class OrderSettings(Business):
    """Settings of the orders domain."""

    currency: str = Field(
        "EUR", pattern="^[A-Z]{3}$", description="what prices are in (ISO 4217): the unit of the KPIs"
    )
    order_statuses: Words = Field(
        ("payée", "annulée", "en attente", "confirmée"), min_length=1, description="accepted values of statut_commande"
    )
    followup_statuses: Words = Field(
        ("en attente", "confirmée", "payée", "expédiée", "livrée", "retournée", "annulée"),
        min_length=1,
        description="accepted values of suivi.etat; of two at the same instant the later one in this list counts",
    )
    cancelled_statuses: Words = Field(
        ("annulée",), description="those of them, in orders and follow-ups, that mean a cancelled order"
    )
    delivery_required: Words = Field(("web", "mobile"), description="channels whose orders must have livraison")
    delivery_forbidden: Words = Field(
        ("boutique",), description="channels whose orders must not have it; a channel in neither list: as it comes"
    )
    profile: str = Field(
        "", description="what the simulated shop is like, a TOML file; empty: `config/profile.toml`, if there is one"
    )

    @model_validator(mode="after")
    def _agree(self) -> "OrderSettings":
        required, forbidden = set(self.delivery_required), set(self.delivery_forbidden)
        channels = listed(CHANNELS.values())
        _none(required - {*CHANNELS.values()}, f"delivery_required names no channel: {{}}; expected {channels}")
        _none(forbidden - {*CHANNELS.values()}, f"delivery_forbidden names no channel: {{}}; expected {channels}")
        _none(required & forbidden, "delivery_required and delivery_forbidden both name {}; leave it in one of them")
        _none(
            set(self.cancelled_statuses) - {*self.order_statuses, *self.followup_statuses},
            "cancelled_statuses names {}, which is among neither order_statuses nor followup_statuses",
        )
        return self


def _none(wrong: set[str], sentence: str) -> None:
    if wrong:
        raise ValueError(sentence.format(listed(sorted(wrong))))


def listed(words: Iterable[str]) -> str:
    """The words, separated by commas."""
    return ", ".join(words)
