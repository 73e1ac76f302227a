"""How it is: where every file is, how long files wait, and how fresh the numbers are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from multimarket_async.domains import Feed
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import Channel, counted
from multimarket_async.readers.generations import freshness
from multimarket_async.store import Store


@dataclass(frozen=True)
class Status:
    """The channels, and the newest generation: number, as_of, age_s (None before the first).

    latency: the last report of the process that collects, or collected last (None before the first):
        told_at, age_s, budget_s, and last_minute and last_hour (None where no file came) with the
        seconds they cover, files, p50_s, p99_s, max_s and breaches of the budget.
    """

    channels: list[Channel]
    generation: dict[str, Any] | None
    at: datetime
    latency: dict[str, Any] | None

    def freshness(self) -> str:
        """How old the newest numbers are, in a sentence."""
        if self.generation is None:
            return "No KPI generation yet: `kpi refresh` measures what is stored."
        number, as_of, age_s = (self.generation[name] for name in ("number", "as_of", "age_s"))
        late = ", and STALE: it lacks orders stored since" if self.generation.get("stale") else ""
        return f"KPI generation {number} is as of {as_of}, {age_s:,.0f} s ago{late}."


async def status(
    channels: Sequence[tuple[Feed, Landing]],
    store: Store,
    now: datetime,
    stale_after_s: float = 60.0,
    latency_file: Path | None = None,
) -> Status:
    """Look everywhere once."""
    latency = last_report(latency_file, now) if latency_file else None
    return Status(await counted(channels, store), await freshness(store, now, stale_after_s), now, latency)


def last_report(file: Path, now: datetime) -> dict[str, Any] | None:
    """What the collector told last; None before its first report, and where the file is not its own."""
    try:
        report = json.loads(file.read_bytes())
        told_at = datetime.fromisoformat(report["told_at"])
        windows = {name: report[name] for name in ("last_minute", "last_hour")}
        age_s = round((now - told_at).total_seconds(), 1)
        return {"told_at": report["told_at"], "age_s": age_s, "budget_s": report["budget_s"], **windows}
    except (OSError, ValueError, KeyError, TypeError):
        return None
