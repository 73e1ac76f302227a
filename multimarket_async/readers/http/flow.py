"""The status of this moment, without counting everything for each request.

Stored, archived and quarantined files are counted from scratch at intervals, so that counting takes a twentieth of the
time; in between, the files that this process has collected since are added. Waiting files are listed at each request.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from multimarket_async.clock import beats
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.readers.accounting import (
    Accepted,
    FeedFiles,
    accepted_files,
    on_disk,
    waiting_in,
    with_accepted,
    without_feed,
)
from multimarket_async.readers.alerts import AlertStatus, alert_statuses
from multimarket_async.readers.freshness import KpiFreshness, freshness
from multimarket_async.readers.http.cache import Fresh
from multimarket_async.readers.http.minutes import Minutes
from multimarket_async.readers.http.sources import Sources
from multimarket_async.readers.polls import polled_sources
from multimarket_async.readers.sinks import SinkStatus, sink_statuses
from multimarket_async.readers.status import DISK, Minute, Rates, StatusResponse, budgets, last_report, status
from multimarket_async.schedules import rests
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED

ACCEPTED = (STORED, DUPLICATE, SUPERSEDED)
READ_EVERY_S, STALE_S = 0.5, 5.0
COUNT_EVERY_S, SHARE = 2.0, 20  # pause between two counts: this multiple of the duration of one
LAG_EVERY_S = 1.0


@dataclass(frozen=True)
class Counted:
    """The files by feed, as counted. collected: files that this process had collected by then."""

    feeds: Mapping[str, FeedFiles]
    accepted: Accepted | None
    collected: Counter[tuple[str, str]]


@dataclass(frozen=True)
class Database:
    """MongoDB's part. why: None, or why it does not answer; then the rest is the last one known."""

    why: str | None
    kpi: KpiFreshness
    minutes: dict[str, list[Minute]]
    sinks: list[SinkStatus] = field(default_factory=list)
    alerts: list[AlertStatus] = field(default_factory=list)
    answered_at: datetime | None = None


class Flow:
    """Live counts, rates, and the delay of the event loop."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._accepted: Accepted | None = None
        self._accepted_when: Counter[tuple[str, str]] = Counter()
        self._away = False
        self._counted = Fresh(self._count, COUNT_EVERY_S, stale_s=3600)
        self._waiting = Fresh(self._list_waiting, READ_EVERY_S)
        self._database = Fresh(self._ask, READ_EVERY_S, stale_s=STALE_S)
        self._known = Database("not asked yet", KpiFreshness(), {})
        self._minutes = Minutes(sources.store, [domain.name for domain in sources.domains])
        self._rates = Rates()
        self.unreadable: dict[str, str] = {}
        self.loop_lag_s = 0.0

    async def watch(self) -> None:
        """Measure the delay of the event loop, until stopped."""
        monotonic = self._sources.clock.monotonic
        due = monotonic() + LAG_EVERY_S
        async for _ in beats(LAG_EVERY_S, self._sources.stop):
            self.loop_lag_s = max(0.0, monotonic() - due)
            due = monotonic() + LAG_EVERY_S

    async def feeds(self) -> list[FeedFiles]:
        """The files of each feed now. While MongoDB is away, stored is the last one known, or 0."""
        counted, waiting = await self._counted.get(), await self._waiting.get()
        since = self._sources.meters.files - counted.collected
        return [_moved(counted.feeds[name], since, now) for name, now in waiting.items()]

    async def database(self) -> Database:
        """MongoDB's part of the status."""
        return await self._database.get()

    async def status(self) -> StatusResponse:
        """The status; also while MongoDB is away."""
        sources, files, database = self._sources, await self.feeds(), await self.database()
        known, now = (await self._counted.get()).accepted is not None, sources.clock.now()
        stored = Counter({feed.feed: feed.stored for feed in files})
        found = status(
            files,
            now,
            database.kpi.at(now),
            budget_s=sources.settings.latency_budget_s,
            budgets_s=budgets(sources.feeds),
            latency=last_report(sources.latency_file, now),
            rates=self._rates.at(sources.clock.monotonic(), stored) if known else None,
            outage=database.why,
            stored_known=known,
            tasks=sources.tasks.everywhere(),
        )
        found.overload.breaches, found.overload.loop_lag_s = sources.meters.breaches, round(self.loop_lag_s, 4)
        found.per_minute, found.unreadable = database.minutes, self.unreadable
        found.sinks, found.alerts = database.sinks, database.alerts
        found.mongo.answered_at = database.answered_at
        feeds = [feed for feed, _ in sources.feeds]
        found.polls = await asyncio.to_thread(polled_sources, feeds, sources.settings, now)
        found.without_feed, found.without_feed_example = await asyncio.to_thread(without_feed, sources.feeds)
        return await asyncio.to_thread(found.with_disk, sources.latency_file.with_name(DISK))

    async def _count(self) -> Counted:
        started = self._sources.clock.monotonic()
        archived = await asyncio.to_thread(self._archived)
        await self._count_accepted()
        accepted = self._accepted or Accepted()
        feeds = await asyncio.to_thread(lambda: self._on_disk(accepted, archived))
        took_s = self._sources.clock.monotonic() - started
        self._counted.every_s = COUNT_EVERY_S if self._away else max(COUNT_EVERY_S, SHARE * took_s)
        return Counted(feeds, self._accepted, self._accepted_when)

    def _archived(self) -> dict[str, int]:
        """The archived files of each feed, before MongoDB is asked: it has to know them all."""
        with suppress(OSError):
            return {feed.name: landing.archived_files() for feed, landing in self._sources.feeds}
        return {}

    async def _count_accepted(self) -> None:
        """By MongoDB; while it is away, the last count and the files that this process has stored since."""
        files = self._sources.meters.files.copy()
        try:
            self._accepted = await accepted_files(self._sources.feeds, self._sources.store)
            self._away = False
        except (Unavailable, CannotContinue):
            if self._accepted:
                since = files - self._accepted_when
                gained = Counter({key: count for key, count in since.items() if key[1] in ACCEPTED})
                self._accepted = replace(self._accepted, files=self._accepted.files + gained)
            self._away = True
        self._accepted_when = files

    def _on_disk(self, accepted: Accepted, archived: Mapping[str, int]) -> dict[str, FeedFiles]:
        counted = {}
        for feed, landing in self._sources.feeds:
            try:
                counted[feed.name] = on_disk(landing, accepted, archived.get(feed.name, 0))
            except (OSError, Unavailable):  # `unreadable` has it
                counted[feed.name] = with_accepted(FeedFiles(feed.name, 0, 0, None), accepted)
        return counted

    async def _list_waiting(self) -> dict[str, FeedFiles]:
        waiting, self.unreadable = await asyncio.to_thread(self._listed)
        return waiting

    def _listed(self) -> tuple[dict[str, FeedFiles], dict[str, str]]:
        """The waiting files, and why a directory cannot be listed."""
        waiting, unreadable = {}, {}
        for feed, landing in self._sources.feeds:
            try:
                waiting[feed.name] = waiting_in(landing)
            except Unavailable as why:
                waiting[feed.name], unreadable[feed.name] = FeedFiles(feed.name, 0, 0, None), str(why)
        return waiting, unreadable

    async def _ask(self) -> Database:
        sources = self._sources
        now = sources.clock.now()
        try:
            next_runs = await asyncio.to_thread(rests, sources.settings.data_dir)
            kpi = await freshness(sources.store, now, sources.settings.stale_after_s, next_runs)
            sinks, alerts = await sink_statuses(sources.store, sources.settings), await alert_statuses(sources.store)
            self._known = Database(None, kpi, await self._minutes.until(now), sinks, alerts, now)
        except (Unavailable, CannotContinue) as why:
            self._known = replace(self._known, why=str(why))
        return self._known


def _moved(counted: FeedFiles, since: Counter[tuple[str, str]], now: FeedFiles) -> FeedFiles:
    """The counted files, those collected since, and those that wait now."""
    collected = Counter({outcome: files for (feed, outcome), files in since.items() if feed == counted.feed})
    stored, duplicate, superseded = (collected.pop(name, 0) for name in (STORED, DUPLICATE, SUPERSEDED))
    return replace(
        now,
        archived=counted.archived + stored + duplicate + superseded,
        archived_before=counted.archived_before,
        expired=counted.expired,
        expired_quarantined=counted.expired_quarantined,
        stored=counted.stored + stored,
        duplicate=counted.duplicate + duplicate,
        superseded=counted.superseded + superseded,
        elsewhere=counted.elsewhere,
        of_receipts=counted.of_receipts,
        quarantined=counted.quarantined + collected,
        rejects=counted.rejects,
    )
