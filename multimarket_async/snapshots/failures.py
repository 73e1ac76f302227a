"""KPIs that fail, and collections whose rollups fail: each is logged once, and tried again with a back-off."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from multimarket_async.clock import Clock
from multimarket_async.domains import Cube, LoadedDomain
from multimarket_async.errors import OperationFailed

log = structlog.get_logger()

RETRY_MIN_S, RETRY_MAX_S = 60.0, 3600.0


class Failures:
    """Failures of one snapshotter. collections: those whose rollups fail, and why; they are left alone meanwhile."""

    def __init__(self, domains: Sequence[LoadedDomain], clock: Clock) -> None:
        self.collections: dict[str, str] = {}
        self._kpis = {kpi.name: (domain.name, kpi.rollup.facts.collection) for domain in domains for kpi in domain.kpis}
        self._failed: dict[str, str] = {}
        self._clock = clock
        self._retry_at, self._retry_s = 0.0, RETRY_MIN_S

    def due(self) -> bool:
        """Return True if something failed and is to be tried again, though nothing has changed."""
        return bool(self._failed) and self._clock.monotonic() >= self._retry_at

    def retry(self) -> None:
        """Try the rollups of all collections again, if it is time."""
        if self._clock.monotonic() >= self._retry_at:
            self.collections.clear()

    @contextmanager
    def of(self, cube: Cube) -> Iterator[None]:
        """Leave out this collection if its rollups cannot be computed."""
        try:
            yield
        except OperationFailed as why:
            self.collections[cube.collection] = f"The rollups of {cube.collection} cannot be computed: {why}"

    def report(self, kpis: Mapping[str, str]) -> dict[str, str]:
        """Log what is new; the reasons of all failed KPIs, of which `kpis` fail by themselves."""
        unmeasured = {name: self.collections.get(collection) for name, (_, collection) in self._kpis.items()}
        failed = {**{name: why for name, why in unmeasured.items() if why}, **kpis}
        for name, why in failed.items():
            if self._failed.get(name) != why:
                log.error("kpi.failed", kpi=name, domain=self._kpis[name][0], why=why)
        for name in self._failed.keys() - failed.keys():
            log.info("kpi.resumed", kpi=name, domain=self._kpis[name][0])
        self._failed = failed
        self._schedule()
        return failed

    def _schedule(self) -> None:
        if not self._failed:
            self._retry_at, self._retry_s = 0.0, RETRY_MIN_S
        elif (now := self._clock.monotonic()) >= self._retry_at:
            self._retry_at, self._retry_s = now + self._retry_s, min(2 * self._retry_s, RETRY_MAX_S)
