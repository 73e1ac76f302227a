"""The age of the newest KPI generation, and what is not in it yet."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Stage
from multimarket_async.generations import errors, stale
from multimarket_async.store import GENERATION, GENERATIONS, Store
from multimarket_async.store.partitions import VERSIONS, unmeasured


class KpiFreshness(BaseModel):
    """The newest generation; null before the first.

    behind_s: how long the oldest dirty partition has waited for a generation. A quiet night makes numbers old, not
    stale: they are stale when a document that was stored longer ago than `stale_after_s` is not in them.
    """

    generation: int | None = None
    as_of: AwareDatetime | None = None
    age_s: float | None = None
    newest_event: AwareDatetime | None = None
    newest_events: dict[str, AwareDatetime] = {}
    behind_s: float | None = None
    stale: bool = False
    drift: int | None = None
    foreign: dict[str, int] = Field(
        default={}, description="documents in a domain's tables that MultiMarket did not store"
    )
    failed: dict[str, str] = Field(default={}, description="KPIs that failed in this generation, and why")
    stale_since: dict[str, AwareDatetime] = Field(
        default={}, description="the failed KPIs that have rows of an earlier generation, and the time these are as of"
    )

    def at(self, now: datetime) -> "KpiFreshness":
        """The same, at a later time: also what is known from before an outage grows older."""
        age_s = None if self.as_of is None else round((now - self.as_of).total_seconds(), 1)
        return self.model_copy(update={"age_s": age_s})


async def freshness(
    store: Store, now: datetime, stale_after_s: float, next_runs: Mapping[str, datetime] | None = None
) -> KpiFreshness:
    """The freshness of the newest generation.

    next_runs: of collections that a schedule measures, which are not behind before.
    """
    newest = await store.newest(GENERATIONS, GENERATION)
    if newest is None:
        return KpiFreshness()
    behind_s = await _behind_s(store, now, next_runs or {})
    return KpiFreshness(
        generation=newest["_id"],
        as_of=newest["as_of"],
        newest_event=newest.get("newest_event"),
        newest_events=newest.get("newest_events", {}),
        behind_s=behind_s,
        stale=behind_s > stale_after_s,
        drift=newest.get("drift"),
        foreign=newest.get("foreign", {}),
        failed=errors(newest),
        stale_since=stale(newest),
    ).at(now)


async def _behind_s(store: Store, now: datetime, next_runs: Mapping[str, datetime]) -> float:
    """The time for which the oldest dirty partition has waited; a schedule lets it wait until a run."""
    oldest: list[Stage] = [unmeasured(), {"$group": {"_id": "$collection", "since": {"$min": "$since"}}}]
    found = {each["_id"]: each["since"] async for each in store.aggregate(VERSIONS, oldest)}
    waits = [(now - max(since, next_runs.get(name, since))).total_seconds() for name, since in found.items()]
    return float(round(max([0.0, *waits]), 1))
