"""KPIs that fail, and facts and rollups that do: each KPI is logged once, and tried again with a back-off."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from multimarket_async.clock import Clock
from multimarket_async.domains import Facts, Kpi, LoadedDomain, Rollup, sources
from multimarket_async.errors import OperationFailed

log = structlog.get_logger()

RETRY_MIN_S, RETRY_MAX_S = 60.0, 3600.0


class Failures:
    """Failures of one snapshotter: of facts, which are not copied meanwhile, of rollups, and of KPIs."""

    def __init__(self, domains: Sequence[LoadedDomain], clock: Clock) -> None:
        self._facts = {facts.key: facts.collection for domain in domains for facts in domain.facts}
        self._reasons: dict[str, str] = {}  # by key of facts or rollup
        self._kpis = {kpi.name: (domain.name, _keys(kpi)) for domain in domains for kpi in domain.kpis}
        self._failed: dict[str, str] = {}
        self._clock = clock
        self._retry_at, self._retry_s = 0.0, RETRY_MIN_S

    def due(self) -> bool:
        """Return True if something failed and is to be tried again, though nothing has changed."""
        return bool(self._failed) and self._clock.monotonic() >= self._retry_at

    def retry(self) -> None:
        """Try all facts again, if it is time."""
        if self._clock.monotonic() >= self._retry_at:
            self._reasons.clear()

    def collections(self) -> set[str]:
        """The collections of the facts that cannot be copied."""
        return {collection for key, collection in self._facts.items() if key in self._reasons}

    def sound(self, facts: Facts) -> bool:
        """Return True unless these facts cannot be copied."""
        return facts.key not in self._reasons

    @contextmanager
    def of(self, facts: Facts) -> Iterator[None]:
        """Leave out these facts if they cannot be copied."""
        try:
            yield
        except OperationFailed as why:
            self._reasons[facts.key] = f"{facts.collection} cannot be read: {why}"

    def rolled_up(self, facts: Facts, rollups: Iterable[Rollup], failed: Mapping[str, str]) -> None:
        """Note the rollups of these facts that failed, by key, and those that did not."""
        for rollup in rollups:
            if rollup.facts.key == facts.key:
                self._reasons.pop(rollup.key, None)
        self._reasons |= failed

    def reason(self, kpi: Kpi) -> str | None:
        """The reason why a KPI cannot be computed: facts or a rollup that it reads fail."""
        return next((self._reasons[key] for key in self._kpis[kpi.name][1] if key in self._reasons), None)

    def report(self, failed: dict[str, str]) -> dict[str, str]:
        """Log what is new in the reasons of all failed KPIs."""
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


def _keys(kpi: Kpi) -> list[str]:
    """The keys of all that a KPI reads, directly or not."""
    return [*(facts.key for facts in kpi.facts), *(read.key for read in sources(kpi.reads))]
