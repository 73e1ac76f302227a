"""KPI generations: watched while a round goes on, as a reader would, and looked at afterwards."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from multimarket_async.clock import beats
from multimarket_async.errors import Unavailable
from multimarket_async.store import GENERATIONS, Store
from multimarket_async.torture.history import Violation

LOOK_EVERY_S = 0.025
Generation = dict[str, Any]


class Witness:
    """A reader that asks for the newest generation all the time, and believes what it has read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[int, Generation] = {}
        self._last = 0
        self.violations: list[Violation] = []

    async def watch(self) -> None:
        """Look until cancelled."""
        async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
            try:
                newest = await self._store.newest(GENERATIONS)
            except Unavailable:
                continue
            if newest or self._last:
                self._look(newest or {"_id": 0})

    def _look(self, newest: Generation) -> None:
        number = newest["_id"]
        if number < self._last:
            self._found(f"generation {number} was the newest after generation {self._last}")
        if self._seen.setdefault(number, newest) != newest:
            self._found(f"generation {number} was changed after it had been read")
        self._last = number

    def compare(self, ledger: Sequence[Generation]) -> None:
        """What was read must still be there."""
        kept = {one["_id"]: one for one in ledger}
        for number, seen in self._seen.items():
            if kept.get(number) != seen:
                self._found(f"generation {number} is not what a reader saw")

    def _found(self, what: str) -> None:
        violation = Violation(what)
        if violation not in self.violations:
            self.violations.append(violation)


async def ledger_of(store: Store) -> list[Generation]:
    """Every generation there is, in order."""
    return [one async for one in store.aggregate(GENERATIONS, [{"$sort": {"_id": 1}}])]


def check(ledger: Sequence[Generation], kpis: set[str]) -> Iterator[Violation]:
    """Numbered 1, 2, 3 ...; each one says something new, and never of fewer orders; each one agrees with itself."""
    numbers = [one["_id"] for one in ledger]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Violation(f"the generations are numbered {numbers}")
    for before, after in pairwise(ledger):
        new = after["kpis"] != before["kpis"]  # an order that is cancelled is one order still
        if after["orders"] < before["orders"] + (not new):
            counts = f"{after['orders']} orders after {before['orders']}"
            yield Violation(f"generation {after['_id']} counts {counts}")
    for generation in ledger:
        if set(generation["kpis"]) != kpis:
            yield Violation(f"generation {generation['_id']} has only the KPIs {sorted(generation['kpis'])}")
        else:
            yield from _at_odds(generation)


def _at_odds(generation: Generation) -> Iterator[Violation]:
    """Where two KPIs of a generation speak of different orders."""
    rows = {name: kpi["rows"] for name, kpi in generation["kpis"].items()}
    by_channel: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows["revenue_by_month_and_channel"]:
        for name in ("orders", "cancelled_orders", "revenue_minor", "gross_revenue_minor"):
            by_channel[row["channel"]][name] += row[name]
    said = {
        "the orders": generation["orders"],
        "cancellation_rate_by_channel": {one["channel"]: _cancellations(one) for one in _sums(by_channel)},
        "average_order_value_by_channel": {one["channel"]: _averages(one) for one in _sums(by_channel)},
    }
    found = {
        "the orders": sum(sums["orders"] for sums in by_channel.values()),
        "cancellation_rate_by_channel": _by_channel(rows["cancellation_rate_by_channel"]),
        "average_order_value_by_channel": _by_channel(rows["average_order_value_by_channel"]),
    }
    for name, expected in said.items():
        if found[name] != expected:
            what = f"generation {generation['_id']}: {name}: {found[name]}, but by revenue {expected}"
            yield Violation(what)


def _sums(by_channel: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    return [{"channel": channel, **sums} for channel, sums in by_channel.items()]


def _by_channel(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["channel"]: {name: value for name, value in row.items() if name != "channel"} for row in rows}


def _cancellations(sums: dict[str, Any]) -> dict[str, Any]:
    orders, cancelled = sums["orders"], sums["cancelled_orders"]
    rate = _two_decimals(cancelled * 100, orders)
    return {"orders": orders, "cancelled_orders": cancelled, "cancellation_rate_pct": rate}


def _averages(sums: dict[str, Any]) -> dict[str, Any]:
    gross, kept = sums["orders"], sums["orders"] - sums["cancelled_orders"]
    return {
        "orders": kept,
        "average_order_value": _two_decimals(Decimal(sums["revenue_minor"]) / 100, kept),
        "gross_orders": gross,
        "gross_average_order_value": _two_decimals(Decimal(sums["gross_revenue_minor"]) / 100, gross),
    }


def _two_decimals(total: Decimal | int, over: int) -> float | None:
    return float((Decimal(total) / over).quantize(Decimal("0.01"), ROUND_HALF_UP)) if over else None
