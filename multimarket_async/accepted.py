"""Files that the database knows: those that it accepted from a feed, by their contents and by their number."""

from collections import Counter
from collections.abc import Sequence

from multimarket_async.feeds import Feed, Lifecycle, Table
from multimarket_async.store import CHANGED, RECEIPTS, Store
from multimarket_async.store.documents import Stage


async def accepted(store: Store, feed: Feed, digests: Sequence[str]) -> set[str]:
    """The ones among these digests that are of an accepted file, as it was received or without erased records."""
    known = {row["_id"] async for row in store.aggregate(RECEIPTS, _receipts(feed, digests))}
    if not feed.has_receipts:
        known |= {row["_id"] async for row in store.aggregate(feed.table.name, _documents(feed, digests))}
    return known


def sources(lifecycle: Lifecycle | None) -> list[Stage]:
    """A row for each file of a single record: its feed and its archive. Others have receipts."""
    return [
        *_deliveries(lifecycle),
        {"$match": {"source.feed": {"$type": "string"}, "source.receipt": {"$exists": False}}},
        {"$group": {"_id": {name: f"$source.{name}" for name in ("feed", "sha256", "archive")}}},
        {"$project": {"feed": "$_id.feed", "archive": "$_id.archive"}},
    ]


async def stored_files(store: Store, table: Table, *first: Stage) -> Counter[tuple[str, str]]:
    """The number of files of documents by feed and archive. first: stages that choose the documents."""
    count = {"$group": {"_id": {"feed": "$feed", "archive": "$archive"}, "files": {"$sum": 1}}}
    rows = store.aggregate(table.name, [*first, *sources(table.lifecycle), count])
    return Counter({(row["_id"]["feed"], row["_id"].get("archive") or ""): row["files"] async for row in rows})


def _receipts(feed: Feed, digests: Sequence[str]) -> list[Stage]:
    wanted = {"$in": list(digests)}
    accepted = {
        "feed": feed.name,
        "outcome": {"$ne": CHANGED},
        "$or": [{"sha256": wanted}, {"contents.sha256": wanted}],
    }
    both = {"$concatArrays": [["$sha256"], {"$ifNull": ["$contents.sha256", []]}]}
    return [{"$match": accepted}, {"$project": {"sha256": both}}, *_of(wanted)]


def _documents(feed: Feed, digests: Sequence[str]) -> list[Stage]:
    own: list[Stage] = [{"$match": {"source.feed": feed.name}}, {"$project": {"sha256": ["$source.sha256"]}}]
    return [*_deliveries(feed.table.lifecycle), *own, *_of({"$in": list(digests)})]


def _deliveries(lifecycle: Lifecycle | None) -> list[Stage]:
    """A row for each delivery of documents: itself and its follow-ups."""
    events = f"${lifecycle.history}.ingestion" if lifecycle else []
    follow_ups = {"$cond": [{"$isArray": [events]}, events, []]}  # it is something else in documents of another hand
    return [{"$project": {"_id": 0, "source": {"$concatArrays": [["$ingestion"], follow_ups]}}}, {"$unwind": "$source"}]


def _of(wanted: Stage) -> list[Stage]:
    return [{"$unwind": "$sha256"}, {"$match": {"sha256": wanted}}, {"$group": {"_id": "$sha256"}}]
