"""The victims' log: told once is told enough."""

import json
from collections import Counter
from pathlib import Path

from multimarket_async.torture.history import Violation
from multimarket_async.torture.victim import LOG

MOST = 60
ONE_PER_OUTCOME = frozenset({"file.quarantined", "batch.collected", "generation.published"})


def floods(data_dir: Path) -> list[Violation]:
    """Events that came far more often than anything happened; lines that are no JSON."""
    events: Counter[str] = Counter()
    lines = (data_dir / LOG).read_text("utf-8").splitlines(keepends=True)
    for line in lines:
        try:
            events[json.loads(line)["event"]] += 1
        except ValueError:
            if line.endswith("\n"):  # else a kill cut it
                return [Violation(f"a log line is not JSON: {line[:200]!r}")]
    told = {event: times for event, times in events.items() if times > MOST and event not in ONE_PER_OUTCOME}
    return [Violation(f"the log says {event} {times} times") for event, times in told.items()]
