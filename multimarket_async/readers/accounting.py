"""The files of each feed by place: received = waiting + stored + duplicate + superseded + quarantined."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from multimarket_async.accepted import stored_files
from multimarket_async.domains import Feed, Lifecycle, Stage
from multimarket_async.landing import Landing, UnknownFiles
from multimarket_async.landing.quarantine import codes_of
from multimarket_async.landing.waiting import is_hidden, printable
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED
from multimarket_async.store import PLACEHOLDER_PARTITION, Expirations, Receipts, RecordCounts, Store


@dataclass(frozen=True)
class FeedFiles:
    """The files of one feed, as the disk has them and as the database knows them: two counts that must agree.

    oldest_since: arrival of the oldest waiting file; None if none waits.
    archived: files in the archive. archived_before: the same before the database was asked.
    expired, expired_quarantined: files that retention removed from the archive, and from the quarantine.
    late_writes: archived files that were found to be written to after they were stored.
    stored, duplicate, superseded: accepted files, as the database knows them.
    elsewhere: accepted files that went to the archives of other data folders.
    expired_documents: documents that retention removed; their files count as accepted.
    refused: the quarantined files by code and JSON pointer of their reason.
    early: follow-ups, among those stored, whose document has not come.
    unknown: other entries of its landing directory, which stay there.
    rejects: rejected records of archived files that are listed in quarantine, by code.
    of_receipts: the records of a feed with receipts.
    """

    feed: str
    waiting: int
    waiting_bytes: int
    oldest_since: datetime | None
    archived: int = 0
    archived_before: int = 0
    expired: int = 0
    expired_quarantined: int = 0
    late_writes: int = 0
    stored: int = 0
    duplicate: int = 0
    superseded: int = 0
    elsewhere: int = 0
    expired_documents: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    early: int = 0
    unknown: UnknownFiles = field(default_factory=UnknownFiles)
    rejects: Counter[str] = field(default_factory=Counter)
    of_receipts: RecordCounts | None = None

    @property
    def accepted(self) -> int:
        """The files that the database knows."""
        return self.stored + self.duplicate + self.superseded

    @property
    def records(self) -> RecordCounts:
        """The records of the accepted files; a feed without receipts has one in each."""
        return self.of_receipts or RecordCounts(self.stored, self.duplicate)

    @property
    def holds(self) -> bool:
        """Archived means stored: the database knew every file that was archived before it was asked."""
        return self.archived_before <= self.accepted

    @property
    def unseen(self) -> int:
        """Accepted files that are neither in the archive, which may be thinned out, nor removed by us, nor waiting."""
        return max(0, self.accepted - self.archived - self.expired - self.waiting)

    @property
    def received(self) -> int:
        """Each file that ever landed; one that is stored and not yet moved counts twice."""
        return self.waiting + self.accepted + self.quarantined.total()

    def oldest_age_s(self, now: datetime) -> float | None:
        """Age of the oldest waiting file; never negative, even if the clock is set back."""
        return max(0.0, (now - self.oldest_since).total_seconds()) if self.oldest_since else None


@dataclass(frozen=True)
class Accepted:
    """The accepted files as the database knows them, by feed and outcome; and of feeds with receipts, their records.

    elsewhere: files by feed that went to other archives. expired_documents: by feed, removed because of their age.
    """

    files: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: Mapping[str, RecordCounts] = field(default_factory=dict)
    elsewhere: Counter[str] = field(default_factory=Counter)
    expired_documents: Counter[str] = field(default_factory=Counter)


def on_disk(landing: Landing, accepted: Accepted = Accepted(), archived_before: int = 0, early: int = 0) -> FeedFiles:
    """The files of one feed, counted."""
    expired, expired_quarantined = landing.expired_files()
    waiting = waiting_in(landing)  # before the archive: a file that is moved meanwhile counts twice rather than never
    refused = landing.quarantine.places()
    counted = replace(
        waiting,
        archived=landing.archived_files(),
        archived_before=archived_before,
        expired=expired,
        expired_quarantined=expired_quarantined,
        late_writes=landing.late_writes(),
        quarantined=codes_of(refused),
        refused=refused,
        early=early,
        rejects=landing.quarantine.records_rejected(),
    )
    return with_accepted(counted, accepted)


def with_accepted(files: FeedFiles, accepted: Accepted) -> FeedFiles:
    """The files with what the database knows of them."""
    by_outcome = {outcome: number for (feed, outcome), number in accepted.files.items() if feed == files.feed}
    return replace(
        files,
        stored=by_outcome.get(STORED, 0),
        duplicate=by_outcome.get(DUPLICATE, 0),
        superseded=by_outcome.get(SUPERSEDED, 0),
        elsewhere=accepted.elsewhere[files.feed],
        expired_documents=accepted.expired_documents[files.feed],
        of_receipts=accepted.records.get(files.feed),
    )


def without_feed(feeds: Sequence[tuple[Feed, Landing]]) -> UnknownFiles:
    """Entries beside the landing directories, which no feed collects: Site_Web, where the feed is site_web."""
    names = {feed.name for feed, _ in feeds}
    try:
        entries = [entry for folder in {landing.sources.parent for _, landing in feeds} for entry in folder.iterdir()]
    except OSError:
        return UnknownFiles()
    others = sorted(entry.name for entry in entries if entry.name not in names and not is_hidden(entry.name))
    return UnknownFiles(len(others), printable(others[0]) if others else None)


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
    before = {feed.name: landing.archived_files() for feed, landing in listed}
    accepted, early = await accepted_files(listed, store), Counter[str]()
    for name, lifecycle in {
        feed.table.name: feed.table.lifecycle for feed, _ in listed if feed.table.lifecycle
    }.items():
        early += await _by_feed(store, name, _early(lifecycle))
    return [on_disk(landing, accepted, before[feed.name], early[feed.name]) for feed, landing in listed]


async def accepted_files(feeds: Sequence[tuple[Feed, Landing]], store: Store) -> Accepted:
    """The accepted files by their receipts, or else by their documents and follow-ups. Raises Unavailable.

    What an earlier version stored names no archive, and is taken for this one's. It wrote no receipts of duplicates:
    these are the files that were archived then and are not stored.
    """
    receipts, archives = Receipts(store), {landing.identity.id for _, landing in feeds} | {""}
    by_archive = await receipts.files()
    for table in {feed.table.name: feed.table for feed, _ in feeds if not feed.has_receipts}.values():
        files_of = await stored_files(store, table)
        by_archive += Counter({(feed, STORED, archive): number for (feed, archive), number in files_of.items()})
    removed = Expirations(store)
    for (feed, archive), number in (await removed.files()).items():
        by_archive[feed, STORED, archive] += number
    names = {feed.name: feed.has_receipts for feed, _ in feeds}
    files, elsewhere = Counter[tuple[str, str]](), Counter[str]()
    for (feed, outcome, archive), number in by_archive.items():
        if feed in names and archive in archives:
            files[feed, outcome] += number
        elif feed in names:
            elsewhere[feed] += number
    for feed, landing in ((feed.name, landing) for feed, landing in feeds if not feed.has_receipts):
        earlier = landing.identity.before.get(feed, 0) - by_archive[feed, STORED, ""]
        files[feed, DUPLICATE] += max(0, earlier)
    records = await receipts.records([*archives, None])
    of_receipts = {name: records.get(name, RecordCounts()) for name in names if names[name]}
    return Accepted(files, of_receipts, elsewhere, await removed.documents())


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
