"""Publishes generations: one document each, so a generation is published whole or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from multimarket_async.clock import Clock, beats
from multimarket_async.columnar.copy import Columnar, Total
from multimarket_async.columnar.copying import Copying, Progress
from multimarket_async.domains import Kpi, LoadedDomain, digest
from multimarket_async.errors import OperationFailed, Unavailable
from multimarket_async.schedules import Schedules
from multimarket_async.settings import Settings
from multimarket_async.snapshots.failures import Failures
from multimarket_async.snapshots.generations import SOURCE, Generation, content, packed_rows, taken_over, views
from multimarket_async.snapshots.ledger import Ledger
from multimarket_async.snapshots.measuring import Measured, Measuring
from multimarket_async.snapshots.schema import schema
from multimarket_async.store import (
    GENERATION,
    GENERATIONS,
    NUMBER,
    ROWS,
    VERSION,
    VERSIONS,
    Changed,
    Int64,
    Packed,
    Partitions,
    Store,
    strangers,
)
from multimarket_async.tasks import RETRY_MAX_S, Tasks

log = structlog.get_logger()

TASK = "snapshotter"

# Derived collections of earlier versions.
RETIRED = (
    *("kpi_touched", "kpi_partitions", "kpi_periods"),
    *("kpi_dirty_partitions", "kpi_rollups_by_partition", "kpi_rollups_by_period"),
)


class Snapshotter:
    """Publishes a generation when the stored documents have changed. Any number may work at the same time.

    Generations whose number is a multiple of `full_recompute_every_generations` are computed from scratch: what differs
    then in the columnar copy, though it was up to date, is drift; it is logged, and corrected by being published.
    A KPI that fails has the rows of the generation in which it last worked, `stale_since`, the time of that one, and
    `error`: a sentence. Where the facts of a collection cannot be copied, its KPIs fail, and its partitions stay
    unmeasured; all others go on.
    copy: the file of the columnar copy; None: a temporary one. schedules: of domains that rest meanwhile; None: none.
    `quarantined()`: the number of files in quarantine, called in a thread.
    """

    def __init__(
        self,
        domains: Sequence[LoadedDomain],
        store: Store,
        clock: Clock,
        settings: Settings | None = None,
        *,
        copy: Path | None = None,
        quarantined: Callable[[], int] = lambda: 0,
        tasks: Tasks | None = None,
        schedules: Schedules | None = None,
    ) -> None:
        self._domains = domains
        self._facts = [facts for domain in domains for facts in domain.facts]
        self._kpis = [kpi for domain in domains for kpi in domain.kpis]
        self._definition = digest([[kpi.digest for kpi in self._kpis], [domain.name for domain in domains]])
        self._store = store
        self._clock = clock
        self._settings = settings or Settings.model_validate({})
        self._partitions = Partitions(store, clock)
        self._columnar = Columnar(domains, copy)
        self._copying = Copying(store, self._partitions, self._columnar)
        self._ledger = Ledger(store)
        self._quarantined = quarantined
        self._known_quarantined = 0
        self._strangers: dict[str, Int64] = {}
        self._prepare_at: float | None = 0.0  # on the monotonic clock; None: all is prepared
        self._pruned_at: datetime | None = None
        self._away = False
        self._schedules = schedules
        self._tasks = tasks or Tasks(clock)
        self._failures = Failures(domains, clock)
        self._measuring = Measuring(store, self._copying, self._columnar, self._failures)

    async def run(self, every_s: float, stop: asyncio.Event) -> None:
        """Refresh every `every_s` seconds until `stop` is set."""
        async for _ in beats(every_s, stop):
            try:
                await self.refresh_if_changed()
                self._away = False
                self._tasks.works(TASK)
            except Unavailable as why:
                if not self._away:
                    log.warning("snapshots.interrupted", why=str(why))
                self._away = True

    async def aclose(self) -> None:
        """Close the columnar copy."""
        await self._copying.run(self._columnar.close)

    async def refresh_if_changed(self) -> None:
        """Publish, unless no partition is dirty, and nothing that failed is to be tried again."""
        fetched = await asyncio.to_thread(self._schedules.fetched) if self._schedules else []
        if self._prepare_due() or self._failures.due() or await self._partitions.any(self._left_out()):
            await self.refresh()
        if self._schedules and fetched:
            await asyncio.to_thread(self._schedules.rest, fetched)

    async def current(self) -> Generation:
        """The newest generation as it is, if no partition is dirty; else a new one."""
        newest = await self._store.newest(GENERATIONS, GENERATION)
        if newest and newest.get("definition") == self._definition and not await self._partitions.any():
            return newest
        return await self.refresh()

    async def rebuild(self, progress: Progress = lambda *_: None) -> Generation:
        """Recompute everything from scratch and publish it, also if nothing differs."""
        return await self.refresh(progress, from_scratch=True)

    async def refresh(self, progress: Progress = lambda *_: None, *, from_scratch: bool = False) -> Generation:
        """Copy what has changed and publish if the numbers differ; the newest generation then."""
        await self._prepare()
        self._failures.retry()
        while True:
            if generation := await self._attempt(progress, from_scratch=from_scratch):
                return generation
            await asyncio.sleep(0)  # another one published first; it may have read newer documents

    async def _attempt(self, progress: Progress, *, from_scratch: bool) -> Generation | None:
        """Measure and publish once; None if another generation of the same number was published meanwhile.

        The number is chosen before anything is read, and can be taken only once: its publisher has read everything
        after the generation before it was published. So a later generation is never older.
        """
        newest = await self._store.newest(GENERATIONS, GENERATION)
        number = await self._next_number(newest)
        from_scratch = from_scratch or number % self._settings.full_recompute_every_generations == 0
        started, as_of = self._clock.monotonic(), self._clock.now()
        resting = self._resting()
        pending = await self._partitions.pending(self._left_out())
        drift = await self._copy(progress, resting, from_scratch=from_scratch)
        covered = [changed for changed in pending if changed.collection not in self._left_out() | resting]
        generation = {
            "_id": Int64(number),
            **await self._measure(newest),
            "as_of": as_of,
            "computed_at": self._clock.now(),
            "seconds": round(self._clock.monotonic() - started, 3),
            "quarantined": Int64(await self._quarantine()),
            "drift": Int64(len(drift)),
        }
        packed = await asyncio.to_thread(packed_rows, generation)
        if newest and not from_scratch and await asyncio.to_thread(_equal, newest, generation, packed):
            await self._partitions.clear(covered)
            return newest
        if not await self._ledger.publish(generation, newest, packed):
            return None
        self._log(generation, covered, drift)
        await self._clean_up(covered)
        return generation

    async def _next_number(self, newest: Generation | None) -> int:
        """A number above that of the newest generation, and of any document of another hand that has one."""
        last = newest["_id"] if newest else 0
        above = await self._store.newest(GENERATIONS, {"_id": {"$gt": last, **NUMBER}})
        return int(above["_id"] if above else last) + 1

    def _resting(self) -> set[str]:
        return self._schedules.collections() if self._schedules else set()

    def _left_out(self) -> set[str]:
        """The collections that are not measured now: of domains that rest, and those that cannot be copied."""
        return self._failures.collections() | self._resting()

    async def _copy(self, progress: Progress, resting: Collection[str], *, from_scratch: bool) -> list[str]:
        """Bring facts and rollups up to date; the drift, where they are copied from scratch."""
        drift: list[str] = []
        for domain in self._domains:
            for facts in filter(self._failures.sound, domain.facts):
                with self._failures.of(facts):
                    rests = facts.collection in resting and not from_scratch
                    if rests and await self._copying.run(self._columnar.copied, facts) is not None:
                        continue
                    if from_scratch:
                        drift += await self._copying.rebuild(facts, progress)
                    else:
                        await self._copying.refresh(facts, progress)
                    failed = await self._copying.run(self._columnar.roll_up, facts)
                    self._failures.rolled_up(facts, domain.rollups, failed)
        return drift

    async def _quarantine(self) -> int:
        with suppress(OSError):  # a folder that cannot be listed now is no reason not to measure
            self._known_quarantined = await asyncio.to_thread(self._quarantined)
        return self._known_quarantined

    async def _measure(self, newest: Generation | None) -> Generation:
        measured = await self._measuring.measure(self._domains, (newest or {}).get("kpis", {}))
        failed = self._failures.report(measured.failed)
        totals = {domain.name: await self._total(domain) for domain in self._domains}
        documents = {name: Int64(total.documents) for name, total in totals.items() if total}
        latest = {name: total.latest for name, total in totals.items() if total and total.latest}
        return {
            "documents": documents,
            "foreign": {name: Int64(total.foreign) for name, total in totals.items() if total and total.foreign}
            | self._strangers,
            "definition": self._definition,
            "newest_event": max(latest.values(), default=None),
            "newest_events": latest,
            "kpis": {kpi.name: await self._entry(kpi, measured, failed.get(kpi.name), newest) for kpi in self._kpis},
        }

    async def _entry(self, kpi: Kpi, measured: Measured, why: str | None, newest: Generation | None) -> dict[str, Any]:
        if why:
            return await self._ledger.entry_of_failed(kpi, why, newest)
        source = {SOURCE: measured.sources[kpi.name]} if kpi.historic else {}
        rows = {"rows": measured.rows[kpi.name]} if kpi.name in measured.rows else taken_over(kpi, newest)
        return {"title": kpi.title, "unit": kpi.unit, **rows, **source}

    async def _total(self, domain: LoadedDomain) -> Total | None:
        """The documents of a domain; None if they cannot be counted."""
        if not all(map(self._failures.sound, domain.facts)):
            return None
        totals = [await self._copying.run(self._columnar.total, facts) for facts in domain.facts]
        latest = max((total.latest for total in totals if total.latest), default=None)
        return Total(sum(total.documents for total in totals), sum(total.foreign for total in totals), latest)

    async def _prepare(self) -> None:
        """Indexes, the schema of generations, and the views for BI tools."""
        await self._partitions.fitness.require(GENERATIONS, ROWS, VERSIONS)
        if not self._prepare_due():
            return
        self._prepare_at = None
        await self._optional("documents of others", self._count_strangers())
        await self._optional("collections of earlier versions", self._store.drop(*RETIRED))
        for collection in {facts.collection for domain in self._domains for facts in domain.facts}:
            index = self._store.define_index(collection, "ingestion.partition")
            await self._optional(f"index of {collection}", index)
        for listing in (listing for domain in self._domains for listing in domain.listings):
            index = self._store.define_index(listing.collection, listing.dated.path, "_id")
            await self._optional(f"index of {listing.name}", index)
        definition = schema(self._kpis, self._definition)
        await self._optional(f"schema of {GENERATIONS}", self._store.define_schema(GENERATIONS, definition))
        await self._optional("index of long tables", self._ledger.prepare())
        await self._optional("index of partitions", self._partitions.prepare())
        await self._optional(f"index of {GENERATIONS}", self._store.define_index(GENERATIONS, "as_of"))
        for name, source, stages in views(self._domains):
            await self._optional(f"view {name}", self._store.define_view(name, source, stages))

    async def _count_strangers(self) -> None:
        """Documents of another hand beside generations and versions.

        Of those with a number only while there are no others: generations are large.
        """
        generations: list[dict[str, Any]] = [{"$nor": [GENERATION]}]
        if await self._store.newest(GENERATIONS, GENERATION):
            generations.append({"_id": {"$not": {"$type": "number"}}})
        found = {
            GENERATIONS: await strangers(self._store, GENERATIONS, *generations),
            VERSIONS: await strangers(self._store, VERSIONS, {"$nor": [VERSION]}),
        }
        self._strangers = {name: Int64(count) for name, count in found.items() if count}

    def _prepare_due(self) -> bool:
        return self._prepare_at is not None and self._clock.monotonic() >= self._prepare_at

    async def _optional(self, name: str, work: Awaitable[None]) -> None:
        """Prepare what only makes others faster or easier: where MongoDB cannot, the numbers are right all the same."""
        try:
            await work
            self._tasks.works(name)
        except OperationFailed as why:
            self._tasks.failed(name, why)
            self._prepare_at = self._clock.monotonic() + RETRY_MAX_S

    def _log(self, generation: Generation, covered: Sequence[Changed], drift: Sequence[str]) -> None:
        """behind_s: the longest time that a document was stored and not in a generation."""
        behind_s = round(max(((self._clock.now() - at.since).total_seconds() for at in covered), default=0.0), 3)
        facts = {name: generation[name] for name in ("seconds", "quarantined")} | generation["documents"]
        facts = {"generation": generation["_id"], "behind_s": behind_s, **facts}
        log.info("generation.published", **facts, as_of=generation["as_of"].isoformat())
        if behind_s > self._settings.stale_after_s:
            log.warning("generation.late", generation=generation["_id"], behind_s=behind_s)
        if drift:
            log.error("drift.found", generation=generation["_id"], places=len(drift), first=drift[0])

    async def _clean_up(self, covered: Sequence[Changed]) -> None:
        await self._partitions.clear(covered)
        if self._pruned_at is None or self._clock.now() - self._pruned_at > timedelta(hours=1):
            self._pruned_at = self._clock.now()
            await self.prune()

    async def forget(self, tables: Collection[str]) -> None:
        """Publish what these tables hold now, and remove from earlier generations the rows of KPIs that read them."""
        newest = await self.refresh()
        kpis = [kpi.name for kpi in self._kpis if any(facts.collection in tables for facts in kpi.facts)]
        await self._ledger.forget(kpis, newest["_id"])
        await self.prune()

    async def prune(self) -> None:
        """Delete generations that are old and superseded."""
        await self._ledger.prune(self._clock.now(), self._settings)


def _equal(newest: Generation, generation: Generation, packed: Mapping[str, Packed]) -> bool:
    return content(newest) == content(generation, packed)
