"""Publishes generations: one document each, so a generation is published whole or not at all."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Cube, LoadedDomain
from multimarket_async.errors import Unavailable
from multimarket_async.snapshots.generations import Generation, Retention, content, flat, history, superseded
from multimarket_async.snapshots.pipelines import DOCUMENTS, definition_of, of_kpis
from multimarket_async.snapshots.rollups import PERIODS, Overtaken, Progress, Rollups
from multimarket_async.snapshots.schema import shape
from multimarket_async.store import GENERATIONS, DirtyMark, DirtyPartitions, Int64, Store

log = structlog.get_logger()


class Snapshotter:
    """Publishes a generation when the stored documents have changed. Any number may work at once.

    Generations whose number is a multiple of `full_recompute_every_generations` are computed from scratch: what then
    differs, though nothing touched it, is drift; it is told, and mended by being published.
    `quarantined()`: files set aside so far, asked in a thread.
    """

    def __init__(
        self,
        domains: Sequence[LoadedDomain],
        store: Store,
        clock: Clock,
        *,
        full_recompute_every_generations: int = 500,
        stale_after_s: float = 60.0,
        quarantined: Callable[[], int] = lambda: 0,
        retention: Retention | None = None,
    ) -> None:
        self._domains = domains
        self._cubes = [cube for domain in domains for cube in domain.cubes]
        self._kpis = [kpi for domain in domains for kpi in domain.kpis]
        self._definition = definition_of(self._cubes, self._kpis)
        self._store = store
        self._clock = clock
        self._dirty = DirtyPartitions(store, clock)
        self._cells = Rollups(store, self._definition)
        self._full_recompute_every = full_recompute_every_generations
        self._stale_after_s = stale_after_s
        self._quarantined = quarantined
        self._known_quarantined = 0
        self._retention = retention
        self._prepared = False
        self._pruned_at: datetime | None = None
        self._away = False

    async def run(self, every_s: float, stop: asyncio.Event) -> None:
        """Look every `every_s` seconds until `stop` is set."""
        async for _ in beats(every_s, stop):
            try:
                await self.refresh_if_changed()
                self._away = False
            except Unavailable as why:
                self._interrupted(why)

    async def refresh_if_changed(self) -> None:
        """Publish, unless no partition was touched since the last generation."""
        if not self._prepared or await self._dirty.any():
            await self.refresh()

    async def refresh(self) -> Generation:
        """Measure what was touched and publish what differs from the newest generation; the newest one then."""
        return await self._publish(from_scratch=False, progress=lambda *_: None)

    async def current(self) -> Generation:
        """The newest generation as it is, if nothing was touched since; else a new one."""
        newest = await self._store.newest(GENERATIONS)
        if newest and newest.get("definition") == self._definition and not await self._dirty.any():
            return newest
        return await self.refresh()

    async def rebuild(self, progress: Progress = lambda *_: None) -> Generation:
        """Measure everything from scratch and publish it, also where nothing differs."""
        return await self._publish(from_scratch=True, progress=progress)

    async def _publish(self, *, from_scratch: bool, progress: Progress) -> Generation:
        await self._prepare()
        while True:
            try:
                return await self._attempt(progress, from_scratch=from_scratch)
            except Overtaken:  # what the other one saw may be newer; all marks are still there
                await asyncio.sleep(0)

    async def _attempt(self, progress: Progress, *, from_scratch: bool) -> Generation:
        """Measure and publish once. Raises Overtaken.

        The number is chosen before anything is read, and can be taken once: whoever publishes it
        has read everything after the generation before it was published. So later is never older.
        """
        newest = await self._store.newest(GENERATIONS)
        number = newest["_id"] + 1 if newest else 1
        known = newest is not None and newest.get("definition") == self._definition
        from_scratch = from_scratch or number % self._full_recompute_every == 0
        started, as_of = self._clock.monotonic(), self._clock.now()
        marks = await self._dirty.pending()
        drift = await self._recompute(marks, progress, everything=from_scratch or not known)
        generation = {
            "_id": Int64(number),
            **await self._measure(),
            "as_of": as_of,
            "computed_at": self._clock.now(),
            "seconds": round(self._clock.monotonic() - started, 3),
            "quarantined": Int64(await self._quarantine()),
            "drift": Int64(len(drift) if known else 0),
        }
        if newest and not from_scratch and content(newest) == content(generation):
            await self._dirty.clear(marks)
            return newest
        if not await self._store.insert_if_absent(GENERATIONS, generation):
            raise Overtaken
        self._tell(generation, marks, drift if known else [])
        await self._clean_up(marks)
        return generation

    async def _recompute(self, marks: Sequence[DirtyMark], progress: Progress, *, everything: bool) -> list[str]:
        """Compute what was touched, or everything; what differs then though nothing touched it."""
        drift: list[str] = []
        for cube in self._cubes:
            touched = _touched(cube, marks)
            differing = await self._cells.recompute(cube, None if everything else touched, progress)
            if everything:  # an order that came after the marks were read had left its own before
                drift += differing.unexplained(touched | _touched(cube, await self._dirty.pending()))
        return drift

    async def _quarantine(self) -> int:
        with suppress(OSError):  # a folder that cannot be listed now is no reason not to measure
            self._known_quarantined = await asyncio.to_thread(self._quarantined)
        return self._known_quarantined

    async def _measure(self) -> Generation:
        stages = of_kpis(self._cubes, self._kpis, self._definition)
        [found] = [one async for one in self._store.aggregate(PERIODS, stages)]
        totals = {cube.collection: found[f"{DOCUMENTS}_{cube.collection}"] for cube in self._cubes}
        return {
            "definition": self._definition,
            "newest_event": max((one["latest"] for listed in totals.values() for one in listed), default=None),
            **{domain.name: _documents(domain, totals) for domain in self._domains},
            "kpis": {kpi.name: {"title": kpi.title, "unit": kpi.unit, "rows": found[kpi.name]} for kpi in self._kpis},
        }

    async def _prepare(self) -> None:
        """Indexes, the shape of what is published, and two flat views a KPI: newest generation, history."""
        if self._prepared:
            return
        for cube in self._cubes:
            await self._cells.prepare(cube)
        for listing in (one for domain in self._domains for one in domain.listings):
            await self._store.define_index(listing.collection, listing.dated.path, "_id")
        await self._store.define_schema(GENERATIONS, shape(self._kpis, self._definition))
        await self._store.define_index(GENERATIONS, "as_of")
        for kpi in self._kpis:
            await self._store.define_view(f"kpi_{kpi.name}", GENERATIONS, flat(kpi))
            await self._store.define_view(f"kpi_{kpi.name}_history", GENERATIONS, history(kpi))
        self._prepared = True

    def _tell(self, generation: Generation, marks: Sequence[DirtyMark], drift: Sequence[str]) -> None:
        """behind_s: how long the order that waited longest was stored and not in a generation."""
        behind_s = max((self._clock.now() - mark.at).total_seconds() for mark in marks) if marks else 0.0
        told = {name: generation[name] for name in ("seconds", "quarantined", *(one.name for one in self._domains))}
        told = {"generation": generation["_id"], "behind_s": round(behind_s, 3), **told}
        log.info("generation.published", **told, as_of=generation["as_of"].isoformat())
        if behind_s > self._stale_after_s:
            log.warning("generation.late", generation=generation["_id"], behind_s=round(behind_s, 3))
        if drift:
            log.error("drift.found", generation=generation["_id"], places=len(drift), first=drift[0])

    async def _clean_up(self, marks: Sequence[DirtyMark]) -> None:
        await self._dirty.clear(marks)
        if self._pruned_at is None or self._clock.now() - self._pruned_at > timedelta(hours=1):
            self._pruned_at = self._clock.now()
            await self.prune()

    async def prune(self) -> None:
        """Forget generations that are old and superseded, and cells of other definitions."""
        ages = self._store.aggregate(GENERATIONS, [{"$sort": {"_id": 1}}, {"$project": {"computed_at": 1}}])
        dated = [(one["_id"], one["computed_at"]) async for one in ages]
        if outdated := list(superseded(dated, self._clock.now(), self._retention)):
            await self._store.remove(GENERATIONS, outdated)
            log.info("generations.pruned", generations=len(outdated))
        await self._cells.forget_others()

    def _interrupted(self, why: Unavailable) -> None:
        if not self._away:
            log.warning("snapshots.interrupted", why=str(why))
        self._away = True


def _touched(cube: Cube, marks: Sequence[DirtyMark]) -> set[str]:
    return {key for mark in marks if mark.collection == cube.collection for key in mark.partitions}


def _documents(domain: LoadedDomain, totals: dict[str, list[dict[str, Any]]]) -> Int64:
    return Int64(sum(one["documents"] for cube in domain.cubes for one in totals[cube.collection]))
