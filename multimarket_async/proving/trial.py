"""A domain on trial: its files, simulated or given, in a folder and a database of their own; for `domains.contract`."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Document, Feed, IncomingFile, LoadedDomain, Row
from multimarket_async.generations import rows_by_kpi
from multimarket_async.landing import Landing
from multimarket_async.producer.faults import CONFLICT, Source, contradictable
from multimarket_async.readers.accounting import FeedFiles, counted
from multimarket_async.readers.verify import Report, different_rows, verify
from multimarket_async.settings import Settings
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED, Delivery
from multimarket_async.snapshots import Generation, Snapshotter
from multimarket_async.store import Store

FILES, LISTS = 12, 4  # of a feed; for each list of one that has few
EARLIEST, LATEST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
FIRST_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
FAULTS, INVALID, CONTRADICTED = "duplicate=0.2, late=0.1, skew=0.1", ", bad=0.2", ", conflict=0.2"
PARTS, SHOWN = 3, 5
COMPARED = ("version", "digest")  # of `ingestion`; the rest says which of several equal records was stored
GARBAGE = b"\x00\xff\xfe garbage"

Documents: TypeAlias = dict[str, dict[Any, Document]]  # by table and key
Samples: TypeAlias = Mapping[str, Mapping[str, bytes]]


class Arrival(NamedTuple):
    """A file to be delivered.

    written_s: the last change of its content, seconds since 1970. expected: as in Delivery; "" where nobody knows.
    """

    feed: Feed
    name: str
    content: bytes
    written_s: float
    expected: str = ""

    @property
    def incoming(self) -> IncomingFile:
        """The file as its feed reads it."""
        return IncomingFile(self.feed.name, self.name, datetime.fromtimestamp(self.written_s, UTC), self.content)


def load_of(domain: LoadedDomain, samples: Samples, *, contradicted: bool = False) -> list[Arrival]:
    """Files of every feed: with copies, follow-ups, late and bad ones, and on request with contradictions."""
    deliveries = [
        (feed, delivery)
        for feed in domain.feeds
        for delivery in (_simulated(feed, contradicted) if feed.simulate else _given(feed, samples))
    ]
    first_s = FIRST_WRITTEN.timestamp()
    return [
        Arrival(feed, delivery.name, delivery.content, first_s + 60 * number, delivery.expected)
        for number, (feed, delivery) in enumerate(deliveries)
    ]


def _simulated(feed: Feed, contradicted: bool) -> Iterator[Delivery]:
    faults = FAULTS
    if feed.corruptions:
        faults += INVALID + (CONTRADICTED if contradicted and contradictable(feed) else "")
    source = Source(feed, Settings.model_validate({"faults": faults, "follow_ups": True}))
    for number in range(min(FILES, LISTS * (feed.simulated_files or FILES))):
        delivery, later = source.deliveries(number, EARLIEST, LATEST)
        yield from (each.delivery for each in source.with_follow_ups(delivery, LATEST))
        if later:
            yield later


def _given(feed: Feed, samples: Samples) -> Iterator[Delivery]:
    """Its sample files; then a copy of the first, and what is no file of any format."""
    files = [Delivery(name, content, "") for name, content in samples.get(feed.name, {}).items()]
    if files:
        yield from (*files, files[0], Delivery(files[0].name, GARBAGE, ""))


@dataclass(frozen=True)
class Outcome:
    """A load, and what became of it: files by place, codes in quarantine, records in the archive, documents, KPIs.

    rows: published ones, by KPI.
    """

    load: list[Arrival]
    accounts: list[FeedFiles]
    quarantined: dict[str, Counter[str]]
    archived_records: dict[str, int]
    documents: Documents
    generation: Generation
    rows: dict[str, list[Row]]
    report: Report

    def lost(self) -> Iterator[str]:
        """A sentence for each sum of a feed that does not hold."""
        for files in self.accounts:
            delivered = sum(arrival.feed.name == files.feed for arrival in self.load)
            if files.waiting or files.received != delivered or not files.holds:
                yield f"{files.feed}: {delivered} files were delivered, of which there are {files}"
            records = self.archived_records[files.feed]
            if files.of_receipts and files.of_receipts.records != records:
                yield f"{files.feed}: its stored files have {records} records; its receipts say {files.of_receipts}"


@dataclass(frozen=True)
class Trial:
    """A domain with a data folder and a database."""

    domain: LoadedDomain
    store: Store
    settings: Settings
    clock: Clock

    @cached_property
    def feeds(self) -> list[tuple[Feed, Landing]]:
        """Feeds with their directories."""
        feeds = [(feed, Landing(self.settings.data_dir, feed.name, feed.suffixes)) for feed in self.domain.feeds]
        for _, landing in feeds:
            landing.prepare()
        return feeds

    @cached_property
    def snapshotter(self) -> Snapshotter:
        """The stage from store to KPI generations."""
        return Snapshotter([self.domain], self.store, self.clock, self.settings)

    async def receive(self, arrivals: Sequence[Arrival]) -> None:
        """Deliver files, in this order."""
        landings = {feed.name: landing for feed, landing in self.feeds}
        for arrival in arrivals:
            path = await landings[arrival.feed.name].deliver(arrival.name, arrival.content)
            os.utime(path, (arrival.written_s, arrival.written_s))

    async def collect(self) -> None:
        """Collect until no file waits, in a new process, so to speak."""
        await Collector(self.feeds, self.store, self.settings, self.clock).until_empty()

    async def collect_in_parts(self, arrivals: Sequence[Arrival]) -> None:
        """Deliver, collect and measure some of the files, and then others."""
        size = -(-len(arrivals) // PARTS) or 1
        for start in range(0, len(arrivals), size):
            await self.receive(arrivals[start : start + size])
            await self.collect()
            await self.measure()

    async def measure(self) -> Generation:
        """The generation of what is stored."""
        return await self.snapshotter.refresh()

    async def outcome(self, arrivals: list[Arrival]) -> Outcome:
        """The outcome of these files, once they are collected."""
        generation = await self.measure()
        return Outcome(
            load=arrivals,
            accounts=await counted(self.feeds, self.store),
            quarantined=self.quarantined(),
            archived_records=self._archived_records(),
            documents=await self._documents(),
            generation=generation,
            rows=await rows_by_kpi(self.store, generation),
            report=await verify([self.domain], self.feeds, self.store, generation),
        )

    def quarantined(self) -> dict[str, Counter[str]]:
        """Codes of the files in quarantine, by feed."""
        return {feed.name: landing.quarantine.codes() for feed, landing in self.feeds}

    async def _documents(self) -> Documents:
        tables = sorted({feed.table.name for feed in self.domain.feeds})
        return {
            table: {document["_id"]: document async for document in self.store.aggregate(table, [])} for table in tables
        }

    def _archived_records(self) -> dict[str, int]:
        """The number of records in the archived files of each feed, read anew."""
        return {
            feed.name: sum(len(list(feed.read(IncomingFile.at(feed.name, path)))) for path in landing.archive_files())
            for feed, landing in self.feeds
        }

    def unarchive(self) -> None:
        """Return archived files to where they came from, as if collecting had ended before they were moved."""
        for _, landing in self.feeds:
            for path in list(landing.archive_files()):
                path.rename(landing.sources / path.name)


@asynccontextmanager
async def on_trial(domain: LoadedDomain, uri: str, data_dir: Path) -> AsyncIterator[Trial]:
    """A trial in an empty database, which is not removed."""
    settings = Settings.model_validate({"data_dir": data_dir, "quiet_period_s": 0, "scan_every_s": 0.01})
    async with aclosing(Store(uri, f"contract_{uuid4().hex[:12]}")) as store:
        yield Trial(domain, store, settings, Clock())


def expected_codes(arrivals: Sequence[Arrival]) -> dict[str, Counter[str]]:
    """The codes by which simulated files of a feed must be in quarantine, but for conflicts."""
    right = ("", STORED, DUPLICATE, SUPERSEDED, CONFLICT)
    codes: dict[str, Counter[str]] = {arrival.feed.name: Counter() for arrival in arrivals if arrival.feed.simulate}
    for arrival in arrivals:
        if arrival.expected not in right:
            codes[arrival.feed.name][arrival.expected] += 1
    return codes


def differences(before: Documents, after: Documents) -> list[str]:
    """The documents that are not the same, the first ones."""
    different = (
        f"{table}: {documents.get(key)} is {after[table].get(key)}"
        for table, documents in before.items()
        for key in documents.keys() | after[table].keys()
        if documents.get(key) != after[table].get(key)
    )
    return list(islice(different, SHOWN))


def changed_rows(before: Mapping[str, list[Row]], after: Mapping[str, list[Row]]) -> Iterator[str]:
    """A sentence for each row of a KPI that is not the same."""
    for name, rows in before.items():
        yield from different_rows(name, rows, after[name], "before there were")


def without_origin(value: Any) -> Any:
    """Documents and events without the record that each came from."""
    if isinstance(value, list):
        return [without_origin(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: {key: inner.get(key) for key in COMPARED} if name == "ingestion" else without_origin(inner)
        for name, inner in value.items()
    }
