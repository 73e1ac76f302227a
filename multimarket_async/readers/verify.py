"""Checks that archive, store and KPIs agree: every archived file is stored, and the KPIs follow from the files."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from multimarket_async.domains import Feed, FollowUp, IncomingFile, LoadedDomain, Row
from multimarket_async.errors import OperationFailed, Rejected
from multimarket_async.generations import errors, rows
from multimarket_async.landing import Landing, UnknownFiles, is_content, open_archived, received_at, received_name
from multimarket_async.readers.accounting import FeedFiles, counted, without_feed
from multimarket_async.readers.audit import Audit
from multimarket_async.readers.verify_records import Histories, RecordVerifier
from multimarket_async.store import Erasures, Store, digest_of

CHUNK_FILES = 1000


@dataclass
class Report:
    """The checked generation, the files of each feed, those that none collects, and every difference.

    sinks: the generation that each holds, and its differences from that.
    """

    generation: int
    feeds: list[FeedFiles] = field(default_factory=list)
    kpis: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    without_feed: UnknownFiles = field(default_factory=UnknownFiles)
    sinks: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def unseen(self, feeds: Iterable[str]) -> int:
        """Accepted files of these feeds that are not in the archive, and documents that retention removed."""
        own = [files for files in self.feeds if files.feed in feeds]
        return sum(files.unseen + files.expired + files.elsewhere + files.expired_documents for files in own)

    @property
    def right(self) -> bool:
        """No difference."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class _Archived:
    """A file: the digest of its document, by key, or the key and the digest of its follow-up."""

    path: Path
    content: bytes
    documents: dict[str, str]
    follow_ups: list[tuple[str, str]]


class Verifier:
    """Reads every archived file once, in bounded memory."""

    def __init__(self, store: Store, report: Report, progress: Callable[[int], None]) -> None:
        self._store = store
        self._histories = Histories(store)
        self._report = report
        self._progress = progress

    async def compare(self, domain: LoadedDomain, landings: dict[str, Landing], generation: dict[str, Any]) -> None:
        """Compare one domain's archive with its collections and, if it is whole, with its KPIs of this generation."""
        with closing(Audit(domain)) as audit:
            for feed in domain.feeds:
                await self._compare_feed(feed, landings[feed.name], audit)
            expected = await asyncio.to_thread(self._expected, domain, audit)
        failed = errors(generation)
        self._report.differences += [f"{kpi.name}: {failed[kpi.name]}" for kpi in domain.kpis if kpi.name in failed]
        for kpi in domain.kpis if not self._report.unseen(feed.name for feed in domain.feeds) else ():
            if kpi.name in expected.keys() - failed.keys():
                published = await rows(self._store, kpi, generation)
                self._report.differences += different_rows(kpi.name, expected[kpi.name], published)

    def _expected(self, domain: LoadedDomain, audit: Audit) -> dict[str, list[Row]]:
        """The rows of each KPI by SQL. Where it fails, that is a difference."""
        try:
            audit.load()
        except OperationFailed as why:
            self._differs(domain.name, str(why))
            return {}
        found = dict[str, list[Row]]()
        for kpi in (kpi for kpi in domain.kpis if kpi.check):
            try:
                found[kpi.name] = audit.rows_of(kpi)
            except OperationFailed as why:
                self._differs(kpi.name, str(why))
        return found

    def conserved(self) -> None:
        """Every archived file is known to the database; it may know more, of an archive that was thinned out."""
        for files in self._report.feeds:
            if files.archived > files.accepted:
                counts = f"{files.stored} stored, {files.duplicate} duplicate, {files.superseded} superseded"
                self._differs(files.feed, f"{files.archived} files are archived, but MongoDB knows {counts}")

    def _differs(self, name: str, sentence: str) -> None:
        self._report.differences.append(f"{name}: {sentence}")

    async def _compare_feed(self, feed: Feed, landing: Landing, audit: Audit) -> None:
        if feed.has_receipts:
            whole = not self._report.unseen([feed.name])
            verifier = RecordVerifier(feed, self._store, self._histories, whole=whole)
            self._report.differences += await verifier.compare(landing, audit, self._progress)
            return
        files = landing.archive_files(audit.folder)
        while paths := await asyncio.to_thread(lambda: list(islice(files, CHUNK_FILES))):
            archived = await asyncio.to_thread(self._read, feed, paths, audit)
            await self._compare_stored(feed, archived)
            follow_ups = [(file.path.name, *follow_up) for file in archived for follow_up in file.follow_ups]
            self._report.differences += await self._histories.compare(feed, follow_ups)
            self._progress(len(paths))

    def _read(self, feed: Feed, paths: list[Path], audit: Audit) -> list[_Archived]:
        archived = []
        for path in paths:
            try:
                with open_archived(path, feed.suffixes) as stream:
                    content = stream.read()
                name = received_name(path, feed.suffixes)
                records = list(feed.read(IncomingFile(feed.name, name, received_at(path), content)))
            except (OSError, EOFError, Rejected) as error:
                self._differs(feed.name, f"archived file {path.name} is not valid any more: {error}")
                continue
            audit.add(feed.name, name, content)
            digest = hashlib.sha256(content).hexdigest()
            by_key = {record["_id"]: digest for record in records if isinstance(record, dict)}
            follow_ups = [(record.key, digest_of(record.event)) for record in records if isinstance(record, FollowUp)]
            archived.append(_Archived(path, content, by_key, follow_ups))
        return archived

    async def _compare_stored(self, feed: Feed, archived: list[_Archived]) -> None:
        keys = [key for file in archived for key in file.documents]
        stored = await self._store.digests(feed.table.name, keys)
        for file in archived:
            for key, digest in file.documents.items():
                if key not in stored:
                    self._differs(feed.name, f"{file.path.name} is archived, but {key} is not stored")
                elif stored[key] != digest and not is_content(file.content, stored[key]):
                    self._differs(feed.name, f"{file.path.name} differs from what is stored as {key}")


async def verify(
    domains: Sequence[LoadedDomain],
    feeds: Sequence[tuple[Feed, Landing]],
    store: Store,
    generation: dict[str, Any],
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Compare the archive, the collections and this generation; `progress(n)` after every n files."""
    report = Report(generation["_id"], kpis=[name for name in generation["kpis"] if name not in errors(generation)])
    report.feeds, report.without_feed = await counted(feeds, store), without_feed(feeds)
    verifier = Verifier(store, report, progress)
    landings = {feed.name: landing for feed, landing in feeds}
    for domain in domains:
        await verifier.compare(domain, landings, generation)
    verifier.conserved()
    for erasure in await Erasures(store).unfinished():
        report.differences.append(f"an erasure begun at {erasure['at']:%Y-%m-%d %H:%M} is not finished: run it again")
    return report


def different_rows(
    name: str, expected: Sequence[Row], published: Sequence[Row], says: str = "the archived files give"
) -> Iterator[str]:
    """One sentence for each row that is not as expected."""
    if len(expected) != len(published):
        yield f"{name}: {len(published)} rows published, {says} {len(expected)}"
    for number, (right, row) in enumerate(zip(expected, published, strict=False), start=1):
        if right != row:
            columns = sorted(key for key in right.keys() | row.keys() if right.get(key) != row.get(key))
            differences = (f"{key} {row.get(key)!r} instead of {right.get(key)!r}" for key in columns)
            yield f"{name} row {number}: {', '.join(differences)}"
