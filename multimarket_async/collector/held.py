"""Feeds whose files cannot be stored, though MongoDB answers: shown, tried again with a back-off, in nobody's way."""

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import Backlog
from multimarket_async.tasks import RETRY_MAX_S, RETRY_MIN_S, Tasks


class Held:
    """The held backlogs. Their files are deferred, and taken again when it is time for the next try."""

    def __init__(self, tasks: Tasks, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._pauses: dict[Backlog, tuple[float, float]] = {}  # when it is over, how long it is
        self._tried = set[Backlog]()

    def hold(self, backlog: Backlog, why: Exception) -> None:
        """Hold a backlog from now on, longer each time."""
        now = self._clock.monotonic()
        over_at, pause_s = self._pauses.get(backlog, (now, RETRY_MIN_S / 2))
        if now >= over_at:  # batches in flight fail together
            pause_s = min(2 * pause_s, RETRY_MAX_S)
            self._pauses[backlog] = now + pause_s, pause_s
        self._tried.discard(backlog)
        self._tasks.failed(_task(backlog), why)

    def retry(self, *backlogs: Backlog) -> None:
        """Take the files of held backlogs again where it is time."""
        for backlog in self._pauses.keys() & set(backlogs):
            if self._clock.monotonic() >= self._pauses[backlog][0]:
                self._tried.add(backlog)
                backlog.undefer()

    def end(self, *backlogs: Backlog) -> None:
        """Hold those no longer of which all files were tried again, and none failed."""
        for backlog in self._tried & set(backlogs):
            self._tried.discard(backlog)
            del self._pauses[backlog]
            self._tasks.works(_task(backlog))


def _task(backlog: Backlog) -> str:
    return f"collector.{backlog.feed.name}"
