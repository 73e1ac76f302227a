"""Stored generations: their views, and their retention."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from multimarket_async.domains import Kpi, Stage
from multimarket_async.settings import Settings

NOT_CONTENT = {"_id", "computed_at", "as_of", "seconds", "quarantined", "drift"}

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
    """The same over all stored generations, for charts of a number over time."""
    return [{"$sort": {"_id": 1}}, *flat(kpi)[2:]]


def superseded(dated: Iterable[tuple[int, datetime]], now: datetime, settings: Settings) -> Iterator[int]:
    """The generations to delete, of (number, computed at) in ascending order.

    Every generation is kept for `keep_all_days`, then the last of each hour for `keep_hourly_days`, then of each day.
    """
    keep_all, keep_hourly = timedelta(days=settings.keep_all_days), timedelta(days=settings.keep_hourly_days)
    kept: dict[str, int] = {}
    for number, at in dated:
        if now - at <= keep_all:
            continue
        period = f"{at:%Y-%m-%d %H}" if now - at <= keep_hourly else f"{at:%Y-%m-%d}"
        if period in kept:
            yield kept[period]
        kept[period] = number


def content(generation: Generation) -> Generation:
    """The numbers and words of a generation, without its number and times."""
    return {key: value for key, value in generation.items() if key not in NOT_CONTENT}
