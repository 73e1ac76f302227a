"""KPI generations: watched during a round, as a reader would, and checked after it."""

import asyncio
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from typing import Any

from multimarket_async.clock import beats
from multimarket_async.errors import Unavailable
from multimarket_async.generations import NotKept, errors, rows_by_kpi
from multimarket_async.snapshots.generations import content
from multimarket_async.store import GENERATION, GENERATIONS, Store

READ_EVERY_S = 0.025
Generation = dict[str, Any]


class Watcher:
    """A reader that reads the newest generation again and again. violations: of "numbers only grow, none changes"."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[int, Generation] = {}
        self._last = 0
        self.count = 0  # known once `published` was called
        self.violations: list[str] = []

    async def watch(self) -> None:
        """Read until cancelled."""
        async for _ in beats(READ_EVERY_S, asyncio.Event()):
            try:
                newest = await self._store.newest(GENERATIONS, GENERATION)
            except Unavailable:
                continue
            if newest or self._last:
                self._check(newest or {"_id": 0})

    def _check(self, newest: Generation) -> None:
        number = newest["_id"]
        if number < self._last:
            self._report(f"generation {number} was the newest after generation {self._last}")
        if self._read.setdefault(number, newest) != newest:
            self._report(f"generation {number} was changed after it had been read")
        self._last = number

    async def published(self) -> list[Generation]:
        """Every generation there is, in order; what was read must still be among them."""
        kept = [generation async for generation in self._store.aggregate(GENERATIONS, [{"$sort": {"_id": 1}}])]
        for number, generation in self._read.items():
            if generation not in kept:
                self._report(f"generation {number} is not as it was read")
        for generation in kept:
            await self._check_whole(generation)
        self.count = len(kept)
        return kept

    async def _check_whole(self, generation: Generation) -> None:
        """Long tables are stored apart from the generations that refer to them."""
        try:
            await rows_by_kpi(self._store, generation)
        except NotKept as why:
            self._report(f"generation {generation['_id']} is not whole: {why}")

    def _report(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)


def check(published: Sequence[Generation], kpis: set[str], shrinking: Container[str] = ()) -> Iterator[str]:
    """Numbered 1, 2, 3 ... and whole; each one differs from the one before and counts no fewer documents.

    shrinking: the domains of which rows may end, as a newer file is the whole table.
    """
    numbers = [generation["_id"] for generation in published]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the generations are numbered {numbers}"
    for generation in published:
        if set(generation["kpis"]) != kpis:
            yield f"generation {generation['_id']} has only the KPIs {sorted(generation['kpis'])}"
        for name, why in errors(generation).items():
            yield f"generation {generation['_id']} has no rows of its own of {name}: {why}"
    for before, after in pairwise(published):
        growing = {domain: count for domain, count in before["documents"].items() if domain not in shrinking}
        counts = [(count, after["documents"].get(domain, 0)) for domain, count in growing.items()]
        if any(later < earlier for earlier, later in counts):
            yield f"generation {after['_id']} counts {counts}, fewer documents than the one before"
        elif content(before) == content(after):
            yield f"generation {after['_id']} says nothing new"
