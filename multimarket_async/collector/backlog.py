"""What waits in one channel, oldest first; which files are in hand, and which are left alone for the moment."""

import math
from collections import deque
from typing import NamedTuple

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.landing import Landing, WaitingFile

MOST_LISTED = 50_000  # bounds memory when millions wait; the next look brings the next ones

UNTIL_RELEASED = math.inf


class Taken(NamedTuple):
    """A file in hand. visible_at: when it could first be seen, on the monotonic clock, seconds."""

    feed: Feed
    landing: Landing
    file: WaitingFile
    visible_at: float


class _Left(NamedTuple):
    file: WaitingFile
    since: float
    until: float
    why: str


class Backlog:
    """The waiting files of one feed."""

    def __init__(self, feed: Feed, landing: Landing, clock: Clock) -> None:
        self.feed = feed
        self.landing = landing
        self._clock = clock
        self._listed: deque[WaitingFile] = deque()
        self._looked_at = (0.0, 0.0)
        self._in_hand: set[str] = set()
        self._left: dict[str, _Left] = {}

    def take(self, most_files: int, most_bytes: int) -> list[Taken]:
        """The oldest files, within both bounds; looks into the directory when none is known.

        They are in hand, and not taken again, until `let_go`, `leave` or `forget`.
        """
        if not self._listed:
            self._listed.extend(self._look())
        return self.take_known(most_files, most_bytes)

    def take_known(self, most_files: int, most_bytes: int) -> list[Taken]:
        """The oldest files seen at the last look: those in hand already would be seen again by a new one."""
        taken: list[Taken] = []
        wall_ns, now = self._looked_at
        while self._listed and len(taken) < most_files and most_bytes > 0:
            file = self._listed.popleft()
            most_bytes -= file.bytes
            # A clock set back must not give a negative wait.
            taken.append(Taken(self.feed, self.landing, file, now - max(0, wall_ns - file.changed_ns) / 1e9))
        self._in_hand.update([one.file.where for one in taken])
        return taken

    def _look(self) -> list[WaitingFile]:
        files = self.landing.waiting(MOST_LISTED, but=self._in_hand)  # by the thousand, and known already
        self._forget_gone(files)
        self._looked_at = self._clock.now().timestamp() * 1e9, self._clock.monotonic()
        return [file for file in files if self._is_due(file)]

    def _forget_gone(self, files: list[WaitingFile]) -> None:
        if self._left:
            for gone in self._left.keys() - {file.where for file in files} - self._in_hand:
                self._left.pop(gone, None)

    def _is_due(self, file: WaitingFile) -> bool:
        left = self._left.get(file.where)
        return left is None or self._looked_at[1] >= left.until or not file.unchanged_since(left.file)

    def let_go(self, *files: WaitingFile) -> None:
        """They are no longer in hand: moved, or gone."""
        self._in_hand.difference_update([file.where for file in files])

    def leave(self, file: WaitingFile, for_s: float, why: str = "") -> float:
        """Leave this file alone for a while unless it changes; how long it has been unchanged, seconds."""
        now = self._clock.monotonic()
        left = self._left.get(file.where)
        since = left.since if left and left.why == why and file.unchanged_since(left.file) else now
        self._left[file.where] = _Left(file, since, now + for_s, why)
        self.let_go(file)
        return now - since

    def release(self) -> None:
        """Take also those that were left alone until further notice."""
        self._left = {where: left for where, left in self._left.items() if left.until != UNTIL_RELEASED}

    def forget(self) -> None:
        """Look anew next time: files in hand were not dealt with."""
        self._listed.clear()
        self._in_hand.clear()
