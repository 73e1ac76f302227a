"""The health of sinks: which generation each holds, how far it is behind, since when, and why."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Stage
from multimarket_async.generations import ledger
from multimarket_async.settings import Settings
from multimarket_async.store import EXPORTS, GENERATION, GENERATIONS, NUMBER, SinkStates, Store


class SinkStatus(BaseModel):
    """A system that generations are written to."""

    sink: str
    state: Literal["ok", "behind", "failing"] = Field(
        description="behind: it holds an older generation than the newest, or none; failing: and the last try failed"
    )
    generation: int | None = Field(description="the one that it holds; null: none of those that are kept")
    written_at: AwareDatetime | None
    behind: int = Field(description="generations that were published since")
    behind_since: AwareDatetime | None = Field(description="when the first of these was; null: it holds the newest")
    failing_since: AwareDatetime | None
    why: str = Field(description="the last failure; empty if it does not fail")

    def sentence(self) -> str:
        """The same in words."""
        held = "holds no generation yet" if self.generation is None else f"holds generation {self.generation}"
        behind = f", {self.behind:,} behind since {_instant(self.behind_since)}" if self.behind_since else ""
        why = f"; failing since {_instant(self.failing_since)}: {self.why}" if self.failing_since else ""
        return f"{self.sink} {held}{behind}{why}"


async def sink_statuses(store: Store, settings: Settings) -> list[SinkStatus]:
    """Each sink that is on; that of exports with a domain that has one. Raises Unavailable."""
    states = await SinkStates(store).all()
    exporting = states.get(EXPORTS, {}).get("exporting", [])
    names = dict.fromkeys([*settings.sinks, *([EXPORTS] if {*exporting} & {*settings.domains} else [])])
    current = await ledger(store) if names else ""
    return [await _status(store, name, states.get(name, {}), current) for name in names]


async def _status(store: Store, name: str, state: dict[str, Any], current: str) -> SinkStatus:
    generation = state.get("generation") if state.get("ledger") == current else None
    behind, since = await _published_after(store, generation)
    failing = state.get("failing_since")
    return SinkStatus(
        sink=name,
        state="failing" if failing else "behind" if behind else "ok",
        generation=generation,
        written_at=state.get("written_at") if generation is not None else None,
        behind=behind,
        behind_since=since,
        failing_since=failing,
        why=state.get("why", ""),
    )


async def _published_after(store: Store, generation: int | None) -> tuple[int, datetime | None]:
    """The number of newer generations, and when the first of them was published."""
    counted = {"_id": None, "behind": {"$sum": 1}, "since": {"$min": "$computed_at"}}
    stages: list[Stage] = [{"$match": {**GENERATION, "_id": {"$gt": generation or 0, **NUMBER}}}, {"$group": counted}]
    async for found in store.aggregate(GENERATIONS, stages):
        return found["behind"], found["since"]
    return 0, None


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
