"""The rows of all KPIs from one pass over the rollups; a KPI that fails is left out, with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multimarket_async.domains import Cube, Kpi, Row
from multimarket_async.errors import OperationFailed
from multimarket_async.snapshots.pipelines import DOCUMENTS, of_kpis
from multimarket_async.snapshots.rollups import PERIODS
from multimarket_async.snapshots.schema import mismatch
from multimarket_async.store import Store, size_of

MAX_BYTES = 15_000_000  # of the rows of a generation; its document may have 16 MiB


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows by KPI; of each collection its number of documents and latest event, if any; reasons of failed KPIs."""

    rows: Mapping[str, list[Row]]
    totals: Mapping[str, list[Row]]
    failed: Mapping[str, str]


async def measure(store: Store, cubes: Sequence[Cube], kpis: Sequence[Kpi]) -> Measured:
    """Compute all together. Only where that fails are they computed singly, to find those to leave out."""
    failed: dict[str, str] = {}
    while True:
        sound = [kpi for kpi in kpis if kpi.name not in failed]
        try:
            facets = await _facets(store, cubes, sound)
        except OperationFailed as why:
            if not sound:
                raise
            failed |= await _failing(store, sound, str(why))
            continue
        failed |= _refused(sound, facets)
        rows = {kpi.name: facets[kpi.name] for kpi in sound if kpi.name not in failed}
        return Measured(rows, {cube.collection: facets[f"{DOCUMENTS}_{cube.collection}"] for cube in cubes}, failed)


async def _facets(store: Store, cubes: Sequence[Cube], kpis: Sequence[Kpi]) -> dict[str, Any]:
    if not cubes and not kpis:
        return {}
    [facets] = [row async for row in store.aggregate(PERIODS, of_kpis(cubes, kpis))]
    return dict(facets)


async def _failing(store: Store, kpis: Sequence[Kpi], why: str) -> dict[str, str]:
    """The KPIs that fail alone; where none does, the largest, as they are too much together."""
    failed, sizes = dict[str, str](), dict[str, int]()
    for kpi in kpis:
        try:
            sizes[kpi.name] = size_of(await _facets(store, [], [kpi]))
        except OperationFailed as alone:
            failed[kpi.name] = str(alone)
    return failed or _largest(sizes) or {max(sizes, key=lambda name: sizes[name]): why}


def _refused(kpis: Sequence[Kpi], facets: Mapping[str, list[Row]]) -> dict[str, str]:
    """KPIs whose rows break the schema, and those that are too large for the document of a generation."""
    reasons = {kpi.name: mismatch(kpi, facets[kpi.name]) for kpi in kpis}
    wrong = {name: why for name, why in reasons.items() if why}
    sizes = {name: size_of({"rows": facets[name]}) for name, why in reasons.items() if not why}
    return {**wrong, **_largest(sizes)}


def _largest(sizes: Mapping[str, int]) -> dict[str, str]:
    """As many of the largest as must be left out."""
    excess, left_out = sum(sizes.values()) - MAX_BYTES, dict[str, str]()
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        excess -= sizes[name]
        size, most = sizes[name] / 1e6, MAX_BYTES / 1e6
        left_out[name] = f"Its rows take {size:,.1f} MB; all rows of a generation together may take {most:,.0f} MB."
    return left_out
