"""Orders as they are drawn, and as they are written."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from multimarket_async.domains.omnishop.simulator.shop import WAREHOUSE, WEB, Client, Product, digest


class Line(NamedTuple):
    """Pieces of a product, by its place in the catalogue."""

    product: int
    quantity: int
    price_minor: int


class Order(NamedTuple):
    """An order. second: of its day."""

    id: str
    kind: str
    client: str
    channel: str
    place: str
    day: date
    second: int
    card: str | None
    device: str | None
    address: str | None
    refund_of: str | None
    lines: Sequence[Line]

    @property
    def source(self) -> str:
        """The place whose stock it takes."""
        return WAREHOUSE if self.channel == WEB else self.place

    @property
    def at(self) -> str:
        """Its instant."""
        return instant(self.day, self.second)


def instant(day: date, second: int) -> str:
    """A second of a day, as text."""
    at = day + timedelta(days=second // 86_400)
    hours, rest = divmod(second % 86_400, 3600)
    return f"{at}T{hours:02}:{rest // 60:02}:{rest % 60:02}Z"


def card_of(client: Client) -> str:
    """The token of a client's card."""
    return digest("card", client.id)


def device_of(client: Client) -> str:
    """The token of a client's browser."""
    return digest("device", client.id)


def written(order: Order, products: Sequence[Product]) -> dict[str, Any]:
    """The record of an order."""
    lines = [
        {"product": products[line.product].id, "quantity": line.quantity, "price_minor": line.price_minor}
        for line in order.lines
    ]
    return {
        "order": order.id, "kind": order.kind, "client": order.client, "channel": order.channel, "place": order.place,
        "at": order.at, "card": order.card, "device": order.device, "address": order.address,
        "refund_of": order.refund_of, "lines": lines,
    }  # fmt: skip
