"""store -> KPI generations -> store: one document a generation, so it is published whole or not at all."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import structlog

from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Kpi, Stage, Subject
from multimarket_async.errors import Unavailable
from multimarket_async.store import LEDGER, Int64, Store

log = structlog.get_logger()


COUNT = "_documents"
KEEP_ALL, KEEP_HOURLY = timedelta(days=1), timedelta(days=31)

Generation: TypeAlias = dict[str, Any]


class Snapshotter:
    """Publishes a generation when the stored documents have changed."""

    def __init__(self, subjects: Sequence[Subject], store: Store, clock: Clock) -> None:
        self._subjects = subjects
        self._store = store
        self._clock = clock
        self._measured: int | None = None
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
        """Publish, unless nothing was stored since the last look. Documents are only ever added."""
        if await self._stored() != self._measured:
            # What is stored but not yet on a majority was counted above and is not measured: look again.
            self._measured = self._documents(await self.refresh())

    async def current(self) -> Generation:
        """The newest generation as it is, if it counts as many documents as are stored; else a new one."""
        newest = await self._store.newest(LEDGER)
        return newest if newest and self._documents(newest) == await self._stored() else await self.refresh()

    async def _stored(self) -> int:
        return sum([await self._store.estimated_count(collection) for collection in self._collections()])

    def _documents(self, generation: Generation) -> int:
        return sum(generation[subject.name] for subject in self._subjects)

    async def refresh(self, *, even_if_equal: bool = False) -> Generation:
        """Measure everything and publish what differs from the newest generation; the newest one then."""
        await self.define_views()
        while True:
            newest = await self._store.newest(LEDGER)
            measured = await self._measure()
            if newest and not even_if_equal and _content(newest) == _content(measured):
                return newest
            generation = {"_id": Int64(newest["_id"] + 1 if newest else 1), **measured}
            # Somebody else may have taken the number: what they saw may be newer, so measure again.
            if await self._store.add(LEDGER, generation):
                await self._published(generation)
                return generation

    async def define_views(self) -> None:
        """One flat view a KPI over the newest generation."""
        for kpi in self._kpis():
            await self._store.define_view(f"kpi_{kpi.name}", LEDGER, flat(kpi))

    async def _measure(self) -> Generation:
        started, as_of = self._clock.monotonic(), self._clock.now()
        rows: dict[str, list[dict[str, Any]]] = {}
        counts: dict[str, int] = {}
        for subject in self._subjects:
            for collection in _collections(subject):
                pipelines = {kpi.name: kpi.pipeline for kpi in subject.kpis if kpi.collection == collection}
                measured = await self._store.facet(collection, {**pipelines, COUNT: [{"$count": "documents"}]})
                documents = sum(one["documents"] for one in measured.pop(COUNT))
                counts[subject.name] = Int64(counts.get(subject.name, 0) + documents)
                rows |= measured
        return {
            "computed_at": self._clock.now(),
            "as_of": as_of,
            "seconds": round(self._clock.monotonic() - started, 3),
            **counts,
            "kpis": {kpi.name: {"title": kpi.title, "unit": kpi.unit, "rows": rows[kpi.name]} for kpi in self._kpis()},
        }

    async def _published(self, generation: Generation) -> None:
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

    def _interrupted(self, why: Unavailable) -> None:
        if not self._away:
            log.warning("snapshots.interrupted", why=str(why))
        self._away = True

    def _kpis(self) -> Iterator[Kpi]:
        return (kpi for subject in self._subjects for kpi in subject.kpis)

    def _collections(self) -> list[str]:
        return [collection for subject in self._subjects for collection in _collections(subject)]


def flat(kpi: Kpi) -> list[Stage]:
    """The view of a KPI: one row a document, no nesting, with the generation it belongs to."""
    rows = f"$kpis.{kpi.name}.rows"
    context = {"generation": "$_id", "computed_at": "$computed_at", "as_of": "$as_of"}
    return [
        {"$sort": {"_id": -1}},
        {"$limit": 1},
        {"$unwind": rows},
        {"$replaceWith": {"$mergeObjects": [rows, context]}},
    ]


def superseded(dated: Iterable[tuple[int, datetime]], now: datetime) -> Iterator[int]:
    """The generations to forget, of (number, computed at) in ascending order."""
    kept: dict[str, int] = {}
    for number, at in dated:
        if now - at <= KEEP_ALL:
            continue
        period = f"{at:%Y-%m-%d %H}" if now - at <= KEEP_HOURLY else f"{at:%Y-%m-%d}"
        if period in kept:
            yield kept[period]
        kept[period] = number


def _collections(subject: Subject) -> list[str]:
    return sorted({feed.collection for feed in subject.feeds})


def _content(generation: Generation) -> Generation:
    """What a generation says, without when it was said."""
    return {key: value for key, value in generation.items() if key not in {"_id", "computed_at", "as_of", "seconds"}}
