"""Things that clients can make happen as often as they like, each of which is logged once in a while."""

from collections.abc import Hashable
from time import monotonic

MOST_KEYS = 1000


class Occurrences:
    """The latest keys: when each was logged, and how often it occurred since then.

    every_s: pause between two lines about a key.
    """

    def __init__(self, every_s: float = 60.0) -> None:
        self._every_s = every_s
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def count(self, key: Hashable) -> int:
        """Occurrences to log now, with this one; 0 if some were logged less than that pause ago."""
        now = monotonic()
        logged_at, unlogged = self._seen.pop(key, (now - self._every_s, 0))
        due = unlogged + 1 if now - logged_at >= self._every_s else 0
        self._seen[key] = (now, 0) if due else (logged_at, unlogged + 1)
        if len(self._seen) > MOST_KEYS:
            del self._seen[next(iter(self._seen))]
        return due
