"""Stores a batch: documents are inserted, follow-ups applied, and their partitions marked dirty around both."""

from collections.abc import Mapping, Sequence
from typing import Any

from multimarket_async.collector.lifecycle import followed_up, joined
from multimarket_async.collector.reader import EncodedFollowUp
from multimarket_async.domains import Document, Feed, Lifecycle, Stage
from multimarket_async.errors import Unavailable
from multimarket_async.store import (
    PLACEHOLDER_PARTITION,
    DirtyPartitions,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Placeholder,
    Store,
    compared_by,
)


class Writer:
    """Writes to the store. A batch without follow-ups costs an insert: nothing is looked up for its documents."""

    def __init__(self, store: Store, dirty: DirtyPartitions) -> None:
        self._store = store
        self._dirty = dirty

    async def write(self, feed: Feed, batch: Sequence[Encoded | EncodedFollowUp]) -> list[Outcome]:
        """One outcome for each, in order. Documents are stored before follow-ups of the same batch."""
        documents = [document for document in batch if isinstance(document, Encoded)]
        outcomes = await self._insert(feed, documents)
        if len(documents) == len(batch):
            return outcomes
        inserted = iter(outcomes)
        applied = iter(await self._apply(feed, [event for event in batch if isinstance(event, EncodedFollowUp)]))
        return [next(inserted) if isinstance(document, Encoded) else next(applied) for document in batch]

    async def _insert(self, feed: Feed, documents: Sequence[Encoded]) -> list[Outcome]:
        async with self._dirty.around(feed.table.name, {document.partition for document in documents}):
            outcomes = await self._store.insert(feed.table.name, documents)
            placeholders = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Placeholder)]
            if placeholders:
                joins = await self._join(feed, [documents[index] for index in placeholders])
                for index, outcome in zip(placeholders, joins, strict=True):
                    outcomes[index] = outcome
        return outcomes

    async def _join(self, feed: Feed, documents: Sequence[Encoded]) -> list[Outcome]:
        """Documents whose follow-ups came before them."""
        lifecycle = _lifecycle(feed)
        changes = [joined(document, lifecycle) for document in documents]
        refused = await self._store.update_with_pipeline(feed.table.name, changes)
        stored = await self._stored(feed, documents)
        return [
            refused.get(index) or _outcome(document.bson["ingestion"], stored.get(document.key, {}).get("ingestion"))
            for index, document in enumerate(documents)
        ]

    async def _apply(self, feed: Feed, events: Sequence[EncodedFollowUp]) -> list[Outcome]:
        """Follow-ups. Only their document names its partition, and another process may insert it meanwhile."""
        lifecycle = _lifecycle(feed)
        before = _partitions(await self._stored(feed, events))
        async with self._dirty.around(feed.table.name, before):
            changes = [followed_up(event, lifecycle) for event in events]
            refused = await self._store.update_with_pipeline(feed.table.name, changes)
            stored = await self._stored(feed, events, lifecycle.history)
        async with self._dirty.around(feed.table.name, _partitions(stored) - before):
            pass  # inserted in between: the marks of its own insert may be cleared since
        return [
            refused.get(index)
            or _outcome(event.event["ingestion"], _source(event, stored.get(event.key, {}), lifecycle))
            for index, event in enumerate(events)
        ]

    async def _stored(
        self, feed: Feed, batch: Sequence[Encoded | EncodedFollowUp], *fields: str
    ) -> dict[str, Document]:
        """The stored documents under these keys: `ingestion`, and these fields."""
        keys = list({document.key for document in batch})
        projection: Stage = {"$project": dict.fromkeys(("ingestion", *fields), 1)}
        stages: list[Stage] = [{"$match": {"_id": {"$in": keys}}}, projection]
        return {document["_id"]: document async for document in self._store.aggregate(feed.table.name, stages)}


def _lifecycle(feed: Feed) -> Lifecycle:
    if feed.table.lifecycle is None:
        raise LookupError(f"{feed.name} declares no lifecycle")
    return feed.table.lifecycle


def _partitions(stored: Mapping[str, Document]) -> set[str]:
    partitions = (document.get("ingestion", {}).get("partition") for document in stored.values())
    return {partition for partition in partitions if partition not in (None, PLACEHOLDER_PARTITION)}


def _source(follow_up: EncodedFollowUp, document: Document, lifecycle: Lifecycle) -> Mapping[str, Any] | None:
    """The source of the same event in the stored document."""
    sources = (
        event["ingestion"]
        for event in document.get(lifecycle.history, [])
        if "ingestion" in event
        and all(event[name] == follow_up.event[name] for name in (lifecycle.state, lifecycle.at))
    )
    return next(sources, None)


def _outcome(mine: Mapping[str, Any], stored: Mapping[str, Any] | None) -> Outcome:
    """Inserted where it was stored from this file, Exists where from another one before."""
    if not stored or "sha256" not in stored:
        raise Unavailable("a change is not yet durable")
    if (stored["file"], stored["sha256"]) == (mine["file"], mine["sha256"]):
        return Inserted()
    return Exists(compared_by(stored))
