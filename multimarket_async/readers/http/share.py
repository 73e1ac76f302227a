"""The share of the processor that requests get: collecting has the rest, whatever clients ask for.

The processor time that requests take is measured, step by step: on a busy machine they are slower, and not refused. An
address that has used up its part waits for its turn: a client that waits for its answer before it asks again is slowed
down, and costs nothing meanwhile.
"""

from asyncio import Lock, sleep, timeout
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from time import monotonic, thread_time
from types import coroutine
from typing import Any, TypeAlias

from starlette.types import Receive, Scope, Send

SHARE = 0.4
SAVED_S = 8.0  # what was not used for so long can be used up in a row
WITHIN_S = 5.0  # then a request is refused
WATCHED = {"/livez": 0.2, "/readyz": 0.2}  # then these are answered, turn or not
UNSEEN_S = 0.0002  # a request takes so much before and after what is measured
App: TypeAlias = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


class Turns:
    """The turns of one address. free_at: when it has paid off what it used."""

    def __init__(self) -> None:
        self.free_at = 0.0
        self._first = Lock()

    async def waited(self, most_s: float) -> bool:
        """Wait for the next turn; False if it did not come in this time."""
        with suppress(TimeoutError):
            async with timeout(most_s), self._first:
                if (left_s := self.free_at - monotonic()) > 0:
                    await sleep(left_s)
            return True
        return False

    def use(self, seconds: float, share: float) -> None:
        """Count so much as used just now; it is paid off as time goes by."""
        self.free_at = max(self.free_at, monotonic() - seconds - SAVED_S) + seconds / share


class Share:
    """Stands before an application. busy: answers for it where a request would wait too long."""

    def __init__(self, app: App, busy: App) -> None:
        self._app = app
        self._busy = busy
        self._turns: dict[str, Turns] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request in its turn."""
        turns, watched_s = self._of(scope["client"][0] if scope.get("client") else ""), WATCHED.get(scope["path"])
        on_time = await turns.waited(watched_s or WITHIN_S)
        app = self._app if on_time or watched_s else self._busy
        await _measured(app(scope, receive, send), lambda seconds: turns.use(seconds, SHARE / (len(self._turns) or 1)))

    def _of(self, address: str) -> Turns:
        """The turns of an address. One that has saved all it can is forgotten, and takes no part."""
        quiet = [name for name, turns in self._turns.items() if turns.free_at < monotonic() - SAVED_S]
        for name in quiet:
            del self._turns[name]
        return self._turns.setdefault(address, Turns())


@coroutine
def _measured(handling: Coroutine[Any, Any, None], use: Callable[[float], None]) -> Generator[Any, Any, None]:
    """Run it to its end; `use` is called after each of its steps, with what the step took."""
    use(UNSEEN_S)
    step = partial(handling.send, None)
    while True:
        began = thread_time()
        try:
            awaited = step()
        except StopIteration:
            return
        finally:
            use(thread_time() - began)
        try:
            step = partial(handling.send, (yield awaited))
        except BaseException as error:  # noqa: BLE001 - cancelled: it is for the handling
            step = partial(handling.throw, error)
