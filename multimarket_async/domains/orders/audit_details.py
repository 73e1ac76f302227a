"""The audit of the KPIs in `details`: plain counting, shared with nothing."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from multimarket_async.domains import Row

Line: TypeAlias = tuple[str, int, int]  # product, quantity, amount in minor units
BASKETS = (("1", 1), ("2", 2), ("3", 3), ("4", 4), ("5", 5), ("6-10", 6), ("11-20", 11), ("21-50", 21), ("51+", 51))


@dataclass(slots=True)
class _Count:
    orders: int = 0
    cancelled: int = 0
    minor: int = 0

    def add(self, minor: int, *, cancelled: bool = False) -> None:
        self.orders += 1
        self.cancelled += cancelled
        self.minor += 0 if cancelled else minor


class DetailsAudit:
    """Memory holds sums, and the customers of each month."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._days: dict[tuple[date, str], _Count] = defaultdict(_Count)
        self._baskets: dict[int, _Count] = defaultdict(_Count)
        self._channels: dict[str, _Count] = defaultdict(_Count)
        self._hours: dict[tuple[int, int], _Count] = defaultdict(_Count)
        self._cities: dict[str, _Count] = defaultdict(_Count)
        self._pieces: dict[str, Counter[str]] = defaultdict(Counter)
        self._minor: dict[str, Counter[str]] = defaultdict(Counter)
        self._customers: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, order: dict[str, Any], local: datetime, lines: Sequence[Line], *, cancelled: bool) -> None:
        """Count one order; `local` is its date in the business time zone."""
        total = sum(minor for _, _, minor in lines)
        self._days[local.date(), order["canal"]].add(total, cancelled=cancelled)
        channel = self._channels[order["canal"]]  # a channel of cancelled orders only has its row too
        if not cancelled:
            channel.add(total)
            self._add_kept(order, local, total, lines)

    def _add_kept(self, order: dict[str, Any], local: datetime, total: int, lines: Sequence[Line]) -> None:
        month = f"{local.year:04}-{local.month:02}"
        pieces = sum(quantity for _, quantity, _ in lines)
        self._baskets[max(start for _, start in BASKETS if start <= pieces)].add(total)
        self._hours[local.isoweekday(), local.hour].add(total)
        self._customers[month][str(order["client_id"])] += 1
        if order.get("livraison"):
            self._cities[order["livraison"]["ville"]].add(total)
        for product, quantity, minor in lines:
            self._pieces[month][product] += quantity
            self._minor[month][product] += minor

    def rows(self) -> dict[str, list[Row]]:
        """Rows by KPI name."""
        return {
            "orders_by_day_and_channel": self._by_day(),
            "products_by_month": [row for month in sorted(self._pieces)[-13:] for row in self._products(month)],
            "share_by_channel": self._shares(),
            "basket_size_distribution": self._basket_sizes(),
            "orders_by_weekday_and_hour": [
                {"weekday": weekday, "hour": hour, "orders": count.orders, **_money(count.minor)}
                for (weekday, hour), count in sorted(self._hours.items(), key=lambda entry: entry[0])
            ],
            "repeat_customers_by_month": [self._repeat(month) for month in sorted(self._customers)],
            "revenue_by_city": self._best_cities(),
        }

    def _by_day(self) -> list[Row]:
        days = sorted({day for day, _ in self._days})[-92:]
        return [
            {"day": day.isoformat(), "period_start": self._start(day), "channel": channel}
            | {"orders": count.orders, "cancelled_orders": count.cancelled, **_money(count.minor)}
            for (day, channel), count in sorted(self._days.items(), key=lambda entry: entry[0])
            if day in days
        ]

    def _products(self, month: str) -> list[Row]:
        best = sorted(self._pieces[month].items(), key=lambda entry: (-entry[1], entry[0]))[:20]
        start = self._start(date.fromisoformat(f"{month}-01"))
        return [
            {"month": month, "period_start": start, "rank": rank, "product": product, "quantity": quantity}
            | _money(self._minor[month][product])
            for rank, (product, quantity) in enumerate(best, start=1)
        ]

    def _basket_sizes(self) -> list[Row]:
        everything = sum(count.orders for count in self._baskets.values())
        return [
            {"basket": name, "pieces_from": start, "orders": count.orders}
            | {"orders_share_pct": _percent(count.orders, everything), **_money(count.minor)}
            for name, start in BASKETS
            if (count := self._baskets.get(start))
        ]

    def _shares(self) -> list[Row]:
        orders = sum(count.orders for count in self._channels.values())
        minor = sum(count.minor for count in self._channels.values())
        return [
            {"channel": channel, "orders": count.orders, "orders_share_pct": _percent(count.orders, orders)}
            | {**_money(count.minor), "revenue_share_pct": _percent(count.minor, minor)}
            for channel, count in sorted(self._channels.items())
        ]

    def _repeat(self, month: str) -> Row:
        customers = self._customers[month]
        repeat = sum(orders > 1 for orders in customers.values())
        start = self._start(date.fromisoformat(f"{month}-01"))
        counts = {"customers": len(customers), "repeat_customers": repeat}
        return {"month": month, "period_start": start, **counts, "repeat_rate_pct": _percent(repeat, len(customers))}

    def _best_cities(self) -> list[Row]:
        best = sorted(self._cities.items(), key=lambda entry: (-entry[1].minor, entry[0]))[:50]
        return [
            {"rank": rank, "city": city, "orders": count.orders, **_money(count.minor)}
            for rank, (city, count) in enumerate(best, start=1)
        ]

    def _start(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)


def _money(minor: int) -> Row:
    return {"revenue": minor / 100, "revenue_minor": minor}


def _percent(part: int, whole: int) -> float | None:
    if whole == 0:
        return None
    with localcontext(prec=60):
        return float((Decimal(100 * part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP))
