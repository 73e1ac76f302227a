"""Generations in the ledger: their views, and how long they are kept."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from multimarket_async.domains import Kpi, Stage

KEEP_ALL, KEEP_HOURLY = timedelta(days=1), timedelta(days=31)

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


def superseded(dated: Iterable[tuple[int, datetime]], now: datetime) -> Iterator[int]:
    """The generations to forget, of (number, computed at) in ascending order."""
    kept: dict[str, int] = {}
    for number, at in dated:
        if now - at <= KEEP_ALL:
            continue
        period = f"{at:%Y-%m-%d %H}" if now - at <= KEEP_HOURLY else f"{at:%Y-%m-%d}"
        if period in kept:
            yield kept[period]
        kept[period] = number


def content(generation: Generation) -> Generation:
    """What a generation says, without when it was said."""
    return {key: value for key, value in generation.items() if key not in TOLD_ONLY}
