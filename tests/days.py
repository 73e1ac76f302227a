"""Hours of `run` as it is, lived on virtual time: an application on a virtual loop, and the record of what it did."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import bson

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.collector.stats import Latency, measured
from multimarket_async.readers.verify import Report, verify
from multimarket_async.store import GENERATIONS, Store
from tests.virtual import DatedLanding, Elsewhere, Loop

OF_ITS_PROCESS = ("partition", "archive", "delivery")  # names that another run gives anew


@dataclass
class Record:
    """The state after a run. received: files by instant; waits_s: from arrival to storage, of each stored file.

    digest: of every file and its arrival, of every document and of every generation.
    """

    report: Report
    received: dict[tuple[str, str], datetime] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)
    generations: list[Any] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)
    waits: Latency | None = None

    def file(self, folder: Path, feed: str, path: Path) -> None:
        at = datetime.fromtimestamp(path.stat().st_mtime_ns // 1_000_000 / 1000, UTC)
        self.received[feed, path.name] = at
        self.digest.update(f"{path.relative_to(folder)} {at.isoformat()}\n".encode() + path.read_bytes())

    def document(self, document: Any) -> None:
        source = document["ingestion"]
        waited = source["ingested_at"].replace(tzinfo=UTC) - self.received[source["feed"], source["file"]]
        self.waits_s.append(waited.total_seconds())
        ingestion = {name: value for name, value in source.items() if name not in OF_ITS_PROCESS}
        self.digest.update(bson.encode({**document, "ingestion": ingestion}))


def on(loop: Loop, application: Application, outside: asyncio.AbstractEventLoop) -> Application:
    """The same parts on that loop's time, with files dated by it; the store stays on the loop outside."""
    channels = tuple(
        (feed, DatedLanding(application.settings.data_dir, feed.name, loop.clock.now)) for feed, _ in application.feeds
    )
    store = cast("Store", Elsewhere(application.store, outside))
    return replace(application, feeds=channels, clock=loop.clock, store=store)


async def lived(application: Application, begins: datetime, seconds: float) -> Record:
    """Run for so many virtual seconds, in a thread; then verify and record."""
    loop = Loop(begins)
    parts = on(loop, application, asyncio.get_running_loop())
    await asyncio.to_thread(loop.live, app.run(parts, asyncio.Event(), seconds=seconds, producers=parts.producers()))
    newest = cast("dict[str, Any]", await application.store.newest(GENERATIONS))
    record = Record(await verify(application.domains, application.feeds, application.store, newest))
    for feed, landing in application.feeds:
        for path in sorted(landing.archive_files()):
            record.file(application.settings.data_dir, feed.name, path)
    for collection in sorted({feed.table.name for feed, _ in application.feeds}):
        async for document in _ordered(application.store, collection, raw=True):
            record.document(document)
    async for generation in _ordered(application.store, GENERATIONS, raw=True):
        record.digest.update(generation.raw)
    record.generations = [generation async for generation in _ordered(application.store, GENERATIONS)]
    record.waits = measured(record.waits_s, application.settings.latency_budget_s)
    return record


def _ordered(store: Store, collection: str, *, raw: bool = False) -> AsyncIterator[Any]:
    return store.aggregate(collection, [{"$sort": {"_id": 1}}], raw=raw)
