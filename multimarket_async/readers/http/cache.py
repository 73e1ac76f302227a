"""Looking something up once for everybody who asks for it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Fresh(Generic[T]):
    """A value that is looked up at most every `every_s` seconds, when somebody asks.

    stale_s: a value at most this old is given at once, while a new one is looked up behind the scenes.
    """

    def __init__(self, look: Callable[[], Awaitable[T]], every_s: float, stale_s: float = 0.0) -> None:
        self.every_s = every_s
        self._look = look
        self._stale_s = stale_s
        self._found: tuple[float, T] | None = None
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The value. Raises what looking it up raises."""
        age_s = time.monotonic() - self._found[0] if self._found else None
        if self._found and age_s is not None and age_s <= self.every_s:
            return self._found[1]
        task = self._looking()
        if self._found and age_s is not None and age_s <= self._stale_s:
            return self._found[1]
        return await asyncio.shield(task)  # one who goes away takes nothing from the others

    def expire(self) -> None:
        """Look again next time."""
        self._found = None
        self._task = None

    def _looking(self) -> asyncio.Task[T]:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._looked())
            self._task.add_done_callback(_retrieved)
        return self._task

    async def _looked(self) -> T:
        task, began = asyncio.current_task(), time.monotonic()
        value = await self._look()
        if self._task is task:  # else it was expired meanwhile, and may say what is no longer so
            self._found = (began, value)
        return value


class Memo(Generic[K, T]):
    """What was made for a key, for the `most` keys asked for last; made once, however many ask at the same time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[K, asyncio.Future[T]] = OrderedDict()

    async def get(self, key: K, make: Callable[[], Awaitable[T]]) -> T:
        """The value of this key. What `make` raises is raised to all who wait, and not kept."""
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(make())
            self._made[key].add_done_callback(lambda done: self._forget_failed(key, done))
            while len(self._made) > self._most:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return await asyncio.shield(self._made[key])

    def _forget_failed(self, key: K, done: "asyncio.Future[T]") -> None:
        if (done.cancelled() or done.exception()) and self._made.get(key) is done:
            del self._made[key]


def _retrieved(task: "asyncio.Task[T]") -> None:
    """DirtyMark a failure as seen: where nobody waits for it any more, the next one asks anew."""
    if not task.cancelled():
        task.exception()
