"""New documents in each of the last 60 minutes, from the totals of the KPI generations."""

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from multimarket_async.domains import Stage
from multimarket_async.readers.status import Minute
from multimarket_async.store import GENERATIONS, Store

MINUTES = 60
MINUTE = timedelta(minutes=1)


class Minutes:
    """Totals of the generations of the last hour, each read once. domains: names of the fields with the totals."""

    def __init__(self, store: Store, domains: Sequence[str]) -> None:
        self._store = store
        self._domains = domains
        self._totals: deque[tuple[int, datetime, int]] = deque()
        self._known: dict[str, int] = {}  # of a domain whose rollups fail, a generation has no total

    async def until(self, now: datetime) -> list[Minute]:
        """Each minute with its new documents, oldest first; the last one is the current minute."""
        this = now.replace(second=0, microsecond=0)
        first = this - (MINUTES - 1) * MINUTE
        await self._read(first)
        gained = self._gained()
        minutes = [first + place * MINUTE for place in range(MINUTES)]
        return [Minute(minute=minute, orders=gained[minute]) for minute in minutes]

    async def _read(self, first: datetime) -> None:
        """Read the generations since the last one read; at first, from the one before the first minute on."""
        if not self._totals:
            await self._add([{"$match": {"as_of": {"$lt": first}}}, {"$sort": {"as_of": -1}}, {"$limit": 1}])
        last = self._totals[-1][0] if self._totals else 0
        await self._add([{"$match": {"_id": {"$gt": last}, "as_of": {"$gte": first}}}, {"$sort": {"_id": 1}}])
        while len(self._totals) > 1 and self._totals[1][1] < first:
            self._totals.popleft()

    async def _add(self, stages: Sequence[Stage]) -> None:
        fields: Stage = {"$project": {"as_of": 1, **dict.fromkeys(self._domains, 1)}}
        async for generation in self._store.aggregate(GENERATIONS, [*stages, fields]):
            self._known |= {name: generation[name] for name in self._domains if name in generation}
            self._totals.append((generation["_id"], generation["as_of"], sum(self._known.values())))

    def _gained(self) -> Counter[datetime]:
        """New documents by minute; before the first generation there were none."""
        gained: Counter[datetime] = Counter()
        before = 0
        for _, as_of, total in self._totals:
            gained[as_of.replace(second=0, microsecond=0)] += max(0, total - before)
            before = total
        return gained
