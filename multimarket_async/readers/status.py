"""The status, for `status`, `top`, /api/status and the page: files, latency, and freshness of the KPIs."""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Feed
from multimarket_async.generations import failure
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import FeedFiles, counted, without_feed
from multimarket_async.readers.alerts import AlertStatus, alert_statuses
from multimarket_async.readers.freshness import KpiFreshness, freshness
from multimarket_async.readers.polls import PolledSource, polled_sources
from multimarket_async.readers.refusals import Refusal, refusal
from multimarket_async.readers.sinks import SinkStatus, sink_statuses
from multimarket_async.schedules import rests
from multimarket_async.settings import Settings
from multimarket_async.store import RecordCounts, Store
from multimarket_async.tasks import FailingTask

RATE_OVER_S = 60.0
DISK = "disk.json"  # beside the latency report


class RecordsStatus(BaseModel):
    """The records of the archived files of a feed. received = stored + duplicate + superseded + rejected + erased."""

    received: int
    stored: int
    duplicate: int
    superseded: int
    rejected: int
    erased: int


class FeedDisk(BaseModel):
    """Bytes of a feed on the disk, by place."""

    waiting: int
    archive: int
    quarantine: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.archive + self.quarantine


class FeedStatus(BaseModel):
    """The files of one feed. received = waiting + stored + duplicate + superseded + quarantined."""

    feed: str
    received: int
    waiting: int
    waiting_bytes: int
    oldest_s: float | None = Field(description="age of the oldest waiting file; null if none waits")
    budget_s: float = Field(description="time within which a file is to be stored or quarantined")
    stored: int | None = Field(description="null while MongoDB has never answered")
    duplicate: int | None
    superseded: int | None = Field(description="files of which nothing was newer than what is stored")
    records: RecordsStatus | None = Field(description="of the archived files; null while MongoDB has never answered")
    unseen: int = Field(description="accepted files that are not in the archive, which may have been thinned out")
    expired: int = Field(description="archived files that were removed because of their age (keep_archive_days)")
    expired_quarantined: int = Field(description="quarantined files that were removed likewise (keep_quarantine_days)")
    expired_documents: int = Field(
        default=0, description="documents that were removed because of their age (keep_documents)"
    )
    late_writes: int = Field(
        default=0,
        description="archived files that were written to after they were stored: quarantined, or delivered again",
    )
    elsewhere: int = Field(description="accepted files that other data folders archived; in none of the other counts")
    quarantined: int
    by_reason: dict[str, int]
    refusal: Refusal | None = Field(default=None, description="the reason that most files are refused for, if so")
    rejects: dict[str, int] = Field(
        description="rejected records of files that were accepted without them, listed in quarantine, by code"
    )
    early: int | None = Field(
        description="follow-ups among the stored files whose document has not come; null: unknown"
    )
    unknown: int = Field(description="files of another kind in its landing directory: they stay there")
    unknown_example: str | None = Field(description="the name of one of them; null if there is none")
    rate_per_minute: int | None = Field(description="files stored over the last minute; null at the first reading")
    disk: FeedDisk | None = Field(default=None, description="null before a collecting process has measured it")


class Sum(BaseModel):
    """The same over all feeds."""

    received: int
    waiting: int
    stored: int | None
    duplicate: int | None
    superseded: int | None
    quarantined: int


class Conservation(BaseModel):
    """True if MongoDB knows each archived file; null while it does not answer. Disk and database are counted apart."""

    holds: bool | None
    sum: Sum


class Mongo(BaseModel):
    """If MongoDB does not answer, `why`, and its part of the status is the last one known."""

    ok: bool
    why: str | None
    answered_at: AwareDatetime | None = Field(
        default=None, description="when it answered last; null: not since this process started"
    )


class Overload(BaseModel):
    """late: a file waits longer than the budget of its feed. loop_lag_s: delay of the event loop of the server.

    oldest_s, budget_s: of the feed whose oldest file has spent most of its budget.
    """

    late: bool
    oldest_s: float | None
    budget_s: float
    breaches: int | None = Field(description="files over the budget since this process started; null: it counts none")
    loop_lag_s: float | None


class Failing(BaseModel):
    """A task that does not work since then; it is tried again, and the others go on."""

    task: str
    since: AwareDatetime
    why: str


class Minute(BaseModel):
    """Documents that were new in the minute that begins then."""

    minute: AwareDatetime
    documents: int


class StatusResponse(BaseModel):
    """The status at one moment."""

    at: AwareDatetime
    feeds: list[FeedStatus]
    conservation: Conservation
    mongo: Mongo
    kpi: KpiFreshness
    overload: Overload
    latency: dict[str, Any] | None = Field(
        description="the last report of a collecting process: p50_s, p99_s, max_s of the last minute and hour"
    )
    per_minute: dict[str, list[Minute]] = Field(
        description="by domain, of the last 60 minutes, oldest first, from the generations"
    )
    polls: list[PolledSource] = Field(description="the APIs that fill feeds")
    sinks: list[SinkStatus] = Field(description="the systems that generations are written to")
    alerts: list[AlertStatus] = Field(default=[], description="alerts that go on")
    without_feed: int = Field(description="entries of the folder of all landing directories that no feed collects")
    without_feed_example: str | None = Field(description="the name of one of them; null if there is none")
    unreadable: dict[str, str] = Field(description="feeds whose directory cannot be listed, and why")
    failing: list[Failing] = Field(description="tasks of running processes that fail; the others go on")
    disk_free_bytes: int | None = Field(
        default=None, description="free where the data folder is, as a collecting process has measured it last"
    )

    def with_disk(self, file: Path) -> "StatusResponse":
        """The same, with what a collecting process has measured in this file."""
        with suppress(OSError, ValueError, KeyError, TypeError):  # none has, or it is no report
            report = json.loads(file.read_bytes())
            self.disk_free_bytes = int(report["free_bytes"])
            for feed in self.feeds:
                feed.disk = FeedDisk(**report["feeds"][feed.feed]) if feed.feed in report["feeds"] else None
        return self

    def freshness(self) -> str:
        """The age of the newest generation, in a sentence."""
        if self.kpi.as_of is None:
            return "No KPI generation yet: `kpi refresh` measures what is stored."
        stale = ", and STALE: it lacks documents stored since" if self.kpi.stale else ""
        as_of = f"{self.kpi.as_of:%Y-%m-%d %H:%M:%S} UTC"
        return f"KPI generation {self.kpi.generation} is as of {as_of}, {self.kpi.age_s:,.0f} s ago{stale}."

    def failures(self) -> Iterator[str]:
        """A sentence for each KPI and each task that fails."""
        for name, why in self.kpi.failed.items():
            yield failure(name, why, self.kpi.stale_since.get(name))
        for task in self.failing:
            yield f"Degraded: {task.task} failing since {task.since:%Y-%m-%d %H:%M:%S} UTC: {task.why}"


class Rates:
    """Files stored per minute, by feed, from the totals at the times of the readings."""

    def __init__(self) -> None:
        self._totals: deque[tuple[float, Counter[str]]] = deque()

    def at(self, monotonic: float, stored: Counter[str]) -> Counter[str] | None:
        """The rates over the last minute; None at the first reading."""
        self._totals.append((monotonic, stored))
        while len(self._totals) > 1 and self._totals[1][0] <= monotonic - RATE_OVER_S:
            self._totals.popleft()
        since, before = self._totals[0]
        if monotonic <= since:
            return None
        return Counter(
            {feed: round((total - before[feed]) * 60 / (monotonic - since)) for feed, total in stored.items()}
        )


async def read_status(
    feeds: Sequence[tuple[Feed, Landing]],
    store: Store,
    settings: Settings,
    now: datetime,
    latency_file: Path,
    *,
    tasks: Iterable[FailingTask] = (),
) -> StatusResponse:
    """A reading of the directories and of MongoDB. Raises Unavailable."""
    next_runs = await asyncio.to_thread(rests, settings.data_dir)
    files, kpi = await counted(feeds, store), await freshness(store, now, settings.stale_after_s, next_runs)
    latency = last_report(latency_file, now)
    found = status(
        files, now, kpi, budget_s=settings.latency_budget_s, budgets_s=budgets(feeds), latency=latency, tasks=tasks
    )
    found.polls = polled_sources((feed for feed, _ in feeds), settings, now)
    found.sinks, found.alerts = await sink_statuses(store, settings), await alert_statuses(store)
    found.without_feed, found.without_feed_example = without_feed(feeds)
    return found.with_disk(latency_file.with_name(DISK))


def status(
    files: Sequence[FeedFiles],
    now: datetime,
    kpi: KpiFreshness,
    *,
    budget_s: float,
    budgets_s: Mapping[str, float] | None = None,
    latency: dict[str, Any] | None,
    rates: Mapping[str, int] | None = None,
    outage: str | None = None,
    stored_known: bool = True,
    tasks: Iterable[FailingTask] = (),
) -> StatusResponse:
    """The status of these files. outage: why MongoDB does not answer."""
    own = budgets_s or {}
    feeds = [feed_status(feed, now, own.get(feed.feed, budget_s), rates, known=stored_known) for feed in files]
    waiting = [
        (feed.oldest_s / feed.budget_s, feed.oldest_s, feed.budget_s) for feed in feeds if feed.oldest_s is not None
    ]
    spent, oldest_s, budget_s = max(waiting, default=(0.0, None, budget_s))
    total = {name: sum(getattr(feed, name) or 0 for feed in feeds) for name in Sum.model_fields}
    holds = all(feed.holds for feed in files) if stored_known and outage is None else None
    return StatusResponse(
        at=now,
        feeds=feeds,
        conservation=Conservation(holds=holds, sum=Sum(**total)),
        mongo=Mongo(ok=outage is None, why=outage, answered_at=None if outage else now),
        kpi=kpi,
        overload=Overload(late=spent > 1, oldest_s=oldest_s, budget_s=budget_s, breaches=None, loop_lag_s=None),
        latency=latency,
        per_minute={},
        polls=[],
        sinks=[],
        without_feed=0,
        without_feed_example=None,
        unreadable={},
        failing=[Failing.model_validate(task, from_attributes=True) for task in tasks],
    )


def budgets(feeds: Iterable[tuple[Feed, Landing]]) -> dict[str, float]:
    """The budgets of the feeds that have one of their own, seconds."""
    return {feed.name: feed.latency_budget_s for feed, _ in feeds if feed.latency_budget_s}


def feed_status(
    files: FeedFiles, now: datetime, budget_s: float, rates: Mapping[str, int] | None = None, *, known: bool = True
) -> FeedStatus:
    """The status of one feed. known: MongoDB has answered at least once."""
    age_s = files.oldest_age_s(now)
    return FeedStatus(
        feed=files.feed,
        received=files.received if known else files.waiting + files.archived + files.quarantined.total(),
        waiting=files.waiting,
        waiting_bytes=files.waiting_bytes,
        oldest_s=None if age_s is None else round(age_s, 1),
        budget_s=budget_s,
        stored=files.stored if known else None,
        duplicate=files.duplicate if known else None,
        superseded=files.superseded if known else None,
        records=_records(files.records) if known else None,
        unseen=files.unseen if known else 0,
        expired=files.expired,
        expired_quarantined=files.expired_quarantined,
        expired_documents=files.expired_documents,
        late_writes=files.late_writes,
        elsewhere=files.elsewhere,
        quarantined=files.quarantined.total(),
        by_reason=dict(files.quarantined.most_common()),
        refusal=refusal(files.refused, max(files.accepted, files.archived)),
        rejects=dict(files.rejects.most_common()),
        early=files.early,
        unknown=files.unknown.files,
        unknown_example=files.unknown.example,
        rate_per_minute=None if rates is None else rates.get(files.feed),
    )


def _records(counts: RecordCounts) -> RecordsStatus:
    outcomes = {name: getattr(counts, name) for name in ("stored", "duplicate", "superseded", "rejected", "erased")}
    return RecordsStatus(received=counts.records, **outcomes)


def last_report(file: Path, now: datetime) -> dict[str, Any] | None:
    """The last latency report of a collecting process; None before the first, or if the file is no report."""
    try:
        report = json.loads(file.read_bytes())
        reported_at = datetime.fromisoformat(report["reported_at"])
        windows = {name: report[name] for name in ("last_minute", "last_hour")}
        age_s = round((now - reported_at).total_seconds(), 1)
        return {"reported_at": report["reported_at"], "age_s": age_s, "budget_s": report["budget_s"], **windows}
    except (OSError, ValueError, KeyError, TypeError):
        return None
