"""Publishes generations: one document each, so a generation is published whole or not at all."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Subject
from multimarket_async.errors import Unavailable
from multimarket_async.snapshots.cells import PERIODS, Cells, Overtaken, Progress
from multimarket_async.snapshots.generations import Generation, content, flat, superseded
from multimarket_async.snapshots.stages import DOCUMENTS, definition_of, of_kpis
from multimarket_async.store import LEDGER, Int64, Mark, Marks, Store

log = structlog.get_logger()


class Snapshotter:
    """Publishes a generation when the stored documents have changed. Any number may work at once."""

    def __init__(self, subjects: Sequence[Subject], store: Store, clock: Clock) -> None:
        self._subjects = subjects
        self._cubes = [cube for subject in subjects for cube in subject.cubes]
        self._kpis = [kpi for subject in subjects for kpi in subject.kpis]
        self._definition = definition_of(self._cubes, self._kpis)
        self._store = store
        self._clock = clock
        self._marks = Marks(store, clock)
        self._cells = Cells(store, self._definition)
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
        if not self._prepared or await self._marks.pending():
            await self.refresh()

    async def refresh(self) -> Generation:
        """Measure what was touched and publish what differs from the newest generation; the newest one then."""
        return await self._publish(from_scratch=False, progress=lambda *_: None)

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
        newest = await self._store.newest(LEDGER)
        started, as_of = self._clock.monotonic(), self._clock.now()
        marks = await self._marks.pending()
        everything = from_scratch or newest is None or newest.get("definition") != self._definition
        await self._recompute(marks, progress, everything=everything)
        generation = {
            "_id": Int64(newest["_id"] + 1 if newest else 1),
            **await self._measure(),
            "as_of": as_of,
            "computed_at": self._clock.now(),
            "seconds": round(self._clock.monotonic() - started, 3),
        }
        if newest and not from_scratch and content(newest) == content(generation):
            await self._marks.forget(marks)
            return newest
        if not await self._store.add(LEDGER, generation):
            raise Overtaken
        await self._published(generation, marks)
        return generation

    async def _recompute(self, marks: Sequence[Mark], progress: Progress, *, everything: bool) -> None:
        for cube in self._cubes:
            touched = {key for mark in marks if mark.collection == cube.collection for key in mark.partitions}
            await self._cells.recompute(cube, None if everything else touched, progress)

    async def _measure(self) -> Generation:
        stages = of_kpis(self._cubes, self._kpis, self._definition)
        [found] = [one async for one in self._store.aggregate(PERIODS, stages)]
        totals = {cube.collection: found[f"{DOCUMENTS}_{cube.collection}"] for cube in self._cubes}
        return {
            "definition": self._definition,
            **{subject.name: _documents(subject, totals) for subject in self._subjects},
            "kpis": {kpi.name: {"title": kpi.title, "unit": kpi.unit, "rows": found[kpi.name]} for kpi in self._kpis},
        }

    async def _prepare(self) -> None:
        """Indexes, and one flat view a KPI over the newest generation."""
        if self._prepared:
            return
        for cube in self._cubes:
            await self._cells.prepare(cube)
        for kpi in self._kpis:
            await self._store.define_view(f"kpi_{kpi.name}", LEDGER, flat(kpi))
        self._prepared = True

    async def _published(self, generation: Generation, marks: Sequence[Mark]) -> None:
        await self._marks.forget(marks)
        counts = {subject.name: generation[subject.name] for subject in self._subjects}
        log.info("generation.published", generation=generation["_id"], seconds=generation["seconds"], **counts)
        if self._pruned_at is None or self._clock.now() - self._pruned_at > timedelta(hours=1):
            self._pruned_at = self._clock.now()
            await self.prune()

    async def prune(self) -> None:
        """Keep every generation of the last day, then the last of each hour, after a month of each day."""
        ages = self._store.aggregate(LEDGER, [{"$sort": {"_id": 1}}, {"$project": {"computed_at": 1}}])
        dated = [(one["_id"], one["computed_at"]) async for one in ages]
        if outdated := list(superseded(dated, self._clock.now())):
            await self._store.remove(LEDGER, outdated)
            log.info("generations.pruned", generations=len(outdated))
        await self._cells.forget_others()

    def _interrupted(self, why: Unavailable) -> None:
        if not self._away:
            log.warning("snapshots.interrupted", why=str(why))
        self._away = True


def _documents(subject: Subject, totals: dict[str, list[dict[str, Any]]]) -> Int64:
    return Int64(sum(one["documents"] for cube in subject.cubes for one in totals[cube.collection]))
