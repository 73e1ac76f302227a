"""The files of each feed by place: received = waiting + stored + duplicate + quarantined."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from multimarket_async.domains import Feed, Lifecycle, Stage
from multimarket_async.landing import Landing, UnknownFiles
from multimarket_async.store import PLACEHOLDER_PARTITION, Store


@dataclass(frozen=True)
class FeedFiles:
    """The files of one feed.

    oldest_since: arrival of the oldest waiting file; None if none waits.
    early: follow-ups, among those stored, whose document has not come.
    unknown: other entries of its landing directory, which stay there.
    rejects: rejected records of archived files that are listed in quarantine, by code.
    """

    feed: str
    waiting: int
    waiting_bytes: int
    oldest_since: datetime | None
    archived: int = 0
    stored: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    early: int = 0
    unknown: UnknownFiles = field(default_factory=UnknownFiles)
    rejects: Counter[str] = field(default_factory=Counter)

    @property
    def duplicate(self) -> int:
        """Archived files whose documents were stored before from another file."""
        return self.archived - self.stored

    @property
    def received(self) -> int:
        """Each file that ever landed is in exactly one of three places."""
        return self.waiting + self.archived + self.quarantined.total()

    def oldest_age_s(self, now: datetime) -> float | None:
        """Age of the oldest waiting file; never negative, even if the clock is set back."""
        return max(0.0, (now - self.oldest_since).total_seconds()) if self.oldest_since else None


def on_disk(landing: Landing, stored: int, early: int = 0) -> FeedFiles:
    """The files of one feed, counted."""
    waiting = waiting_in(landing)  # before the archive: a file that is moved meanwhile counts twice rather than never
    archived = landing.archived_files()
    quarantined = landing.quarantine.codes()
    rejects = landing.quarantine.records_rejected()
    return replace(waiting, archived=archived, stored=stored, quarantined=quarantined, early=early, rejects=rejects)


def waiting_in(landing: Landing) -> FeedFiles:
    """The waiting files of one feed only. Raises Unavailable."""
    waiting = landing.waiting()
    return FeedFiles(
        feed=landing.feed,
        waiting=len(waiting),
        waiting_bytes=sum(file.bytes for file in waiting),
        oldest_since=datetime.fromtimestamp(waiting[0].changed_ns / 1e9, UTC) if waiting else None,
        unknown=landing.unknown,
    )


async def counted(feeds: Iterable[tuple[Feed, Landing]], store: Store) -> list[FeedFiles]:
    """Every feed: its files on disk, and the files that its stored documents and follow-ups came from."""
    listed = list(feeds)
    stored, early = await stored_files((feed for feed, _ in listed), store), Counter[str]()
    for collection, lifecycle in {feed.table.name: feed.table.lifecycle for feed, _ in listed}.items():
        early += await _by_feed(store, collection, _early(lifecycle)) if lifecycle else Counter()
    return [on_disk(landing, stored[feed.name], early[feed.name]) for feed, landing in listed]


async def stored_files(feeds: Iterable[Feed], store: Store) -> Counter[str]:
    """Number of files that the documents and their follow-ups came from, by feed. Raises Unavailable."""
    stored = Counter[str]()
    for collection, lifecycle in {feed.table.name: feed.table.lifecycle for feed in feeds}.items():
        stored += await _by_feed(store, collection, _sources(lifecycle))
    return stored


def _sources(lifecycle: Lifecycle | None) -> list[Stage]:
    """A row for each file."""
    follow_ups = {"$ifNull": [f"${lifecycle.history}.ingestion", []]} if lifecycle else []
    return [
        {"$project": {"_id": 0, "source": {"$concatArrays": [["$ingestion"], follow_ups]}}},
        {"$unwind": "$source"},
        {"$match": {"source.feed": {"$exists": True}}},
        {"$group": {"_id": {"feed": "$source.feed", "sha256": "$source.sha256"}}},
        {"$project": {"feed": "$_id.feed"}},
    ]


def _early(lifecycle: Lifecycle) -> list[Stage]:
    """A row for each follow-up whose document has not come."""
    return [
        {"$match": {"ingestion.partition": PLACEHOLDER_PARTITION}},
        {"$unwind": f"${lifecycle.history}"},
        {"$project": {"feed": f"${lifecycle.history}.ingestion.feed"}},
    ]


async def _by_feed(store: Store, collection: str, stages: list[Stage]) -> Counter[str]:
    count = {"$group": {"_id": "$feed", "rows": {"$sum": 1}}}
    return Counter({group["_id"]: group["rows"] async for group in store.aggregate(collection, [*stages, count])})
