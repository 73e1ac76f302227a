"""Where every file of a channel is: dropped = waiting + stored + duplicate + quarantined."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from multimarket_async.domains import Feed
from multimarket_async.landing import Landing
from multimarket_async.store import Store


@dataclass(frozen=True)
class Channel:
    """The files of one feed. oldest_since: when the longest wait began; None if none waits."""

    feed: str
    waiting: int
    waiting_bytes: int
    oldest_since: datetime | None
    archived: int = 0
    stored: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)

    @property
    def duplicates(self) -> int:
        """Archived files whose documents were stored before: archived means stored, each document once."""
        return self.archived - self.stored

    @property
    def dropped(self) -> int:
        """Every file that ever landed is in exactly one of three places."""
        return self.waiting + self.archived + self.quarantined.total()

    def oldest_age_s(self, now: datetime) -> float | None:
        """How long the oldest file has waited; a clock set back gives no negative age."""
        return max(0.0, (now - self.oldest_since).total_seconds()) if self.oldest_since else None


def on_disk(landing: Landing, stored: int) -> Channel:
    """One channel's files, counted."""
    waiting = waiting_in(landing)  # before the archive: a file on its way is counted twice rather than not at all
    archived = landing.archived_files()
    return replace(waiting, archived=archived, stored=stored, quarantined=landing.quarantine.codes())


def waiting_in(landing: Landing) -> Channel:
    """What waits in one channel, and nothing else. Raises Unavailable."""
    waiting = landing.waiting()
    return Channel(
        feed=landing.feed,
        waiting=len(waiting),
        waiting_bytes=sum(file.bytes for file in waiting),
        oldest_since=datetime.fromtimestamp(waiting[0].changed_ns / 1e9, UTC) if waiting else None,
    )


async def counted(channels: Iterable[tuple[Feed, Landing]], store: Store) -> list[Channel]:
    """Every channel: its files on disk, and the files its stored documents came from."""
    listed = list(channels)
    stored = await stored_files({feed.collection for feed, _ in listed}, store)
    return [on_disk(landing, stored[feed.name]) for feed, landing in listed]


async def stored_files(collections: Iterable[str], store: Store) -> Counter[str]:
    """How many files the documents of these collections came from, by feed. Raises Unavailable."""
    stored: Counter[str] = Counter()
    for collection in collections:
        stored += await _stored_files(store, collection)
    return stored


async def _stored_files(store: Store, collection: str) -> Counter[str]:
    files = {"$group": {"_id": {"feed": "$ingestion.feed", "sha256": "$ingestion.sha256"}}}
    by_feed = {"$group": {"_id": "$_id.feed", "files": {"$sum": 1}}}
    return Counter({one["_id"]: one["files"] async for one in store.aggregate(collection, [files, by_feed])})
