"""How it is: where every file is, and how fresh the numbers are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from multimarket_async.domains import Feed
from multimarket_async.landing import Landing
from multimarket_async.readers.conservation import Channel, counted
from multimarket_async.readers.freshness import freshness
from multimarket_async.store import Store


@dataclass(frozen=True)
class Status:
    """The channels, and the newest generation: number, as_of, age_s (None before the first)."""

    channels: list[Channel]
    generation: dict[str, Any] | None

    def freshness(self) -> str:
        """How old the newest numbers are, in a sentence."""
        if self.generation is None:
            return "No KPI generation yet: `kpi refresh` measures what is stored."
        number, as_of, age_s = (self.generation[name] for name in ("number", "as_of", "age_s"))
        late = ", and STALE: it lacks orders stored since" if self.generation.get("stale") else ""
        return f"KPI generation {number} is as of {as_of}, {age_s:,.0f} s ago{late}."


async def status(
    channels: Sequence[tuple[Feed, Landing]], store: Store, now: datetime, stale_after_s: float = 60.0
) -> Status:
    """Look everywhere once."""
    return Status(await counted(channels, store), await freshness(store, now, stale_after_s))
