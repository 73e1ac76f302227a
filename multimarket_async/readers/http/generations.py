"""Generations, read once however many ask for them."""

from datetime import datetime
from typing import Any

from multimarket_async.readers import ledger
from multimarket_async.readers.http.cache import Fresh, Memo
from multimarket_async.store import Store

LOOK_EVERY_S = 1.0  # another process may publish, and tells nobody here
MOST_KEPT = 8


class Generations:
    """The newest, looked for at most once a second, and those that were asked for lately."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest = Fresh(lambda: ledger.generation(store), LOOK_EVERY_S)
        self._older: Memo[tuple[int | None, datetime | None], dict[str, Any]] = Memo(MOST_KEPT)

    async def get(self, number: int | None = None, at: datetime | None = None) -> dict[str, Any]:
        """As `ledger.generation`."""
        if number is None and at is None:
            return await self._newest.get()
        newest = await self._newest.get()
        if number == newest["_id"] and at is None:
            return newest
        # The newest at a moment may change while that moment is not over, or not yet measured.
        if at is not None and at >= newest["as_of"]:
            return await ledger.generation(self._store, number, at)
        return await self._older.get((number, at), lambda: ledger.generation(self._store, number, at))

    async def newest(self) -> dict[str, Any] | None:
        """The newest; None before the first."""
        try:
            return await self._newest.get()
        except ledger.NotKept:
            return None

    def published(self) -> None:
        """There is a newer one."""
        self._newest.expire()
