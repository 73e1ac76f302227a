"""Publishes generations: one document each, so a generation is published whole or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Cube, Kpi, LoadedDomain, digest
from multimarket_async.errors import OperationFailed, Unavailable
from multimarket_async.settings import Settings
from multimarket_async.snapshots.failures import Failures
from multimarket_async.snapshots.generations import Generation, content, flat, history
from multimarket_async.snapshots.ledger import Ledger
from multimarket_async.snapshots.measuring import Measured, measure
from multimarket_async.snapshots.rollups import Overtaken, Progress, Recomputed, Rollups
from multimarket_async.snapshots.schema import schema
from multimarket_async.store import GENERATIONS, Changed, Int64, Partition, Partitions, Store
from multimarket_async.tasks import Tasks

log = structlog.get_logger()

TASK = "snapshotter"

# Derived collections of earlier versions: a generation without `rollups` is measured again from scratch.
RETIRED = ("kpi_touched", "kpi_partitions", "kpi_periods", "kpi_dirty_partitions")


class Snapshotter:
    """Publishes a generation when the stored documents have changed. Any number may work at the same time.

    Generations whose number is a multiple of `full_recompute_every_generations` are computed from scratch: a rollup
    that differs then, though its partition was not dirty, is drift; it is logged, and corrected by being published.
    A KPI that fails has the rows of the generation in which it last worked, `stale_since`, the time of that one, and
    `error`: a sentence. Where the rollups of a collection fail, its KPIs do, and its partitions stay dirty; all others
    go on.
    `quarantined()`: the number of files in quarantine, called in a thread.
    """

    def __init__(
        self,
        domains: Sequence[LoadedDomain],
        store: Store,
        clock: Clock,
        settings: Settings | None = None,
        *,
        quarantined: Callable[[], int] = lambda: 0,
        tasks: Tasks | None = None,
    ) -> None:
        self._domains = domains
        self._cubes = [cube for domain in domains for cube in domain.cubes]
        self._kpis = [kpi for domain in domains for kpi in domain.kpis]
        self._definition = digest([[kpi.digest for kpi in self._kpis], [domain.name for domain in domains]])
        self._store = store
        self._clock = clock
        self._settings = settings or Settings.model_validate({})
        self._partitions = Partitions(store, clock)
        self._rollups = Rollups(store)
        self._ledger = Ledger(store)
        self._quarantined = quarantined
        self._known_quarantined = 0
        self._prepared = False
        self._pruned_at: datetime | None = None
        self._away = False
        self._tasks = tasks or Tasks(clock)
        self._failures = Failures(domains, clock)

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

    async def refresh_if_changed(self) -> None:
        """Publish, unless no partition is dirty, and nothing that failed is to be tried again."""
        if not self._prepared or self._failures.due() or await self._partitions.any(self._failures.collections):
            await self.refresh()

    async def current(self) -> Generation:
        """The newest generation as it is, if no partition is dirty; else a new one."""
        newest = await self._store.newest(GENERATIONS)
        if newest and newest.get("definition") == self._definition and not await self._partitions.any():
            return newest
        return await self.refresh()

    async def rebuild(self, progress: Progress = lambda *_: None) -> Generation:
        """Recompute everything from scratch and publish it, also if nothing differs."""
        return await self.refresh(progress, from_scratch=True)

    async def refresh(self, progress: Progress = lambda *_: None, *, from_scratch: bool = False) -> Generation:
        """Recompute dirty partitions and publish if the numbers differ; the newest generation then."""
        await self._prepare()
        self._failures.retry()
        while True:
            try:
                return await self._attempt(progress, from_scratch=from_scratch)
            except Overtaken:  # the other one may have read newer documents; all marks are still there
                await asyncio.sleep(0)

    async def _attempt(self, progress: Progress, *, from_scratch: bool) -> Generation:
        """Measure and publish once. Raises Overtaken.

        The number is chosen before anything is read, and can be taken only once: its publisher has read everything
        after the generation before it was published. So a later generation is never older.
        """
        newest = await self._store.newest(GENERATIONS)
        number = newest["_id"] + 1 if newest else 1
        from_scratch = from_scratch or number % self._settings.full_recompute_every_generations == 0
        started, as_of = self._clock.monotonic(), self._clock.now()
        present = (newest or {}).get("rollups", {})
        await self._backfill(present, progress)
        marks = await self._partitions.pending(self._failures.collections)
        drift = await self._recompute(marks, progress, present, from_scratch=from_scratch)
        covered = [mark for mark in marks if mark.collection not in self._failures.collections]
        generation = {
            "_id": Int64(number),
            **await self._measure(present, newest),
            "as_of": as_of,
            "computed_at": self._clock.now(),
            "seconds": round(self._clock.monotonic() - started, 3),
            "quarantined": Int64(await self._quarantine()),
            "drift": Int64(len(drift)),
        }
        if newest and not from_scratch and await asyncio.to_thread(_equal, newest, generation):
            await self._partitions.clear(covered)
            return newest
        if not await self._ledger.publish(generation, newest):
            raise Overtaken
        self._log(generation, covered, drift)
        await self._clean_up(covered)
        return generation

    async def _backfill(self, present: Mapping[str, list[str]], progress: Progress) -> None:
        """Compute the rollups that the newest generation did not have; they are not up to date where they exist."""
        for cube in self._sound():
            if present.get(cube.collection, list(cube.rollups)) != list(cube.rollups):
                with self._failures.of(cube):
                    await self._rollups.backfill(cube, progress)

    async def _recompute(
        self, marks: Sequence[Changed], progress: Progress, present: Mapping[str, Any], *, from_scratch: bool
    ) -> list[str]:
        """Recompute dirty partitions, or everything; the drift: rollups that differ then without having been dirty.

        A collection that no generation has measured is computed from scratch, without drift.
        """
        drift: list[str] = []
        for cube in self._sound():
            dirty, measured = _dirty(cube, marks), cube.collection in present
            partitions, differing = None if from_scratch or not measured else dirty, Recomputed()
            with self._failures.of(cube):
                differing = await self._rollups.recompute(cube, partitions, progress)
            if from_scratch and measured:  # a document that came after the marks were read had marked its own before
                drift += differing.unexplained(dirty | _dirty(cube, await self._partitions.pending()))
        return drift

    async def _quarantine(self) -> int:
        with suppress(OSError):  # a folder that cannot be listed now is no reason not to measure
            self._known_quarantined = await asyncio.to_thread(self._quarantined)
        return self._known_quarantined

    def _sound(self) -> list[Cube]:
        return [cube for cube in self._cubes if cube.collection not in self._failures.collections]

    async def _measure(self, present: Mapping[str, list[str]], newest: Generation | None) -> Generation:
        left_out = self._failures.collections
        kpis = [kpi for kpi in self._kpis if kpi.rollup.facts.collection not in left_out]
        measured = await measure(self._store, self._sound(), kpis)
        failed, totals = self._failures.report(measured.failed), measured.totals
        documents = {domain.name: _documents(domain, totals) for domain in self._domains if _counted(domain, totals)}
        return {
            "documents": documents,
            "definition": self._definition,
            "rollups": {name: keys for name, keys in present.items() if name in left_out}
            | {cube.collection: list(cube.rollups) for cube in self._sound()},
            "newest_event": max((total["latest"] for listed in totals.values() for total in listed), default=None),
            "newest_events": {domain.name: at for domain in self._domains if (at := _newest(domain, totals))},
            "kpis": {kpi.name: await self._entry(kpi, measured, failed.get(kpi.name), newest) for kpi in self._kpis},
        }

    async def _entry(self, kpi: Kpi, measured: Measured, why: str | None, newest: Generation | None) -> dict[str, Any]:
        if why:
            return await self._ledger.entry_of_failed(kpi, why, newest)
        return {"title": kpi.title, "unit": kpi.unit, "rows": measured.rows[kpi.name]}

    async def _prepare(self) -> None:
        """Indexes, the schema of generations, and two flat views a KPI: newest generation, history."""
        if self._prepared:
            return
        await self._store.drop(*RETIRED)
        await self._optional("index of partitions", self._partitions.prepare())
        for cube in self._cubes:
            await self._optional(f"indexes of {cube.collection}", self._rollups.prepare(cube))
        for listing in (listing for domain in self._domains for listing in domain.listings):
            index = self._store.define_index(listing.collection, listing.dated.path, "_id")
            await self._optional(f"index of {listing.name}", index)
        definition = schema(self._kpis, self._definition)
        await self._optional(f"schema of {GENERATIONS}", self._store.define_schema(GENERATIONS, definition))
        await self._optional("index of long tables", self._ledger.prepare())
        await self._optional(f"index of {GENERATIONS}", self._store.define_index(GENERATIONS, "as_of"))
        for kpi in self._kpis:
            for name, stages in ((f"kpi_{kpi.name}", flat(kpi)), (f"kpi_{kpi.name}_history", history(kpi))):
                await self._optional(f"view {name}", self._store.define_view(name, GENERATIONS, stages))
        self._prepared = True

    async def _optional(self, name: str, work: Awaitable[None]) -> None:
        """Prepare what only makes others faster or easier: where MongoDB cannot, the numbers are right all the same."""
        try:
            await work
        except OperationFailed as why:
            self._tasks.failed(name, why)

    def _log(self, generation: Generation, marks: Sequence[Changed], drift: Sequence[str]) -> None:
        """behind_s: the longest time that a document was stored and not in a generation."""
        behind_s = round(max((self._clock.now() - mark.since).total_seconds() for mark in marks) if marks else 0.0, 3)
        facts = {name: generation[name] for name in ("seconds", "quarantined")} | generation["documents"]
        facts = {"generation": generation["_id"], "behind_s": behind_s, **facts}
        log.info("generation.published", **facts, as_of=generation["as_of"].isoformat())
        if behind_s > self._settings.stale_after_s:
            log.warning("generation.late", generation=generation["_id"], behind_s=behind_s)
        if drift:
            log.error("drift.found", generation=generation["_id"], places=len(drift), first=drift[0])

    async def _clean_up(self, marks: Sequence[Changed]) -> None:
        await self._partitions.clear(marks)
        if self._pruned_at is None or self._clock.now() - self._pruned_at > timedelta(hours=1):
            self._pruned_at = self._clock.now()
            await self.prune()

    async def prune(self) -> None:
        """Delete generations that are old and superseded."""
        await self._ledger.prune(self._clock.now(), self._settings)


def _dirty(cube: Cube, marks: Sequence[Changed]) -> set[Partition]:
    return {mark.partition for mark in marks if mark.collection == cube.collection}


def _counted(domain: LoadedDomain, totals: Mapping[str, Any]) -> bool:
    return all(cube.collection in totals for cube in domain.cubes)


def _newest(domain: LoadedDomain, totals: Mapping[str, list[dict[str, Any]]]) -> datetime | None:
    listed = (total["latest"] for cube in domain.cubes for total in totals.get(cube.collection, ()))
    return max(listed, default=None)


def _documents(domain: LoadedDomain, totals: Mapping[str, list[dict[str, Any]]]) -> Int64:
    return Int64(sum(total["documents"] for cube in domain.cubes for total in totals[cube.collection]))


def _equal(one: Generation, other: Generation) -> bool:
    return content(one) == content(other)
