"""The files of each feed by place: received = waiting + stored + duplicate + superseded + quarantined."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from multimarket_async.domains import Feed, Lifecycle, Stage
from multimarket_async.landing import Landing, UnknownFiles
from multimarket_async.simulation import STORED, SUPERSEDED
from multimarket_async.store import PLACEHOLDER_PARTITION, Receipts, RecordCounts, Store


@dataclass(frozen=True)
class FeedFiles:
    """The files of one feed.

    oldest_since: arrival of the oldest waiting file; None if none waits.
    early: follow-ups, among those stored, whose document has not come.
    unknown: other entries of its landing directory, which stay there.
    rejects: rejected records of archived files that are listed in quarantine, by code.
    receipts, of_receipts: their number, and the records in them; None for a feed without receipts.
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
    superseded: int = 0
    receipts: int | None = None
    of_receipts: RecordCounts | None = None

    @property
    def duplicate(self) -> int:
        """Archived files whose documents were stored before from another file."""
        return self.archived - self.stored - self.superseded

    @property
    def records(self) -> RecordCounts:
        """The records of the archived files; a feed without receipts has one in each."""
        return self.of_receipts or RecordCounts(self.stored, self.duplicate)

    @property
    def holds(self) -> bool:
        """Archived means stored: a file of which more is known than is there is missing."""
        return self.duplicate >= 0 and (self.receipts or 0) <= self.archived + self.waiting

    @property
    def received(self) -> int:
        """Each file that ever landed is in exactly one of three places."""
        return self.waiting + self.archived + self.quarantined.total()

    def oldest_age_s(self, now: datetime) -> float | None:
        """Age of the oldest waiting file; never negative, even if the clock is set back."""
        return max(0.0, (now - self.oldest_since).total_seconds()) if self.oldest_since else None


@dataclass(frozen=True)
class Accepted:
    """The accepted files as the database knows them, by feed and outcome; and of feeds with receipts, their records."""

    files: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: Mapping[str, RecordCounts] = field(default_factory=dict)


def on_disk(landing: Landing, accepted: Accepted = Accepted(), early: int = 0) -> FeedFiles:
    """The files of one feed, counted."""
    waiting = waiting_in(landing)  # before the archive: a file that is moved meanwhile counts twice rather than never
    archived = landing.archived_files()
    quarantined = landing.quarantine.codes()
    rejects = landing.quarantine.records_rejected()
    counted = replace(waiting, archived=archived, quarantined=quarantined, early=early, rejects=rejects)
    return with_accepted(counted, accepted)


def with_accepted(files: FeedFiles, accepted: Accepted) -> FeedFiles:
    """The files with what the database knows of them."""
    records = accepted.records.get(files.feed)
    by_outcome = {outcome: number for (feed, outcome), number in accepted.files.items() if feed == files.feed}
    return replace(
        files,
        stored=by_outcome.get(STORED, 0),
        superseded=by_outcome.get(SUPERSEDED, 0),
        receipts=sum(by_outcome.values()) if records else None,
        of_receipts=records,
    )


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
    """Every feed: its files on disk, and what the database knows of the accepted ones."""
    listed = list(feeds)
    accepted, early = await accepted_files([feed for feed, _ in listed], store), Counter[str]()
    for table in {feed.table.name: feed.table for feed, _ in listed}.values():
        early += await _by_feed(store, table.name, _early(table.lifecycle)) if table.lifecycle else Counter()
    return [on_disk(landing, accepted, early[feed.name]) for feed, landing in listed]


async def accepted_files(feeds: Sequence[Feed], store: Store) -> Accepted:
    """The accepted files by their receipts, or else by their documents and follow-ups. Raises Unavailable."""
    files, records = Counter[tuple[str, str]](), dict[str, RecordCounts]()
    names = {feed.name for feed in feeds if feed.has_receipts}
    if names:
        receipts = Receipts(store)
        records = dict.fromkeys(names, RecordCounts()) | await receipts.records()
        files += Counter({key: number for key, number in (await receipts.files()).items() if key[0] in names})
    for table in {feed.table.name: feed.table for feed in feeds if not feed.has_receipts}.values():
        stored = await _by_feed(store, table.name, _sources(table.lifecycle))
        files += Counter({(feed, STORED): number for feed, number in stored.items() if feed not in names})
    return Accepted(files, {feed: records[feed] for feed in names})


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
