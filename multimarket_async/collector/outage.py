"""Interruption of collecting: something outside, such as MongoDB, is unavailable."""

import structlog

from multimarket_async.clock import Clock

log = structlog.get_logger()


class Outage:
    """The outage in progress, if any, logged when it begins and when it ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    def begin(self, why: Exception) -> None:
        """Something failed; only the first failure of an outage is logged."""
        if self._since is None:
            self._since = self._clock.monotonic()
            log.warning("collection.interrupted", why=str(why))

    def end(self) -> None:
        """Something succeeded."""
        if self._since is not None:
            log.info("collection.resumed", after_s=round(self._clock.monotonic() - self._since, 1))
            self._since = None
