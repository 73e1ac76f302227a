"""The aggregations from documents to rollups of partitions, to rollups of periods, to rows of KPIs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from multimarket_async.domains import Cube, Expression, Kpi, Rollup, Stage

# A rollup that every cube has: the number of documents, and the time of the latest event.
DOCUMENTS = "_documents"


def of_partitions(cube: Cube, rollups: Iterable[str], partitions: Sequence[str | None]) -> list[Stage]:
    """One document a partition that has documents: `_id`, `periods`, and the rows of these `rollups` by key.

    All rollups of a partition come from one pass over its documents, so they count the same ones.
    """
    given = {"partition": "$ingestion.partition", "period": cube.facts.period, "event": f"${cube.facts.event}"}
    facets = {}
    for key in rollups:
        rollup = cube.rollups[key]
        sums = {name: {"$sum": number} for name, number in rollup.sums.items()}
        facets[key] = [*rollup.prepare, *_grouped(key, rollup.by, sums)]
    facets[DOCUMENTS] = _grouped(DOCUMENTS, {}, {"documents": {"$sum": {"$toLong": 1}}, "latest": {"$max": "$event"}})
    return [
        {"$match": {"ingestion.partition": {"$in": list(partitions)}}},
        {"$project": {"_id": 0, **given, **cube.facts.values}},
        {"$facet": facets},
        {"$project": {"all": {"$concatArrays": [f"${key}" for key in facets]}}},
        {"$unwind": "$all"},
        {"$group": {"_id": "$all._id", "rollups": {"$push": {"k": "$all.key", "v": "$all.rows"}}}},
        {"$project": {"rollups": {"$arrayToObject": "$rollups"}}},
        {"$set": {"periods": f"$rollups.{DOCUMENTS}.period"}},
    ]


def _grouped(key: str, by: Mapping[str, Expression], sums: Mapping[str, Expression]) -> list[Stage]:
    """The rows of each partition, in an order that does not depend on that of the documents."""
    row = {**_fields("$_id.", ["period", *by]), **_fields("$", sums)}
    return [
        {"$group": {"_id": {"partition": "$partition", "period": "$period", **by}, **sums}},
        {"$sort": {"_id": 1}},
        {"$group": {"_id": "$_id.partition", "rows": {"$push": row}}},
        {"$set": {"key": key}},
    ]


def of_period(cube: Cube, period: str) -> list[Stage]:
    """The rows of a period by key of the rollup, in one document, from the partitions that have any of it."""
    facets = {key: _summed(key, rollup, period) for key, rollup in cube.rollups.items()}
    total = {"_id": "$period", "documents": {"$sum": "$documents"}, "latest": {"$max": "$latest"}}
    facets[DOCUMENTS] = [*_unfolded(DOCUMENTS), {"$match": {"period": period}}, {"$group": total}]
    return [{"$match": {"collection": cube.collection, "periods": period}}, {"$facet": facets}]


def _summed(key: str, rollup: Rollup, period: str) -> list[Stage]:
    sums = {name: {"$sum": f"${name}"} for name in rollup.sums}
    row = {"period": {"$literal": period}, **_fields("$_id.", rollup.by), **_fields("$", sums)}
    return [
        *_unfolded(key),
        {"$match": {"period": period}},
        {"$group": {"_id": _fields("$", rollup.by), **sums}},
        {"$sort": {"_id": 1}},
        {"$replaceWith": row},
        *rollup.reduce,
    ]


def of_kpis(cubes: Iterable[Cube], kpis: Iterable[Kpi]) -> list[Stage]:
    """The rows of all KPIs by name, and of each collection its number of documents and its latest event.

    One pass over the periods: all KPIs of a generation read the same rollups.
    """
    facets: dict[str, list[Stage]] = {DOCUMENTS: [{"$limit": 1}]}  # without KPIs: a $facet of nothing is refused
    facets |= {kpi.name: [*_of(kpi.rollup.facts.collection, kpi.rollup.key), *kpi.pipeline] for kpi in kpis}
    total = {"_id": None, "documents": {"$sum": "$documents"}, "latest": {"$max": "$latest"}}
    for cube in cubes:
        facets[f"{DOCUMENTS}_{cube.collection}"] = [*_of(cube.collection, DOCUMENTS), {"$group": total}]
    return [{"$facet": facets}]


def _of(collection: str, key: str) -> list[Stage]:
    return [{"$match": {"collection": collection}}, *_unfolded(key)]


def _unfolded(key: str) -> list[Stage]:
    return [{"$unwind": f"$rollups.{key}"}, {"$replaceWith": f"$rollups.{key}"}]


def _fields(prefix: str, names: Iterable[str]) -> dict[str, Any]:
    return {name: f"{prefix}{name}" for name in names}
