"""Alerts in the database: the state of each rule, and messages until they are sent, by whichever process."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from multimarket_async.store.documents import Stage
from multimarket_async.store.driver import Document
from multimarket_async.store.mongo import Store

ALERTS, MESSAGES = "kpi_alerts", "kpi_alert_messages"
CLAIMED = timedelta(minutes=2)  # longer than a message takes: of a process that died, another one sends it then
KEPT = timedelta(days=30)


class AlertStates:
    """One small document for each rule."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> dict[str, Document]:
        """The state of every rule that was ever evaluated, by its name."""
        return {state["_id"]: state async for state in self._store.aggregate(ALERTS, [{"$sort": {"_id": 1}}])}

    async def write(self, rule: str, state: Document, seen: int) -> None:
        """Write a state if it is still of the version that was seen; 0: there was none."""
        if not seen:
            await self._store.insert_if_absent(ALERTS, {"_id": rule, "version": 1, **state})
            return
        unchanged = {"_id": rule, "version": seen}
        await self._store.update(ALERTS, [(unchanged, {"$set": {**state, "version": seen + 1}})], insert=False)


class AlertMessages:
    """Messages to receivers, each until it is sent, and for a while afterwards: so none is sent by two processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def insert(self, message: Document, receivers: Collection[str], at: datetime) -> None:
        """Insert a message for each receiver, if it is not there."""
        for receiver in receivers:
            waiting: dict[str, Any] = {"receiver": receiver, "claimed_until": at, "by": "", "sent_at": None}
            await self._store.insert_if_absent(MESSAGES, {**message, "_id": f"{message['_id']} {receiver}", **waiting})

    async def claim(self, receiver: str, by: str, now: datetime) -> Document | None:
        """The oldest message that waits for a receiver, which nobody else sends meanwhile. by: the process."""
        waiting = {"receiver": receiver, "sent_at": None}
        stages: list[Stage] = [{"$match": waiting}, {"$sort": {"at": 1, "_id": 1}}, {"$limit": 1}]
        for oldest in [each async for each in self._store.aggregate(MESSAGES, stages)]:
            free = {"_id": oldest["_id"], **waiting, "claimed_until": {"$lte": now}}
            claimed = {"$set": {"by": by, "claimed_until": now + CLAIMED}}
            await self._store.update(MESSAGES, [(free, claimed)], insert=False)
            mine: list[Stage] = [{"$match": {"_id": oldest["_id"], "by": by, "claimed_until": now + CLAIMED}}]
            return next(iter([dict(each) async for each in self._store.aggregate(MESSAGES, mine)]), None)
        return None

    async def release(self, message: Document, now: datetime) -> None:
        """Leave a claimed message to the next try."""
        await self._store.update(MESSAGES, [({"_id": message["_id"]}, {"$set": {"claimed_until": now}})], insert=False)

    async def end(self, message: Document, now: datetime) -> None:
        """Note that a message was sent, or is given up."""
        await self._store.update(MESSAGES, [({"_id": message["_id"]}, {"$set": {"sent_at": now}})], insert=False)

    async def expire(self, now: datetime) -> None:
        """Delete messages that were sent long ago."""
        old: list[Stage] = [{"$match": {"sent_at": {"$lt": now - KEPT}}}, {"$project": {"_id": 1}}]
        await self._store.remove(MESSAGES, [each["_id"] async for each in self._store.aggregate(MESSAGES, old)])
