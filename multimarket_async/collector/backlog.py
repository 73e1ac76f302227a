"""The backlog of one feed, oldest file first: which files are in flight, and which are deferred."""

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing, WaitingFile

log = structlog.get_logger()

MAX_LISTED = 50_000  # bounds memory when millions wait; the next scan brings the next ones

UNTIL_RELEASED = math.inf
STUCK = "stuck"  # reason to defer a file that cannot be moved


class Scan(NamedTuple):
    """The time of a scan: by the wall, nanoseconds since 1970, and on the monotonic clock, seconds."""

    wall_ns: float
    monotonic_s: float

    def visible_at(self, file: WaitingFile) -> float:
        """The first time at which a file of this scan could be seen, on the monotonic clock, seconds."""
        # A clock set back must not give a negative wait.
        return self.monotonic_s - max(0, self.wall_ns - file.changed_ns) / 1e9


class _Deferred(NamedTuple):
    file: WaitingFile
    since: float
    until: float
    reason: str


class Backlog:
    """The waiting files of one feed. One thread takes them, another one may release or defer them meanwhile.

    quiet_s: a file is due when it has not changed for so many seconds. takes: the files that belong to this backlog.
    """

    def __init__(
        self,
        feed: Feed,
        landing: Landing,
        clock: Clock,
        *,
        quiet_s: float = 0.0,
        takes: Callable[[WaitingFile], bool] = lambda _: True,
    ) -> None:
        self.feed = feed
        self.landing = landing
        self.scanned = Scan(0.0, 0.0)
        self._clock = clock
        self._quiet_ns = quiet_s * 1e9
        self.takes = takes
        self._unreadable = False
        self._listed: deque[WaitingFile] = deque()
        self._in_flight: set[str] = set()
        self._deferred: dict[str, _Deferred] = {}

    def take(self, max_files: int, max_bytes: int) -> list[WaitingFile]:
        """The oldest files of one scan, within both bounds; scans the directory when none is listed.

        They are in flight, and not taken again, until `release`, `defer` or `requeue`. Raises Unavailable.
        """
        if not self._listed:
            self._listed.extend(self._scan())
        taken: list[WaitingFile] = []
        while self._listed and len(taken) < max_files and max_bytes > 0:
            taken.append(self._listed.popleft())
            max_bytes -= taken[-1].bytes
        self._in_flight.update([file.where for file in taken])
        return taken

    def take_readable(self, max_files: int, max_bytes: int) -> list[WaitingFile]:
        """The same, and no file where the directory cannot be listed, or is full: it holds up no other feed."""
        self.landing.restore()
        if self.landing.full:
            return []
        try:
            if not self._listed:
                self.landing.restore_directory()
            files = self.take(max_files, max_bytes)
        except Unavailable as why:
            if not self._unreadable:
                log.warning("feed.unreadable", feed=self.feed.name, why=str(why))
            self._unreadable = True
            return []
        self._unreadable = False
        return files

    def _scan(self) -> list[WaitingFile]:
        known = self._in_flight | self._resting()  # for a file released meanwhile the next scan is soon enough
        files = self.landing.waiting(MAX_LISTED, but=known)  # they may be thousands
        self.landing.report_unknown()
        if self._deferred:
            for gone in self._deferred.keys() - {file.where for file in files} - known:
                self._deferred.pop(gone, None)
        self.scanned = Scan(self._clock.now().timestamp() * 1e9, self._clock.monotonic())
        return [file for file in files if self.takes(file) and self._is_due(file)]

    def _resting(self) -> set[str]:
        """Stuck files before their next try: each scan would look at thousands of them in vain."""
        now = self._clock.monotonic()
        return {where for where, file in self._deferred.items() if file.reason == STUCK and now < file.until}

    def _is_due(self, file: WaitingFile) -> bool:
        # A time of writing in the future is none; that of the last change cannot be set.
        if self._quiet_ns and self.scanned.wall_ns - min(file.written_ns, file.changed_ns) < self._quiet_ns:
            return False
        deferred = self._deferred.get(file.where)
        if deferred is None or not file.unchanged_since(deferred.file):
            return True
        return self.scanned.monotonic_s >= deferred.until

    def release(self, *files: WaitingFile) -> None:
        """They are no longer in flight: moved, or gone."""
        self._in_flight.difference_update([file.where for file in files])

    def defer(self, file: WaitingFile, for_s: float, reason: str) -> float:
        """Do not take this file for a while unless it changes; how long it has been deferred unchanged, seconds."""
        now = self._clock.monotonic()
        before = self._deferred.get(file.where)
        same = before and before.reason == reason and file.unchanged_since(before.file)
        since = before.since if before and same else now
        self._deferred[file.where] = _Deferred(file, since, now + for_s, reason)
        self.release(file)
        return now - since

    def requeue(self) -> None:
        """Scan anew next time: files in flight were not dealt with."""
        self._listed.clear()
        self._in_flight.clear()

    def undefer(self) -> None:
        """Take also the files that were deferred until released."""
        self._deferred = {where: file for where, file in self._deferred.items() if file.until != UNTIL_RELEASED}
