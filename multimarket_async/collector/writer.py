"""From what files say to what is stored: documents are inserted, follow-ups applied, partitions marked around both."""

from collections.abc import Mapping, Sequence
from typing import Any

from multimarket_async.collector.batch import EncodedFollowUp
from multimarket_async.collector.lifecycle import followed_up, joined
from multimarket_async.domains import Document, Lifecycle, Stage
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
    """Writes to the store. lives: of the collections in which there are follow-ups.

    Documents without any cost what an insert costs: nothing is looked up for them.
    """

    def __init__(self, store: Store, marks: DirtyPartitions, lives: Mapping[str, Lifecycle]) -> None:
        self._store = store
        self._dirty = marks
        self._lives = lives

    async def write(self, collection: str, said: Sequence[Encoded | EncodedFollowUp]) -> list[Outcome]:
        """One outcome for each, in order. Documents go first, and meet their follow-ups of the same batch there."""
        documents = [one for one in said if isinstance(one, Encoded)]
        outcomes = await self._insert(collection, documents)
        if len(documents) == len(said):
            return outcomes
        inserted = iter(outcomes)
        news = [one for one in said if isinstance(one, EncodedFollowUp)]
        applied = iter(await self._apply(collection, news))
        return [next(inserted) if isinstance(one, Encoded) else next(applied) for one in said]

    async def _insert(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        async with self._dirty.around(collection, {one.partition for one in documents}):
            outcomes = await self._store.insert(collection, documents)
            awaited = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Placeholder)]
            if awaited:
                found = await self._join(collection, [documents[index] for index in awaited])
                for index, outcome in zip(awaited, found, strict=True):
                    outcomes[index] = outcome
        return outcomes

    async def _join(self, collection: str, documents: Sequence[Encoded]) -> list[Outcome]:
        """Documents, with the follow-ups that came before them."""
        life = self._lives[collection]
        refused = await self._store.update_with_pipeline(collection, [joined(one, life) for one in documents])
        there = await self._look(collection, documents)
        return [
            refused.get(index) or _outcome(one.bson["ingestion"], there.get(one.key, {}).get("ingestion"))
            for index, one in enumerate(documents)
        ]

    async def _apply(self, collection: str, news: Sequence[EncodedFollowUp]) -> list[Outcome]:
        """Follow-ups. What they change is known by their document only, which another process may insert meanwhile."""
        life = self._lives[collection]
        before = _partitions(await self._look(collection, news))
        async with self._dirty.around(collection, before):
            refused = await self._store.update_with_pipeline(collection, [followed_up(one, life) for one in news])
            there = await self._look(collection, news, life.history)
        async with self._dirty.around(collection, _partitions(there) - before):
            pass  # it came in between: its own marks may be gone since
        return [
            refused.get(index) or _outcome(one.event["ingestion"], _kept(one, there.get(one.key, {}), life))
            for index, one in enumerate(news)
        ]

    async def _look(
        self, collection: str, said: Sequence[Encoded | EncodedFollowUp], *fields: str
    ) -> dict[str, Document]:
        """What is there under their keys: `ingestion`, and these fields."""
        keys = list({one.key for one in said})
        fetched: Stage = {"$project": dict.fromkeys(("ingestion", *fields), 1)}
        stages: list[Stage] = [{"$match": {"_id": {"$in": keys}}}, fetched]
        return {one["_id"]: one async for one in self._store.aggregate(collection, stages)}


def _partitions(there: Mapping[str, Document]) -> set[str]:
    found = (one.get("ingestion", {}).get("partition") for one in there.values())
    return {partition for partition in found if partition not in (None, PLACEHOLDER_PARTITION)}


def _kept(news: EncodedFollowUp, document: Document, life: Lifecycle) -> Mapping[str, Any] | None:
    """Where the same event came from, as the document tells."""
    same = (
        one["ingestion"]
        for one in document.get(life.history, [])
        if "ingestion" in one and all(one[name] == news.event[name] for name in (life.state, life.at))
    )
    return next(same, None)


def _outcome(mine: Mapping[str, Any], kept: Mapping[str, Any] | None) -> Outcome:
    """Stored from my file, or from another one before."""
    if not kept or "sha256" not in kept:
        raise Unavailable("a change is not yet durable")
    if (kept["file"], kept["sha256"]) == (mine["file"], mine["sha256"]):
        return Inserted()
    return Exists(compared_by(kept))
