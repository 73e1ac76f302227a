"""Stored generations: their views, their retention, and what of them is content."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from multimarket_async.domains import Kpi, Listing, LoadedDomain, Stage
from multimarket_async.settings import Settings
from multimarket_async.store import GENERATION, GENERATIONS, ROWS, Packed, pack

NOT_CONTENT = {"_id", "computed_at", "as_of", "seconds", "quarantined", "drift"}
# Of a historic KPI in a generation: the digest by which the next one knows that its rows are the same.
SOURCE = "source"
# Of a KPI in a generation: where its rows are, if they are too many for the document of the generation.
REFERENCE = ("rows_in", "count", "digest")

Generation: TypeAlias = dict[str, Any]


def views(domains: Iterable[LoadedDomain]) -> Iterator[tuple[str, str, list[Stage]]]:
    """Name, source and stages of each view: two of each KPI, and one of each listing, without personal data."""
    for domain in domains:
        for kpi in domain.kpis:
            yield f"kpi_{kpi.name}", GENERATIONS, flat(kpi)
            yield f"kpi_{kpi.name}_history", GENERATIONS, history(kpi)
        for listing in domain.listings:
            yield f"list_{listing.name}", listing.collection, public(listing)


def public(listing: Listing) -> list[Stage]:
    """The view of a listing: what of its documents may be shown to everybody."""
    single = [attribute for attribute in listing.public() if not attribute.several]
    fields = {attribute.column.name: f"${attribute.path}" for attribute in single}
    return [{"$match": {listing.dated.path: {"$type": "date"}}}, {"$project": {"_id": 0, **fields}}]


def flat(kpi: Kpi) -> list[Stage]:
    """The view of a KPI: one row a document, no nesting, with the generation it belongs to.

    Rows that are stale have the `as_of` of the generation in which they were computed.
    """
    return [{"$match": GENERATION}, {"$sort": {"_id": -1}}, {"$limit": 1}, *_rows(kpi)]


def history(kpi: Kpi) -> list[Stage]:
    """The same over all stored generations in which the KPI worked, for charts of a number over time."""
    worked: Stage = {"$match": {**GENERATION, f"kpis.{kpi.name}.error": {"$exists": False}}}
    return [worked, {"$sort": {"_id": 1}}, *_rows(kpi)]


def _rows(kpi: Kpi) -> list[Stage]:
    """The rows of each generation: those in it, or else those of the long table that it refers to."""
    entry = f"$kpis.{kpi.name}"
    as_of = {"$ifNull": [f"{entry}.stale_since", "$as_of"]}
    context = {"generation": "$_id", "computed_at": "$computed_at", "as_of": as_of}
    long_table = {"localField": "table", "foreignField": "table", "pipeline": [{"$sort": {"chunk": 1}}], "as": "long"}
    return [
        {"$project": {"_id": 0, "context": context, "rows": f"{entry}.rows", "table": f"{entry}.rows_in"}},
        {"$lookup": {"from": ROWS, **long_table}},
        # Behind a $lookup it makes a document of each chunk, so that none is larger than a chunk.
        {"$unwind": {"path": "$long", "preserveNullAndEmptyArrays": True}},
        {"$set": {"rows": {"$ifNull": ["$long.rows", "$rows"]}}},
        {"$unwind": "$rows"},
        {"$replaceWith": {"$mergeObjects": ["$rows", "$context"]}},
    ]


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


def packed_rows(generation: Generation) -> dict[str, Packed]:
    """The rows of all KPIs but those that are in a long table already. It reads all: call it in a thread."""
    return {name: pack(entry["rows"]) for name, entry in generation["kpis"].items() if "rows_in" not in entry}


def content(generation: Generation, packed: Mapping[str, Packed] | None = None) -> Generation:
    """The numbers and words of a generation, without its number and times; of the rows their digest.

    So it does not matter where rows are stored. Without `packed` it reads all rows: call it in a thread.
    """
    rows = packed_rows(generation) if packed is None else packed
    words = {key: value for key, value in generation.items() if key not in NOT_CONTENT}
    return {**words, "kpis": {name: _digested(entry, rows.get(name)) for name, entry in generation["kpis"].items()}}


def _digested(entry: dict[str, Any], packed: Packed | None) -> dict[str, Any]:
    words = {key: value for key, value in entry.items() if key not in (*REFERENCE, SOURCE)}
    return {**words, "rows": packed.digest if packed else entry["digest"]}


def taken_over(kpi: Kpi, before: Generation | None) -> dict[str, Any]:
    """The rows of a KPI in the generation before, or the reference to them."""
    entry = (before or {})["kpis"][kpi.name]
    return {key: entry[key] for key in ("rows", *REFERENCE) if key in entry}
