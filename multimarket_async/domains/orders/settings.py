"""Settings of the orders domain."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from multimarket_async.domains.orders.channels import BUILT_IN, CHANNELS, CONTRACT, Channel, Delivery, merged
from multimarket_async.settings import WithPseudonyms, Words


class OrderSettings(WithPseudonyms):
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
    channels: Annotated[tuple[Channel, ...], BeforeValidator(merged)] = Field(
        BUILT_IN,
        min_length=1,
        description="sales channels: a table [orders.channels.<directory>] for each with canal, format, delivery"
        " (required, forbidden or either), shop, currency, enabled; these three are there unless enabled = false",
    )
    delivery_required: Words = Field(
        ("web", "mobile"),
        description="channels whose orders must have livraison, by canal; their own delivery comes first",
    )
    delivery_forbidden: Words = Field(
        ("boutique",), description="channels whose orders must not have it; a channel in neither list: as it comes"
    )
    profile: str = Field(
        "", description="what the simulated shop is like, a TOML file; empty: `config/profile.toml`, if there is one"
    )

    @property
    def canals(self) -> tuple[str, ...]:
        """The names of the channels, each once."""
        return tuple(dict.fromkeys(channel.canal for channel in self.channels))

    @property
    def declared(self) -> bool:
        """True if there are channels of other formats than the contract: their orders may be in other currencies."""
        return any(channel.format != CONTRACT for channel in self.channels)

    def contract(self, canal: str) -> Channel:
        """The channel of this name whose files are orders of the contract."""
        named = (each for each in self.channels if (each.canal, each.format) == (canal, CONTRACT))
        return next(named, Channel(canal, canal))

    def delivery(self, channel: Channel) -> Delivery:
        """Rule for the address of its orders: its own, else that of the two lists, which are of the contract."""
        if channel.delivery or channel.format != CONTRACT:
            return channel.delivery or "either"
        if channel.canal in self.delivery_required:
            return "required"
        return "forbidden" if channel.canal in self.delivery_forbidden else "either"

    @model_validator(mode="after")
    def _agree(self) -> "OrderSettings":
        required, forbidden = set(self.delivery_required), set(self.delivery_forbidden)
        known, channels = {*self.canals, *CHANNELS.values()}, listed(self.canals)
        _none(required - known, f"delivery_required names no channel: {{}}; expected {channels}")
        _none(forbidden - known, f"delivery_forbidden names no channel: {{}}; expected {channels}")
        _none(required & forbidden, "delivery_required and delivery_forbidden both name {}; leave it in one of them")
        _none(
            set(self.cancelled_statuses) - {*self.order_statuses, *self.followup_statuses},
            "cancelled_statuses names {}, which is among neither order_statuses nor followup_statuses",
        )
        contract = [channel.canal for channel in self.channels if channel.format == CONTRACT]
        twice = {canal for canal in contract if contract.count(canal) > 1}
        _none(twice, "channels: {} is the canal of two directories of the format contract; give each its own")
        alike = {channel.canal for channel in self.channels if channel.format != CONTRACT and not channel.shop}
        too = (
            "channels: {} is the canal of a directory of the format contract, too; give the other one a shop, as their"
        )
        _none(alike & {*contract}, f"{too} orders may have the same numbers")
        return self


def _none(wrong: set[str], sentence: str) -> None:
    if wrong:
        raise ValueError(sentence.format(listed(sorted(wrong))))


def listed(words: Iterable[str]) -> str:
    """The words, separated by commas."""
    return ", ".join(words)
