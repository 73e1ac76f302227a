"""Settings of the orders domain, and its channels."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, field_validator, model_validator

from multimarket_async.pseudonyms import Pseudonyms
from multimarket_async.settings import Business, Token, Words

KEY_CHARS = 16
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

    pseudonym_key: Token | None = Field(
        None,
        description="key, of at least 16 characters, for pseudonyms in place of client_id; addresses are not stored"
        " then; empty: none",
    )

    @property
    def pseudonyms(self) -> Pseudonyms | None:
        """The pseudonyms of customers; None if they are off."""
        return Pseudonyms(self.pseudonym_key.get_secret_value().encode()) if self.pseudonym_key else None

    @field_validator("pseudonym_key", mode="before")
    @classmethod
    def _empty_is_none(cls, key: Any) -> Any:
        return key or None

    @field_validator("pseudonym_key")
    @classmethod
    def _long_enough(cls, key: Token | None) -> Token | None:
        if key and len(key.get_secret_value()) < KEY_CHARS:
            raise ValueError(f"it must have at least {KEY_CHARS} characters")
        return key

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
