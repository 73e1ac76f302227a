"""New documents of each domain in each of the last 60 minutes, from the totals of the KPI generations."""

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from multimarket_async.domains import Stage
from multimarket_async.readers.status import Minute
from multimarket_async.store import GENERATION, GENERATIONS, NUMBER, Store

MINUTES = 60
MINUTE = timedelta(minutes=1)


class Minutes:
    """Totals of the generations of the last hour, each read once. domains: their names."""

    def __init__(self, store: Store, domains: Sequence[str]) -> None:
        self._store = store
        self._domains = domains
        self._totals: deque[tuple[int, datetime, Counter[str]]] = deque()
        self._known = dict.fromkeys(domains, 0)  # a domain that could not be measured keeps its last total

    async def until(self, now: datetime) -> dict[str, list[Minute]]:
        """By domain, each minute with its new documents, oldest first; the last one is the current minute."""
        this = now.replace(second=0, microsecond=0)
        first = this - (MINUTES - 1) * MINUTE
        await self._read(first)
        gained = self._gained()
        minutes = [first + place * MINUTE for place in range(MINUTES)]
        return {
            name: [Minute(minute=minute, documents=gained[name, minute]) for minute in minutes]
            for name in self._domains
        }

    async def _read(self, first: datetime) -> None:
        """Read the generations since the last one read; at first, from the one before the first minute on."""
        if not self._totals:
            before: Stage = {"$match": {**GENERATION, "as_of": {"$lt": first}}}
            await self._add([before, {"$sort": {"as_of": -1}}, {"$limit": 1}])
        numbers = {"$gt": self._totals[-1][0] if self._totals else 0, **NUMBER}
        await self._add([{"$match": {**GENERATION, "_id": numbers, "as_of": {"$gte": first}}}, {"$sort": {"_id": 1}}])
        while len(self._totals) > 1 and self._totals[1][1] < first:
            self._totals.popleft()

    async def _add(self, stages: Sequence[Stage]) -> None:
        fields: Stage = {"$project": {"as_of": 1, "documents": {"$ifNull": ["$documents", "$$ROOT"]}}}
        counts: Stage = {"$project": {"as_of": 1, **{f"documents.{name}": 1 for name in self._domains}}}
        async for generation in self._store.aggregate(GENERATIONS, [*stages, fields, counts]):
            self._known |= generation["documents"]
            self._totals.append((generation["_id"], generation["as_of"], Counter(self._known)))

    def _gained(self) -> Counter[tuple[str, datetime]]:
        """New documents by domain and minute; before the first generation there were none."""
        gained: Counter[tuple[str, datetime]] = Counter()
        before = Counter[str]()
        for _, as_of, totals in self._totals:
            for name, total in totals.items():
                gained[name, as_of.replace(second=0, microsecond=0)] += max(0, total - before[name])
            before = totals
        return gained
