"""Polled APIs: the interface between the domains that know an API and the poller that asks it."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Answer(NamedTuple):
    """The body of one answer, and the name of the file that it becomes."""

    name: str
    content: bytes


class Http(Protocol):
    """An HTTP client that checks TLS, bounds bodies and times, retries what may pass, and logs no secret."""

    async def get(self, url: str, *, params: Mapping[str, Any] = {}, headers: Mapping[str, str] = {}) -> bytes | None:
        """The body of a successful answer; None where it has not changed since it was last landed.

        Raises Unavailable after the last retry.
        """


@dataclass(frozen=True, slots=True)
class Poll:
    """An API that is asked every `every_s` seconds.

    fetch: yields the answers of one poll, page by page. They land as a whole set, or not at all if it raises.
    """

    every_s: float
    fetch: Callable[[Http], AsyncIterator[Answer]]
