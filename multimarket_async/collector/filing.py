"""The last step: each file goes to the archive or to the quarantine, and is counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TypeAlias

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import STUCK, Backlog
from multimarket_async.collector.reader import AcceptedFile, Batch, RejectedFile
from multimarket_async.collector.stats import Tally
from multimarket_async.domains import Table
from multimarket_async.errors import Rejected
from multimarket_async.landing import WaitingFile, is_content
from multimarket_async.records import EncodedFollowUp
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED
from multimarket_async.store import (
    NO_ORIGIN,
    Encoded,
    Exists,
    Inserted,
    Outcome,
    Receipt,
    RecordCounts,
    Refused,
    Replaced,
    receipt_id,
)

log = structlog.get_logger()

MOST_NAMES = 3  # of fields in a sentence
MOST_ALIKE = 10  # files of a batch, bad for the same reason, that have a line of the log each
BREACHES_EVERY_S = 10.0
RETRY_MIN_S, RETRY_MAX_S = 2.0, 60.0  # of a file that cannot be moved

Disposition: TypeAlias = str | Rejected  # STORED, DUPLICATE, SUPERSEDED, or the reason for the quarantine


def disposition(table: Table, accepted: AcceptedFile, outcome: Outcome) -> Disposition:
    """The disposition of a file, given the outcome of its document."""
    if isinstance(outcome, Exists) and _is_own(accepted.document, outcome):
        return STORED
    if isinstance(outcome, Exists) and is_content(accepted.content, outcome.sha256):
        return DUPLICATE  # white space at its end is no difference
    return record_disposition(table, accepted.document, outcome)


def record_disposition(table: Table, document: Encoded | EncodedFollowUp, outcome: Outcome) -> Disposition:
    """The disposition of a record, given what became of its document: the only place that decides it."""
    match outcome:
        case Inserted() | Replaced():
            return STORED
        case Refused():
            return Rejected("refused_by_mongodb", f"MongoDB refuses {document.key}: {outcome.sentence}")
        case Exists() if _is_own(document, outcome):
            return STORED
        case Exists(sha256) if sha256 == document.sha256:
            return DUPLICATE
        case Exists():
            version = document.version if isinstance(document, Encoded) else None
            if table.keeps_first(version, outcome.version):
                return conflict(document, outcome.sha256, outcome.differs)
            return SUPERSEDED
    raise AssertionError("a placeholder is joined by the writer")


def _is_own(document: Encoded | EncodedFollowUp, outcome: Exists) -> bool:
    """True if it was stored from this very delivery, before this process or its connection ended."""
    return isinstance(document, Encoded) and document.origin == outcome.origin != NO_ORIGIN


def duplicates(batch: Batch, outcomes: Sequence[Outcome], now: datetime) -> Iterator[Receipt]:
    """A receipt for each file that is a duplicate: nothing else in the database tells of it."""
    landing, feed = batch.backlog.landing, batch.backlog.feed
    for accepted, outcome in zip(batch.accepted, outcomes, strict=True):
        if disposition(feed.table, accepted, outcome) == DUPLICATE:
            file, sha256 = accepted.file, accepted.sha256
            delivery = receipt_id(feed.name, sha256, file.inode, file.written_ns)
            facts = (feed.name, file.name, sha256, file.bytes, DUPLICATE, RecordCounts(duplicate=1), now)
            yield Receipt(delivery, *facts, landing.identity.id, file.written_ns)


def conflict(document: Encoded | EncodedFollowUp, stored_sha256: str, differs: Sequence[str]) -> Rejected:
    """The rejection of other content under a stored key. differs: the names of the fields."""
    named = f"this follow-up of {document.key}" if isinstance(document, EncodedFollowUp) else document.key
    sentence = f"{named} is stored already with other content ({_listed(differs)}): a person must decide"
    digests = {"key": document.key, "sha256_stored": stored_sha256, "sha256_delivered": document.sha256}
    return Rejected("conflict", sentence, facts={**digests, "differs": list(differs)})


def _listed(names: Sequence[str]) -> str:
    """The first names of fields."""
    more = len(names) - MOST_NAMES
    return (
        ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "") or "no field, only how it is written"
    )


def _log_quarantined(feed: str, bad: RejectedFile, deliveries: int) -> None:
    why = bad.rejected
    place = {"pointer": why.pointer, "line": why.line, "column": why.column}
    again = {"deliveries": deliveries} if deliveries > 1 else {}
    log.warning("file.quarantined", feed=feed, file=bad.file.name, code=why.code, **place, **again)


class Filing:
    """Moves files out of the landing directories, and counts them. One thread at a time may use it."""

    def __init__(self, tally: Tally, quiet_period_s: float, clock: Clock) -> None:
        self._tally = tally
        self._quiet_period_s = quiet_period_s
        self._clock = clock
        self._stuck: set[str] = set()
        self._newly_stuck: list[str] = []
        self._breaches_due_at = 0.0  # on the monotonic clock

    def file_away(self, batch: Batch, outcomes: Sequence[Outcome], stored_at: float) -> None:
        """File the accepted files, given the outcome of the document of each. stored_at: monotonic, seconds."""
        filed: dict[str, list[WaitingFile]] = {STORED: [], DUPLICATE: []}
        rejected: list[RejectedFile] = []
        for accepted, outcome in zip(batch.accepted, outcomes, strict=True):
            disposed = disposition(batch.backlog.feed.table, accepted, outcome)
            if isinstance(disposed, Rejected):
                rejected.append(RejectedFile(accepted.file, disposed, accepted.sha256))
            else:
                filed[disposed].append(accepted.file)
        for disposed, files in filed.items():
            self.archive(batch, disposed, files, stored_at)
        self.quarantine(batch, rejected)

    def archive(self, batch: Batch, outcome: str, files: list[WaitingFile], stored_at: float) -> list[WaitingFile]:
        """Move stored files to the archive; those that were moved. Another collector may take one first."""
        errors = batch.backlog.landing.archive(files, self._clock.now().date()) if files else []
        for file, error in zip(files, errors, strict=True):
            if error:
                self._not_moved(batch.backlog, file, error)
        moved = [file for file, error in zip(files, errors, strict=True) if not error]
        self._count(batch, outcome, moved, stored_at)
        return moved

    def quarantine(self, batch: Batch, rejected: Iterable[RejectedFile]) -> None:
        """Move bad files to the quarantine; defer those whose writers may not be done yet.

        Many of a batch that are bad for the same reason are one warning: they look like another format.
        """
        rejected = list(rejected)
        alike = Counter((bad.rejected.code, bad.rejected.pointer) for bad in rejected)
        many = {place: 0 for place, files in alike.items() if files > MOST_ALIKE}
        for bad in rejected:
            place = bad.rejected.code, bad.rejected.pointer
            deliveries = self._quarantine(batch, bad)
            if deliveries and place in many:
                many[place] += 1
            elif deliveries:
                _log_quarantined(batch.backlog.feed.name, bad, deliveries)
        for (code, pointer), files in ((place, files) for place, files in many.items() if files):
            feed, advice = batch.backlog.feed.name, "they look like another format: try `formats suggest`"
            log.warning("files.quarantined", feed=feed, files=files, code=code, pointer=pointer, advice=advice)

    def _quarantine(self, batch: Batch, bad: RejectedFile) -> int:
        """Move a bad file; the number of times that it was delivered, 0 if it stays."""
        feed, file, why = batch.backlog.feed.name, bad.file, bad.rejected
        if why.unfinished and batch.backlog.defer(file, self._quiet_period_s, why.code) < self._quiet_period_s:
            return 0
        judged = {"feed": feed, "bytes": file.bytes, "changed_ns": file.changed_ns, "sha256": bad.sha256}
        done_at = self._clock.monotonic()
        try:
            facts = {**judged, "quarantined_at": self._clock.now().isoformat()}
            deliveries = batch.backlog.landing.reject(file, why, facts)
        except OSError as error:
            self._not_moved(batch.backlog, file, error)
            return 0
        self._count(batch, why.code, [file], done_at)
        return deliveries

    def _count(self, batch: Batch, outcome: str, files: Sequence[WaitingFile], done_at: float) -> None:
        if files:
            self._stuck.difference_update([file.where for file in files] if self._stuck else ())
            waits_s = [done_at - batch.scanned.visible_at(file) for file in files]
            self._tally.count(batch.backlog.feed.name, outcome, *waits_s)
            batch.backlog.release(*files)

    def _not_moved(self, backlog: Backlog, file: WaitingFile, error: OSError) -> None:
        """A file that cannot be moved is tried again later and blocks nobody; another collector counts one it took."""
        if isinstance(error, FileNotFoundError):
            backlog.release(file)
            return
        stuck_s = backlog.defer(file, RETRY_MIN_S, STUCK)
        backlog.defer(file, min(max(RETRY_MIN_S, stuck_s), RETRY_MAX_S), STUCK)
        if file.where not in self._stuck:
            self._stuck.add(file.where)
            self._newly_stuck.append(f"{backlog.feed.name}/{file.name}: {error.strerror}")

    @property
    def is_late(self) -> bool:
        """True if files were late since they were logged last."""
        return self._tally.is_late

    def report(self, *, swept: bool = False) -> None:
        """Log the files that were late and those that could not be moved since the last call, a line each.

        swept: nothing is due any more. Before that late files are not logged with each batch of a long backlog.
        """
        now = self._clock.monotonic()
        if (swept or now >= self._breaches_due_at) and (late := self._tally.breaches()):
            self._breaches_due_at = now + BREACHES_EVERY_S
            log.warning("latency.breached", **asdict(late))
        if newly := self._newly_stuck:
            log.error("file.move_failed", files=len(newly), first=newly[0])
            self._newly_stuck = []
