"""The aggregations from documents to cells of partitions, to cells of periods, to rows of KPIs."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from multimarket_async.domains import Cube, Expression, Kpi, Rollup, Stage

# A partial that every cube has: how many documents, and when the latest of them happened.
DOCUMENTS = "_documents"


def definition_of(cubes: Iterable[Cube], kpis: Iterable[Kpi]) -> str:
    """A digest of all that decides what the numbers are: cells of one definition never meet those of another."""
    said = json.dumps([list(map(asdict, cubes)), list(map(asdict, kpis))], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def of_partitions(cube: Cube, keys: Sequence[str | None]) -> list[Stage]:
    """One document a partition that has any: `_id`, `periods`, and `cells` by name of the partial.

    All rollups of a partition come from one pass over its documents, so they count the same ones.
    """
    given = {"partition": "$ingestion.partition", "period": cube.period, "event": f"${cube.event}"}
    facets = {partial.name: _cells(partial) for partial in cube.rollups}
    facets[DOCUMENTS] = _grouped(DOCUMENTS, {}, {"documents": {"$sum": {"$toLong": 1}}, "latest": {"$max": "$event"}})
    return [
        {"$match": {"ingestion.partition": {"$in": list(keys)}}},
        {"$project": {"_id": 0, **given, **cube.facts}},
        {"$facet": facets},
        {"$project": {"all": {"$concatArrays": [f"${name}" for name in facets]}}},
        {"$unwind": "$all"},
        {"$group": {"_id": "$all._id", "cells": {"$push": {"k": "$all.name", "v": "$all.cells"}}}},
        {"$project": {"cells": {"$arrayToObject": "$cells"}}},
        {"$set": {"periods": f"$cells.{DOCUMENTS}.period"}},
    ]


def _cells(partial: Rollup) -> list[Stage]:
    sums = {name: {"$sum": number} for name, number in partial.sums.items()}
    return [*partial.prepare, *_grouped(partial.name, partial.by, sums)]


def _grouped(name: str, by: Mapping[str, Expression], sums: Mapping[str, Expression]) -> list[Stage]:
    """The cells of each partition, in an order that does not depend on how they were found."""
    cell = {**_fields("$_id.", ["period", *by]), **_fields("$", sums)}
    return [
        {"$group": {"_id": {"partition": "$partition", "period": "$period", **by}, **sums}},
        {"$sort": {"_id": 1}},
        {"$group": {"_id": "$_id.partition", "cells": {"$push": cell}}},
        {"$set": {"name": name}},
    ]


def of_period(cube: Cube, mine: Mapping[str, str], period: str) -> list[Stage]:
    """The cells of a period by name of the partial, in one document, from the partitions that have any of it."""
    facets = {partial.name: _summed(partial, period) for partial in cube.rollups}
    total = {"_id": "$period", "documents": {"$sum": "$documents"}, "latest": {"$max": "$latest"}}
    facets[DOCUMENTS] = [*_unfolded(DOCUMENTS), {"$match": {"period": period}}, {"$group": total}]
    return [{"$match": {**mine, "periods": period}}, {"$facet": facets}]


def _summed(partial: Rollup, period: str) -> list[Stage]:
    sums = {name: {"$sum": f"${name}"} for name in partial.sums}
    cell = {"period": {"$literal": period}, **_fields("$_id.", partial.by), **_fields("$", sums)}
    return [
        *_unfolded(partial.name),
        {"$match": {"period": period}},
        {"$group": {"_id": _fields("$", partial.by), **sums}},
        {"$sort": {"_id": 1}},
        {"$replaceWith": cell},
        *partial.reduce,
    ]


def of_kpis(cubes: Iterable[Cube], kpis: Iterable[Kpi], definition: str) -> list[Stage]:
    """The rows of all KPIs by name, and of each collection its number of documents and its latest event.

    One pass over the periods: all KPIs of a generation come from the same cells.
    """
    facets = {kpi.name: [*_of(kpi.collection, kpi.rollup), *kpi.pipeline] for kpi in kpis}
    total = {"_id": None, "documents": {"$sum": "$documents"}, "latest": {"$max": "$latest"}}
    for cube in cubes:
        facets[f"{DOCUMENTS}_{cube.collection}"] = [*_of(cube.collection, DOCUMENTS), {"$group": total}]
    return [{"$match": {"definition": definition}}, {"$facet": facets}]


def _of(collection: str, partial: str) -> list[Stage]:
    return [{"$match": {"collection": collection}}, *_unfolded(partial)]


def _unfolded(partial: str) -> list[Stage]:
    return [{"$unwind": f"$cells.{partial}"}, {"$replaceWith": f"$cells.{partial}"}]


def _fields(prefix: str, names: Iterable[str]) -> dict[str, Any]:
    return {name: f"{prefix}{name}" for name in names}
