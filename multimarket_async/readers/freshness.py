"""How old the newest numbers are, and whether something stored is still not in them."""

from datetime import datetime
from typing import Any

from multimarket_async.store import GENERATIONS, Store
from multimarket_async.store.dirty import DIRTY


async def freshness(store: Store, now: datetime, stale_after_s: float) -> dict[str, Any] | None:
    """The newest generation: number, as_of, age_s, and more; None before the first.

    A quiet night makes numbers old, but not stale: stale are those that orders stored longer than
    `stale_after_s` ago are not in. behind_s: how long the oldest of these has been waiting.
    """
    newest = await store.newest(GENERATIONS)
    if newest is None:
        return None
    waiting = [mark["at"] async for mark in store.aggregate(DIRTY, [{"$sort": {"at": 1}}, {"$limit": 1}])]
    behind_s = round((now - waiting[0]).total_seconds(), 1) if waiting else 0.0
    event = newest.get("newest_event")
    return {
        "number": newest["_id"],
        "as_of": newest["as_of"].isoformat(),
        "age_s": round((now - newest["as_of"]).total_seconds(), 1),
        "newest_event": event.isoformat() if event else None,
        **{name: newest.get(name) for name in ("seconds", "definition", "quarantined", "drift")},
        "behind_s": behind_s,
        "stale": behind_s > stale_after_s,
    }
