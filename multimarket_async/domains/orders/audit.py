"""The orders' KPIs once more, from the archived files and by arithmetic of its own.

Nothing here is shared with the pipelines or with the order contract: what they get wrong
shows as a difference. Memory holds sums, never orders.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.domains import Document, Row
from multimarket_async.domains.orders.audit_details import DetailsAudit
from multimarket_async.domains.orders.audit_document import EXACT, expected_document, line_minor
from multimarket_async.domains.orders.settings import OrderSettings


@dataclass(slots=True)
class _Sums:
    """Orders of one month and channel; amounts in minor units."""

    orders: int = 0
    cancelled: int = 0
    kept_minor: int = 0
    gross_minor: int = 0

    def count(self, minor: int, cancelled: bool) -> None:
        self.orders += 1
        self.cancelled += cancelled
        self.gross_minor += minor
        self.kept_minor += 0 if cancelled else minor


@dataclass(slots=True)
class _Sold:
    """Pieces of one product; amounts in minor units."""

    kept: int = 0
    gross: int = 0
    kept_minor: int = 0

    def count(self, quantity: int, minor: int, cancelled: bool) -> None:
        self.gross += quantity
        self.kept += 0 if cancelled else quantity
        self.kept_minor += 0 if cancelled else minor


class OrderAudit:
    """Implements `Audit`. `add` is called once per distinct order, never for a duplicate."""

    def __init__(self, settings: OrderSettings) -> None:
        self._zone = ZoneInfo(settings.timezone)
        self._cancelled = frozenset(settings.cancelled_statuses)
        self._ranks = {state: rank for rank, state in enumerate(settings.followup_statuses)}
        self._months: dict[tuple[int, int, str], _Sums] = defaultdict(_Sums)
        self._channels: dict[str, _Sums] = defaultdict(_Sums)
        self._products: dict[str, _Sold] = defaultdict(_Sold)
        self._details = DetailsAudit(self._zone)

    def add(self, content: bytes, follow_ups: Sequence[bytes] = ()) -> None:
        """Count one accepted file as it stands after these follow-ups."""
        order = _read(content)
        cancelled = self._state(order, follow_ups) in self._cancelled
        minors = [self._line(line, cancelled) for line in order["produits"]]
        total = sum(minors)
        local = self._local(order["date_commande"])
        self._months[local.year, local.month, order["canal"]].count(total, cancelled)
        self._channels[order["canal"]].count(total, cancelled)
        amounts = [
            (line["nom"], line["quantite"], minor) for line, minor in zip(order["produits"], minors, strict=True)
        ]
        self._details.add(order, local, amounts, cancelled=cancelled)

    def document(self, content: bytes, follow_ups: Sequence[bytes] = ()) -> Document:
        """What must be stored of that file."""
        return expected_document(_read(content), [_read(one)["suivi"] for one in follow_ups], self._local, self._rank)

    def _state(self, order: dict[str, Any], follow_ups: Sequence[bytes]) -> str:
        """The newest state: each is asked whether it is newer than the newest so far."""
        newest = (self._local(order["date_commande"]), self._rank(order["statut_commande"]))
        for content in follow_ups:
            told = _read(content)["suivi"]
            newest = max(newest, (self._local(told["date_etat"]), self._rank(told["etat"])))
        return newest[1][1]

    def _rank(self, state: str) -> tuple[int, str]:
        return self._ranks.get(state, -1), state

    def rows(self) -> dict[str, list[Row]]:
        """Rows by KPI name, as the pipelines would give them."""
        channels = sorted(self._channels.items())
        return {
            "revenue_by_month_and_channel": [self._revenue(*entry) for entry in sorted(self._months.items(), key=_key)],
            "top_products": [_product(rank, *entry) for rank, entry in enumerate(self._best_sold(), start=1)],
            "cancellation_rate_by_channel": [_cancellation_rate(*entry) for entry in channels],
            "average_order_value_by_channel": [_average_order_value(*entry) for entry in channels],
            **self._details.rows(),
        }

    def _line(self, line: dict[str, Any], cancelled: bool) -> int:
        minor = line_minor(line["quantite"], line["prix_unitaire"])
        self._products[line["nom"]].count(line["quantite"], minor, cancelled)
        return minor

    def _local(self, text: str) -> datetime:
        written = datetime.fromisoformat(text)
        instant = written.replace(tzinfo=self._zone) if written.tzinfo is None else written
        return _to_the_millisecond(instant.astimezone(UTC)).astimezone(self._zone)

    def _best_sold(self) -> list[tuple[str, _Sold]]:
        sold = [(name, product) for name, product in self._products.items() if product.kept > 0]
        return sorted(sold, key=lambda entry: (-entry[1].kept, entry[0]))[:10]

    def _revenue(self, key: tuple[int, int, str], sums: _Sums) -> Row:
        year, month, channel = key
        return {
            "month": f"{year:04}-{month:02}",
            "period_start": datetime(year, month, 1, tzinfo=self._zone).astimezone(UTC),
            "channel": channel,
            "orders": sums.orders,
            "cancelled_orders": sums.cancelled,
            "revenue": sums.kept_minor / 100,
            "revenue_minor": sums.kept_minor,
            "gross_revenue": sums.gross_minor / 100,
            "gross_revenue_minor": sums.gross_minor,
        }


def _read(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(content.decode("utf-8-sig"))
    return found


def _to_the_millisecond(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _key(entry: tuple[tuple[int, int, str], _Sums]) -> tuple[int, int, str]:
    return entry[0]


def _product(rank: int, name: str, sold: _Sold) -> Row:
    return {
        "rank": rank,
        "product": name,
        "quantity": sold.kept,
        "gross_quantity": sold.gross,
        "revenue": sold.kept_minor / 100,
        "revenue_minor": sold.kept_minor,
    }


def _cancellation_rate(channel: str, sums: _Sums) -> Row:
    return {
        "channel": channel,
        "orders": sums.orders,
        "cancelled_orders": sums.cancelled,
        "cancellation_rate_pct": _two_decimals(sums.cancelled * 100, sums.orders),
    }


def _average_order_value(channel: str, sums: _Sums) -> Row:
    kept = sums.orders - sums.cancelled
    return {
        "channel": channel,
        "orders": kept,
        "average_order_value": _two_decimals(Decimal(sums.kept_minor).scaleb(-2), kept),
        "gross_orders": sums.orders,
        "gross_average_order_value": _two_decimals(Decimal(sums.gross_minor).scaleb(-2), sums.orders),
    }


def _two_decimals(numerator: Decimal | int, denominator: int) -> float | None:
    if denominator == 0:
        return None
    return float(EXACT.divide(Decimal(numerator), Decimal(denominator)).quantize(Decimal("0.01"), context=EXACT))
