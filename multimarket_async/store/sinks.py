"""The state of each sink, for those who look: which generation it holds, and since when it fails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from multimarket_async.store.mongo import Store

STATES = "kpi_sinks"
EXPORTS = "export"  # the sink that is on with a domain that declares an export


class SinkStates:
    """The states in the database, one small document for each sink."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def written(self, sink: str, at: datetime, ledger: str, generation: int, exporting: Sequence[str]) -> None:
        """Note the generation that a sink holds now. exporting: the domains that declare an export."""
        held = {"ledger": ledger, "generation": generation, "written_at": at, "failing_since": None, "why": ""}
        held["exporting"] = list(exporting)
        await self._store.update(STATES, [({"_id": sink}, {"$set": held})])

    async def failed(self, sink: str, at: datetime, why: str) -> None:
        """Note the failure, since the first one of its kind in a row."""
        failing = {"why": {"$literal": why}, "failing_since": {"$ifNull": ["$failing_since", at]}}
        await self._store.update(STATES, [({"_id": sink}, [{"$set": failing}])])

    async def all(self) -> dict[str, dict[str, Any]]:
        """The state of every sink that was ever on, by its name."""
        return {state["_id"]: state async for state in self._store.aggregate(STATES, [])}
