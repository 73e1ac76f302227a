"""Generations in the ledger: their views, and how long they are kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from multimarket_async.domains import Kpi, Stage

TOLD_ONLY = {"_id", "computed_at", "as_of", "seconds", "quarantined", "drift"}

Generation: TypeAlias = dict[str, Any]


def flat(kpi: Kpi) -> list[Stage]:
    """The view of a KPI: one row a document, no nesting, with the generation it belongs to."""
    rows = f"$kpis.{kpi.name}.rows"
    context = {"generation": "$_id", "computed_at": "$computed_at", "as_of": "$as_of"}
    return [
        {"$sort": {"_id": -1}},
        {"$limit": 1},
        {"$unwind": rows},
        {"$replaceWith": {"$mergeObjects": [rows, context]}},
    ]


def history(kpi: Kpi) -> list[Stage]:
    """The same over all generations that are kept, for charts of how a number grew."""
    return [{"$sort": {"_id": 1}}, *flat(kpi)[2:]]


@dataclass(frozen=True, slots=True)
class Retention:
    """Every generation is kept for `all_days`, then the last of each hour for `hourly_days`, then of each day."""

    all_days: float = 1.0
    hourly_days: float = 31.0


def superseded(
    dated: Iterable[tuple[int, datetime]], now: datetime, retention: Retention | None = None
) -> Iterator[int]:
    """The generations to forget, of (number, computed at) in ascending order."""
    keep = retention or Retention()
    keep_all, keep_hourly = timedelta(days=keep.all_days), timedelta(days=keep.hourly_days)
    kept: dict[str, int] = {}
    for number, at in dated:
        if now - at <= keep_all:
            continue
        period = f"{at:%Y-%m-%d %H}" if now - at <= keep_hourly else f"{at:%Y-%m-%d}"
        if period in kept:
            yield kept[period]
        kept[period] = number


def content(generation: Generation) -> Generation:
    """What a generation says, without when it was said."""
    return {key: value for key, value in generation.items() if key not in TOLD_ONLY}
