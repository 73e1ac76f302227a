"""Orders of other formats: a valid one, in our words, and the document it becomes.

Beside the fields of the contract it may have its own currency, amounts of the order, goods by weight, a version,
refunds; and it may be a credit note, which is refunds alone.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from multimarket_async.domains import Document
from multimarket_async.domains.orders.amounts import LARGEST_TOTAL_CENTS
from multimarket_async.domains.orders.channels import CURRENCY, Channel
from multimarket_async.domains.orders.currencies import exponent, minor_units, number
from multimarket_async.domains.orders.exported_lines import Line, lines, refunds
from multimarket_async.domains.orders.exported_values import (
    Faults,
    Fields,
    Place,
    among,
    amount,
    identifier,
    instants,
    text,
)
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Rejected
from multimarket_async.store import Int64
from multimarket_async.strict_json import shown

WHOLE: Place = ()
EXTRA = ("remise", "taxes", "frais_livraison", "frais")
Read = Callable[[Fields, str, Place, Faults], Any]


@cache
def exported(channel: Channel, settings: OrderSettings) -> Callable[[dict[str, Any]], Document]:
    """The function that makes the document of an order in our words. It raises Rejected, with every fault."""
    read = _Reading(channel, settings)

    def document(order: dict[str, Any]) -> Document:
        faults = Faults()
        made = read.document(order, faults)
        faults.end()
        return made

    return document


def version(document: Document) -> Any:
    """The version of an exported order: its last change. Without one it never changes."""
    return document.get("maj_le")


class _Reading:
    """Reads the orders of a channel."""

    def __init__(self, channel: Channel, settings: OrderSettings) -> None:
        self._channel, self._pseudonyms = channel, settings.pseudonyms
        self._delivery = settings.delivery(channel)
        self._currency = channel.currency or settings.currency
        self._first_status = settings.order_statuses[0]
        self._instant = instants(settings.timezone)
        self._canal = among(settings.canals, "unknown_channel")
        self._status = among(settings.order_statuses, "unknown_status")

    def document(self, order: Fields, faults: Faults) -> Document:
        """The document of an order; of a faulty one anything."""
        devise = self._devise(order, faults)
        decimals = exponent(devise)
        sold = lines(order, decimals, faults)
        returned = refunds(order, decimals, sold, self._instant, faults)
        credit = order.get("avoir") is True
        _check_parts(credit, sold, returned, faults)
        canal = self._canal(order, "canal", WHOLE, faults) or self._channel.canal
        key = self._key(order, faults)
        return {
            "_id": ":".join(filter(None, key.values())),
            "order_id": key["order_id"],
            **({"magasin": key["magasin"]} if key["magasin"] else {}),
            "client_id": self._client(order, faults),
            "produits": [line.document for line in sold],
            "date_commande": self._instant(order, "date_commande", WHOLE, faults),
            "canal": canal,
            "statut_commande": self._state(order, faults, credit=credit),
            **self._address(order, faults),
            **_version(order, self._instant, faults),
            "devise": devise,
            "decimales": decimals,
            **_extra(order, decimals, faults),
            **({"remboursements": returned} if returned else {}),
            **(_credit(order, faults) if credit else {}),
            **_amounts(credit, sold, returned, decimals),
        }

    def _key(self, order: Fields, faults: Faults) -> dict[str, str | None]:
        shop = self._channel.shop or identifier(order, "magasin", WHOLE, faults)
        number = identifier(order, "order_id", WHOLE, faults, required=True)
        return {"canal": self._channel.canal, "magasin": shop, "order_id": number}

    def _devise(self, order: Fields, faults: Faults) -> str:
        given = order.get("devise")
        if given is None or given == "":
            return self._currency
        devise = given.strip().upper() if isinstance(given, str) else ""
        if not devise or not CURRENCY.fullmatch(devise):
            faults.add("unknown_currency", "must be three letters of ISO 4217", WHOLE, "devise", given)
        return devise

    def _client(self, order: Fields, faults: Faults) -> str | None:
        client = identifier(order, "client_id", WHOLE, faults)
        return self._pseudonyms.of(client) if client and self._pseudonyms else client

    def _state(self, order: Fields, faults: Faults, *, credit: bool) -> str | None:
        state = self._status(order, "statut_commande", WHOLE, faults)
        if state is None and order.get("statut_commande") is None:
            if credit:
                return self._first_status
            faults.missing(WHOLE, "statut_commande")
        return state

    def _address(self, order: Fields, faults: Faults) -> Document:
        given = order.get("livraison")
        if given is None:
            if self._delivery == "required":
                demand = "must be given: orders of this channel are delivered"
                faults.add("delivery_missing", demand, WHOLE, "livraison")
            return {}
        if self._delivery == "forbidden":
            demand = "must be absent: orders of this channel are not delivered"
            faults.add("delivery_not_allowed", demand, WHOLE, "livraison", given)
        if not isinstance(given, dict):
            faults.add("wrong_type", "must be an object", WHOLE, "livraison", given)
            return {}
        place = ("livraison",)
        city, address = (text(given, name, place, faults) for name in ("ville", "adresse"))
        return {"livraison": {"ville": city} if self._pseudonyms else {"adresse": address or "", "ville": city}}


def _check_parts(credit: bool, sold: list[Line], returned: list[Document], faults: Faults) -> None:
    if credit and not returned:
        faults.add("out_of_range", "must have at least one line", WHOLE, "remboursements")
    if credit and sold:
        faults.add("out_of_range", "must be empty: a credit note sells nothing", WHOLE, "produits")
    if not credit and not sold:
        faults.add("out_of_range", "must have at least one line", WHOLE, "produits")


def _version(order: Fields, instant: Read, faults: Faults) -> Document:
    given = order.get("maj_le")
    if given is None or given == "":
        return {}
    if (count := None if ":" in str(given) else number(given)) is None:
        return {"maj_le": instant(order, "maj_le", WHOLE, faults)}
    return {"maj_le": Int64(int(count)) if count == count.to_integral_value() else float(count)}


def _extra(order: Fields, decimals: int, faults: Faults) -> Document:
    given = [(name, amount(order, name, WHOLE, faults, signed=True)) for name in EXTRA if name in order]
    return {f"{name}_centimes": Int64(minor_units(value, decimals)) for name, value in given if value is not None}


def _credit(order: Fields, faults: Faults) -> Document:
    return {"avoir": True, "avoir_de": identifier(order, "avoir_de", WHOLE, faults)}


def _amounts(credit: bool, sold: list[Line], returned: list[Document], decimals: int) -> Document:
    """The fields that hold its money; a credit note's total is negative. Raises Rejected."""
    total = sum(line.minor for line in sold) - credit * sum(line["montant_centimes"] for line in returned)
    if abs(total) > LARGEST_TOTAL_CENTS:
        sentence = f"The order comes to {shown(total)} cents; at most {LARGEST_TOTAL_CENTS} are taken."
        raise Rejected("amount_too_large", sentence, "/produits")
    measured = {"mesures_micro": [Int64(line.micro) for line in sold]} if any(line.micro for line in sold) else {}
    return {
        "montant_total": total / 10**decimals,
        "montant_centimes": Int64(total),
        "lignes_centimes": [Int64(line.minor) for line in sold],
        **measured,
    }
