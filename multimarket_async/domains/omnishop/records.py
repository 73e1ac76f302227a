"""The records of each feed as they must come, and the documents that they become."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from multimarket_async.domains import Document
from multimarket_async.errors import Rejected
from multimarket_async.pseudonyms import Pseudonyms

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = 16
Channel: TypeAlias = Literal["web", "store"]
Kind: TypeAlias = Literal["sale", "refund"]
Step: TypeAlias = Literal["view", "search", "basket", "purchase"]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,100}$")]
Text = Annotated[str, Field(pattern=r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$", max_length=1000)]
Instant = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
DELIVERED = ConfigDict(extra="ignore", strict=True)


@with_config(DELIVERED)
class Product(TypedDict):
    """A product of the catalogue."""

    product: Id
    name: Text
    category: Text
    price_minor: Count


@with_config(DELIVERED)
class Client(TypedDict):
    """A client's profile. loyal: in the loyalty programme."""

    client: Id
    name: Text
    city: Text
    store: Id
    loyal: bool
    joined: Day


@with_config(DELIVERED)
class Promotion(TypedDict):
    """A campaign. channel: web, store or all. discount: share of the price."""

    campaign: Id
    category: Text
    channel: Literal["web", "store", "all"]
    starts: Day
    ends: Day
    discount: Share
    cost_minor: Count
    audience: Text


@with_config(DELIVERED)
class Line(TypedDict):
    """Pieces of a product, at a price."""

    product: Id
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    price_minor: Count


@with_config(DELIVERED)
class Order(TypedDict):
    """A sale or a refund, on the web or in a store. card, device: tokens, not numbers of cards."""

    order: Id
    kind: Kind
    client: Id
    channel: Channel
    place: Id
    at: Instant
    card: Id | None
    device: Id | None
    address: Text | None
    refund_of: Id | None
    lines: Annotated[list[Line], Field(min_length=1, max_length=500)]


@with_config(DELIVERED)
class Event(TypedDict):
    """A step of a visit of the site."""

    event: Id
    session: Id
    client: Id | None
    at: Instant
    kind: Step
    product: Id | None
    query: Text | None
    order: Id | None


@with_config(DELIVERED)
class Shelf(TypedDict):
    """The stock of a product in a store or the warehouse, in the evening; received and sold: on that day."""

    place: Id
    product: Id
    day: Day
    stock: Count
    received: Count
    sold: Count


@with_config(DELIVERED)
class Post(TypedDict):
    """A review or a mention."""

    post: Id
    at: Instant
    kind: Literal["review", "mention"]
    client: Id | None
    product: Id | None
    stars: Annotated[int, Field(ge=1, le=5)] | None
    text: Text


@with_config(DELIVERED)
class Sensor(TypedDict):
    """An hour of a store: visitors, and the mean wait at its tills."""

    store: Id
    at: Instant
    visitors: Count
    queue_s: Count


@with_config(DELIVERED)
class Truth(TypedDict):
    """A fact that models are graded by, and do not read: fraud of an order, a client gone, an uplift, a lost sale."""

    kind: Literal["fraud", "gone", "uplift", "lost"]
    key: Id
    client: Id | None
    label: Annotated[str, Field(pattern=r"^[a-z_]{0,40}$")]
    value: Number
    at: Instant


FORMS = {
    "omni_products": Product, "omni_clients": Client, "omni_promotions": Promotion, "omni_orders": Order,
    "omni_events": Event, "omni_stock": Shelf, "omni_social": Post, "omni_sensors": Sensor, "omni_truth": Truth,
}  # fmt: skip
KEYS = {
    "omni_products": ("product",), "omni_clients": ("client",), "omni_promotions": ("campaign",),
    "omni_orders": ("order",), "omni_events": ("event",), "omni_stock": ("place", "product", "day"),
    "omni_social": ("post",), "omni_sensors": ("store", "at"), "omni_truth": ("kind", "key"),
}  # fmt: skip
OF_PERSONS = {"omni_clients": ("name",), "omni_social": ("text",)}
VALIDATORS = {name: TypeAdapter(form).validator.validate_python for name, form in FORMS.items()}


def document(feed: str, pseudonyms: Pseudonyms | None, record: dict[str, Any]) -> Document:
    """The document of a record; with pseudonyms, of nobody by name. Raises Rejected, and pydantic's ValidationError."""
    values = VALIDATORS[feed](record)
    if pseudonyms:
        values = {**values, **_hidden(pseudonyms.of, feed, values)}
    made = {"_id": "|".join(values[name] for name in KEYS[feed]), **values}
    for name in ("day", "joined", "starts", "ends"):
        if name in values:
            _instant(f"{values[name]}T00:00:00Z", name)
    if "at" in values:
        made["at"] = _instant(values["at"], "at")
    return {**made, **_of_order(values)} if feed == "omni_orders" else made


def _instant(text: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected("bad_date", f"{name} is {text!r}, which is no day of the calendar.", f"/{name}") from None
    if at < EARLIEST:
        raise Rejected("bad_date", f"{name} is {text!r}, before 1970.", f"/{name}")
    return at


def _hidden(pseudonym: Callable[[str], str], feed: str, values: dict[str, Any]) -> dict[str, Any]:
    """The fields that say who it is, in other words; one that nothing is computed from is empty."""
    hidden = dict.fromkeys(OF_PERSONS.get(feed, ()), "")
    hidden |= {name: pseudonym(values[name]) for name in ("client", "address") if values.get(name) is not None}
    return hidden | ({"key": pseudonym(values["key"])} if values.get("kind") == "gone" else {})


def _of_order(values: Order) -> Document:
    """Computed fields; the address is not kept, but for a digest by which two can be compared."""
    amount = sum(line["quantity"] * line["price_minor"] for line in values["lines"])
    address = values["address"]
    hidden = sha256(address.encode()).hexdigest()[:DIGITS] if address is not None else None
    return {"address": hidden, "amount_minor": amount}
