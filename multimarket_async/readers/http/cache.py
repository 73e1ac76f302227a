"""A value that is read once for all who ask for it; an answer that is not sent to a client that has it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")


class Fresh(Generic[T]):
    """A value that is read on demand, at most once in `every_s` seconds.

    stale_s: a value at most this old is returned immediately, while a new one is read in the background.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], every_s: float, stale_s: float = 0.0) -> None:
        self.every_s = every_s
        self._read = read
        self._stale_s = stale_s
        self._value: tuple[float, T] | None = None
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The value. Raises what reading it raises."""
        age_s = time.monotonic() - self._value[0] if self._value else None
        if self._value and age_s is not None and age_s <= self.every_s:
            return self._value[1]
        task = self._reading()
        if self._value and age_s is not None and age_s <= self._stale_s:
            return self._value[1]
        return await asyncio.shield(task)  # a client that disconnects cancels nothing for the others

    def expire(self) -> None:
        """Read again next time."""
        self._value = None
        self._task = None

    def _reading(self) -> asyncio.Task[T]:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._measured())
            self._task.add_done_callback(_retrieved)
        return self._task

    async def _measured(self) -> T:
        task, began = asyncio.current_task(), time.monotonic()
        value = await self._read()
        if self._task is task:  # else it expired meanwhile and may be out of date
            self._value = (began, value)
        return value


def _retrieved(task: "asyncio.Task[T]") -> None:
    """Mark a failure as retrieved: nobody may be waiting for it any more."""
    if not task.cancelled():
        task.exception()


def not_modified(request: Request, headers: dict[str, str]) -> Response | None:
    """304 for a client whose If-None-Match names the ETag of these headers."""
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers) if {headers["ETag"], "*"} & tags else None
