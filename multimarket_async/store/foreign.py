"""Collections and indexes that somebody else made where ours should be: what they would do to our documents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from multimarket_async.clock import Clock
from multimarket_async.errors import OperationFailed
from multimarket_async.store.documents import Stage
from multimarket_async.store.driver import Document
from multimarket_async.store.mongo import Store

# What a document of ours has: others in these collections are counted, and otherwise as if they were not there.
NUMBER: Document = {"$lt": 1 << 62}  # of a generation, and no text or object
GENERATION: Document = {"_id": NUMBER, "as_of": {"$type": "date"}, "kpis": {"$type": "object"}}
NO_LIST: Document = {"$not": {"$type": "array"}}  # $type and $eq find what is in a list too
VERSION: Document = {
    "version": {"$type": "long", **NO_LIST},
    "partition": {"$type": ["string", "null"], **NO_LIST},
    "collection": {"$type": "string", **NO_LIST},
}

RECHECK_S = 10.0
REMEDY = "rename or drop it, and MultiMarket creates its own"


class Fitness:
    """Collections that were found fit to store in are looked at again after a while."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._fit_until: dict[str, float] = {}

    async def require(self, *collections: str) -> None:
        """Raise OperationFailed if documents would be lost or mixed up in one of these."""
        now = self._clock.monotonic()
        due = [name for name in collections if self._fit_until.get(name, now) <= now]
        if not due:
            return
        for name, described in (await self._described(due)).items():
            if why := unfit(described):
                raise OperationFailed(f"nothing can be stored in {name}: it is {why}; {REMEDY}")
        self._fit_until.update(dict.fromkeys(due, now + RECHECK_S))

    async def _described(self, collections: list[str]) -> Mapping[str, Mapping[str, Any]]:
        try:
            return await self._store.describe(*collections)
        except OperationFailed:  # a user may be allowed to write, and not to look
            return {}


async def strangers(store: Store, collection: str, *conditions: Document) -> int:
    """The number of documents of a collection that meet all of these. Raises OperationFailed."""
    stages: list[Stage] = [{"$match": {"$and": [*conditions]}}, {"$count": "documents"}]
    return sum([found["documents"] async for found in store.aggregate(collection, stages)])


def unfit(described: Mapping[str, Any]) -> str | None:
    """The reason why nothing can be stored in a collection that is described so; None if it can."""
    options = described.get("options", {})
    if described.get("type") == "view":
        return "a view"
    if described.get("type") == "timeseries":
        return "a time-series collection, which stores a key twice"
    if options.get("capped"):
        return "a capped collection, which drops its oldest documents"
    if options.get("collation"):
        return "a collection with a collation, in which different keys are equal"
    return None


def harmful(indexes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Sentences about indexes that refuse documents, or delete them; none of ours does."""
    for index in indexes:
        fields = ", ".join(index["key"])
        if "expireAfterSeconds" in index:
            yield f"its index {index['name']} deletes documents after a while: drop it"
        elif index.get("unique") and [*index["key"]] != ["_id"]:
            yield f"its index {index['name']} refuses a second document with the same {fields}: drop it"
