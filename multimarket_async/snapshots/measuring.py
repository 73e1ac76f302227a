"""The rows of KPIs, from the columnar copy; one that fails is left out, with the reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from multimarket_async.columnar.copy import Columnar
from multimarket_async.columnar.copying import Copying
from multimarket_async.domains import Kpi, LoadedDomain, Row
from multimarket_async.errors import OperationFailed
from multimarket_async.snapshots.failures import Failures
from multimarket_async.snapshots.generations import SOURCE
from multimarket_async.snapshots.schema import mismatch
from multimarket_async.store import Int64, Store


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows by KPI, and the reasons of failed ones. sources: digests of historic ones; without rows it is as before."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


class Measuring:
    """Computes KPIs, each by itself, all of them from the same copy."""

    def __init__(self, store: Store, copying: Copying, columnar: Columnar, failures: Failures) -> None:
        self._store = store
        self._copying = copying
        self._columnar = columnar
        self._failures = failures

    async def measure(self, domains: Iterable[LoadedDomain], before: Mapping[str, Any]) -> Measured:
        """The rows of all KPIs; of those that fail the reasons. before: the entries of the generation before."""
        measured = Measured()
        for domain in domains:
            for kpi in domain.kpis:
                try:
                    await self._measure(domain, kpi, before.get(kpi.name, {}), measured)
                except OperationFailed as why:
                    measured.failed[kpi.name] = str(why)
        return measured

    async def _measure(self, domain: LoadedDomain, kpi: Kpi, before: Mapping[str, Any], measured: Measured) -> None:
        if why := self._failures.reason(kpi):
            raise OperationFailed(why)
        if kpi.historic:
            source = await self._copying.run(self._columnar.digest, domain, kpi)
            measured.sources[kpi.name] = source
            if before.get(SOURCE) == source:
                return
        measured.rows[kpi.name] = await self._rows(domain, kpi)

    async def _rows(self, domain: LoadedDomain, kpi: Kpi) -> list[Row]:
        rows = await self._copying.run(self._columnar.rows, domain, kpi)
        typed = _typed(kpi, await self._store.evaluate(rows, kpi.pipeline) if kpi.pipeline else rows)
        if why := mismatch(kpi, typed):
            raise OperationFailed(why)
        return typed


def _typed(kpi: Kpi, rows: list[Row]) -> list[Row]:
    """Whole numbers and money as int64."""
    integers = [column.name for column in kpi.columns if column.type in {"integer", "money"}]
    for row in rows:
        for name in integers:
            if type(row.get(name)) is int:
                row[name] = Int64(row[name])
    return rows
