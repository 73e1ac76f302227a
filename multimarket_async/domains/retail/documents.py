"""The document that each record becomes, with its key; or every reason why it becomes none."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from multimarket_async.domains import Document
from multimarket_async.domains.retail.records import Client, Footfall, Product, Sale, Store
from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.errors import Rejected

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # before it no shop counted by computer
REMEMBERED = 100_000  # instants: the seconds of a day, and more
CENTS = 100

store_of, product_of, client_of, footfall_of, sale_of = (
    TypeAdapter(kind).validator.validate_python for kind in (Store, Product, Client, Footfall, Sale)
)


class Documents:
    """Makers of documents, under the settings of the domain. They raise Rejected, and pydantic's ValidationError."""

    def __init__(self, settings: RetailSettings) -> None:
        self._zone = UTC if settings.timezone == "UTC" else ZoneInfo(settings.timezone)
        self._exponent = settings.exponent
        self._pseudonyms = settings.pseudonyms
        self._instant = lru_cache(REMEMBERED)(self._instant_of)

    def store(self, values: dict[str, Any]) -> Document:
        """A store of the list of all."""
        store = store_of(values)
        return {"_id": store["id"], **store}

    def client(self, values: dict[str, Any]) -> Document:
        """A client of the list of all; with pseudonyms, without a name."""
        client = client_of(values)
        person = self._person(client.pop("id"))
        unnamed = {"name": ""} if self._pseudonyms else {}
        return {"_id": person, "client_id": person, **client, **unnamed}

    def product(self, received_at: datetime) -> Callable[[dict[str, Any]], Document]:
        """The maker of products from a price list of this instant."""
        day = f"{received_at.astimezone(self._zone):%Y-%m-%d}"

        def make(values: dict[str, Any]) -> Document:
            product = product_of(values)
            identifier, since = product.pop("id"), product.get("since") or day
            self._instant(since, "00:00:00", "/since")
            minor = {f"{name}_minor": self._minor(product[name], name) for name in ("price", "cost")}
            return {"_id": f"{identifier}@{since}", "product_id": identifier, **product, "since": since, **minor}

        return make

    def footfall(self, values: dict[str, Any]) -> Document:
        """An hour of a store."""
        hour = footfall_of(values)
        at = self._instant(hour["date"], f"{hour['hour']:02}:00:00", "/date")
        return {"_id": f"{hour['store_id']}@{hour['date']}T{hour['hour']:02}", **hour, "at": at}

    def sale(self, values: dict[str, Any]) -> Document:
        """A line of a ticket."""
        sale = sale_of(values)
        ticket, sale["client_id"] = sale["sale_id"], self._person(sale["client_id"])
        ticket = ticket.replace("%", "%25").replace("/", "%2F") if "/" in ticket else ticket
        minor = self._minor(sale["sale_amount"], "sale_amount")
        at = self._instant(sale["sale_date"], sale["sale_time"], "/sale_date")
        return {"_id": f"{ticket}/{sale['product_id']}", **sale, "sold_at": at, "amount_minor": minor}

    def _person(self, client: str) -> str:
        return self._pseudonyms.of(client) if self._pseudonyms else client

    def _minor(self, amount: float, field: str) -> int:
        """An amount in minor units, half-up: what others have computed in floats may have more decimals."""
        if self._exponent == 2 and (cents := round(amount * CENTS)) / CENTS == amount:  # noqa: PLR2004
            return cents
        exact = Decimal(repr(amount)).scaleb(self._exponent)
        if not exact.is_finite():
            raise Rejected("not_an_amount", f"{field} is no amount.", f"/{field}")
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))

    def _instant_of(self, day: str, time: str, pointer: str) -> datetime:
        """A time of the business time zone, in UTC. Raises Rejected."""
        try:
            at = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=self._zone).astimezone(UTC)
        except (ValueError, OverflowError):
            at = datetime.min.replace(tzinfo=UTC)
        if at < EARLIEST:
            raise Rejected("bad_date", f"{day} {time} is not a date and a time since 1970.", pointer)
        return at
