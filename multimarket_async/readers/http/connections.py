"""Connections of HTTP clients: no more than so many, and none for long without the head of a request."""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_WITHIN_S = 10.0


class Connection(H11Protocol):
    """A connection, which is closed when no whole head of a request came for HEAD_WITHIN_S.

    waiting: all that wait for a head, oldest first. Beyond `most` connections the oldest of these makes room for the
    new one: a client that sends its request is served, however many others only connect.
    """

    def __init__(self, *arguments: Any, waiting: dict["Connection", None], most: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting = waiting
        self._most = most
        self._late: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for a request; where there are too many, another connection ends, or this one."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            next(iter(self._waiting), self).transport.abort()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Begin a request if its head is whole."""
        super().handle_events()
        if self.cycle and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request. What is left of a body is none."""
        self._await_head()
        super().on_response_complete()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._waiting[self] = None
        self._late = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._waiting.pop(self, None)
        if self._late:
            self._late.cancel()
