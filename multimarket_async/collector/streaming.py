"""Files of many records: one chunk is read while the one before is stored, and small files pass large ones."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing, closing, contextmanager, nullcontext, suppress
from functools import partial

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import UNTIL_RELEASED, Backlog
from multimarket_async.collector.checking import Check
from multimarket_async.collector.chunks import Stopped, Stored, in_order, read_ahead
from multimarket_async.collector.filing import Filing, record_disposition
from multimarket_async.collector.held import Held
from multimarket_async.collector.opened import OpenedFile, still_changing
from multimarket_async.collector.outage import Outage
from multimarket_async.collector.outdated import OutdatedRows
from multimarket_async.collector.reader import Batch, RejectedFile
from multimarket_async.collector.threads import in_thread, left_in_thread
from multimarket_async.collector.together import Files, Together, file_outcome, is_stored_together
from multimarket_async.collector.writer import Writer
from multimarket_async.domains import Feed, RejectedRecord
from multimarket_async.errors import CannotContinue, Rejected, Unavailable
from multimarket_async.landing import Landing, RejectsWriter, WaitingFile
from multimarket_async.records import Chunk, rejected_record, whole_file
from multimarket_async.settings import Settings
from multimarket_async.simulation import DUPLICATE, STORED, SUPERSEDED
from multimarket_async.store import CHANGED, Filling, Inserted, Receipt, Receipts, RecordCounts, Replaced, Store

log = structlog.get_logger()

SMALL_BYTES, LARGE_BYTES = 1 << 20, 8 << 20
GZIP_RATIO = 20  # what a compressed file holds, at a guess
LARGE_AT_A_TIME = 2
MOST_REASONS = 20
REJECTED, REPLACED = "rejected", "replaced"  # as in RecordCounts


class Streaming:
    """Collects the files of feeds with receipts: of each feed one small and one large file at a time."""

    def __init__(
        self,
        feeds: Iterable[tuple[Feed, Landing]],
        store: Store,
        *,
        writer: Writer,
        filling: Filling,
        outage: Outage,
        held: Held,
        filing: Filing,
        moving: Executor,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.backlogs = [
            Backlog(feed, landing, clock, quiet_s=0.0 if feed.self_delimiting else settings.quiet_period_s, takes=takes)
            for feed, landing in feeds
            for takes in (_is_small, _is_large)
        ]
        self._outdated = OutdatedRows(writer, clock)
        self._together = Together(
            Receipts(store), writer, filling=filling, filing=filing, settings=settings, clock=clock
        )
        self._away = set[Backlog]()
        self._store = store
        self._receipts = Receipts(store)
        self._writer = writer
        self._filling = filling
        self._outage = outage
        self._held = held
        self._filing = filing
        self._moving = moving
        self._reading, self._reading_large = ThreadPoolExecutor(1, "records"), ThreadPoolExecutor(1, "large")
        self._large = asyncio.Semaphore(LARGE_AT_A_TIME)
        self._settings = settings
        self._clock = clock

    async def sweep(self, backlog: Backlog, enough: Callable[[], bool]) -> bool:
        """Collect the files of a backlog until none is due; False if something outside is away."""
        try:
            if backlog in self._away:
                await self._store.ping()
                backlog.undefer()
                self._away.discard(backlog)
            self._held.retry(backlog)
            with self._holding(backlog):
                await self._outdated.end(backlog.feed.table)
            await self._drain(backlog, enough)
            if self._filing.is_late:
                await in_thread(self._moving, partial(self._filing.report, swept=True))
            self._held.end(backlog)
        except (Unavailable, CannotContinue) as why:
            self._away.add(backlog)
            self._outage.begin(why)
            backlog.requeue()
            with suppress(Unavailable, Stopped):
                await self._quarantine_meanwhile(backlog, enough)
            return False
        finally:
            backlog.requeue()
        return True

    async def _quarantine_meanwhile(self, backlog: Backlog, enough: Callable[[], bool]) -> None:
        """While nothing can be stored, read each small file once: to quarantine a bad one takes no MongoDB."""
        while backlog.takes is _is_small and not enough():
            if not (files := await in_thread(self._reading, backlog.take_readable, 1, 1)):
                break
            await self._quarantine_if_bad(backlog, files[0], enough)

    async def _quarantine_if_bad(self, backlog: Backlog, file: WaitingFile, enough: Callable[[], bool]) -> None:
        async def read(opened: OpenedFile) -> None:
            await self._check(Check(opened, None), opened, enough)
            backlog.defer(file, UNTIL_RELEASED, "accepted")

        await self._open(backlog, file, read)

    async def _drain(self, backlog: Backlog, enough: Callable[[], bool]) -> None:
        if backlog.takes is _is_small and is_stored_together(backlog.feed):
            await self._drain_together(backlog, enough)
            return
        while not enough() and (files := await in_thread(self._reading, backlog.take_readable, 1, 1)):
            with self._holding(backlog, *files):
                async with self._large if _bytes(files[0]) > LARGE_BYTES else nullcontext():
                    await self._collect(backlog, files[0], enough)

    async def _drain_together(self, backlog: Backlog, enough: Callable[[], bool]) -> None:
        """Collect small files, many at a time: while some are stored, others are read, or moved to the archive."""
        reading, filed = self._read_together(backlog, enough), None
        try:
            while reading and (found := await asyncio.shield(reading)):
                reading = self._read_together(backlog, enough)
                with self._holding(backlog, *found.waiting):
                    filed = await self._store_together(found, filed)
                    for file in found.alone:
                        await self._collect(backlog, file, enough)
            if filed:
                await filed
        finally:
            await asyncio.gather(*filter(None, (reading, filed)), return_exceptions=True)

    def _read_together(self, backlog: Backlog, enough: Callable[[], bool]) -> asyncio.Task[Files | None] | None:
        return None if enough() else asyncio.create_task(in_thread(self._reading, self._together.read, backlog))

    async def _store_together(self, found: Files, earlier: asyncio.Task[None] | None) -> asyncio.Task[None] | None:
        """Store files, when those before are in the archive; the task that archives them too."""
        if found.batch.rejected:
            await in_thread(self._moving, self._filing.quarantine, found.batch, found.batch.rejected)
        receipts = await self._together.store(found) if found.read else []
        if earlier:
            await earlier
        if not receipts:
            return None
        self._outage.end()
        return asyncio.create_task(in_thread(self._moving, self._together.file_away, found, receipts))

    @contextmanager
    def _holding(self, backlog: Backlog, *files: WaitingFile) -> Iterator[None]:
        """Hold a backlog where its files cannot be stored: those of other feeds go on."""
        try:
            yield
        except Stopped:
            backlog.release(*files)
        except (Unavailable, CannotContinue):
            raise
        except Exception as why:  # noqa: BLE001 - whatever it is
            for file in files:
                backlog.defer(file, UNTIL_RELEASED, "held")
            self._held.hold(backlog, why)

    async def _collect(self, backlog: Backlog, file: WaitingFile, enough: Callable[[], bool]) -> None:
        """Store a file and archive it, or quarantine it."""
        batch = Batch(backlog, backlog.scanned, self._clock.monotonic(), [], [])

        async def store(opened: OpenedFile) -> None:
            receipt = await self._stored(opened, backlog.landing, enough)
            await in_thread(self._moving, self._file_away, batch, file, receipt)

        await self._open(backlog, file, store)

    async def _open(self, backlog: Backlog, file: WaitingFile, work: Callable[[OpenedFile], Awaitable[None]]) -> None:
        """Work on a file; if it is rejected meanwhile, it is quarantined."""
        limit, sha256 = backlog.feed.max_file_bytes or self._settings.max_file_bytes, None
        try:
            now = self._clock.now()
            latest = self._settings.latest_date(now)
            opened = await in_thread(self._thread(file), OpenedFile, backlog.feed, file, limit, now, latest)
            sha256 = opened.identity.sha256
            with closing(opened):
                await work(opened)
        except FileNotFoundError:  # somebody else took it
            backlog.release(file)
        except Rejected as rejected:
            batch = Batch(backlog, backlog.scanned, self._clock.monotonic(), [], [RejectedFile(file, rejected, sha256)])
            await in_thread(self._moving, self._filing.quarantine, batch, batch.rejected)

    def _file_away(self, batch: Batch, file: WaitingFile, receipt: Receipt) -> None:
        now = self._clock.monotonic()
        moved = self._filing.archive(batch, receipt.outcome, [file], now)
        self._filing.report()
        if not moved:
            return
        outcomes = {name: getattr(receipt.counts, name) for name in (STORED, DUPLICATE, SUPERSEDED, REJECTED)}
        facts = {"records": receipt.counts.records, **outcomes, "seconds": round(now - batch.began, 3)}
        log.info("file.collected", feed=receipt.feed, file=receipt.file, **facts)

    async def _stored(self, opened: OpenedFile, landing: Landing, enough: Callable[[], bool]) -> Receipt:
        """Store the records of a file, and then its receipt. Raises Rejected, Stopped, Unavailable."""
        await self._check(Check(opened, self._store), opened, enough)
        try:
            listed = landing.quarantine.rejects(opened.identity.name, opened.receipt)
            async with left_in_thread(self._moving, listed) as rejects:
                counts, failure = await self._store_records(opened, rejects, enough)
        except OSError as error:
            raise Unavailable(f"rejected records cannot be listed: {error.strerror}") from error
        if opened.feed.table.mode == "replace" and not failure:
            await self._writer.end_older(opened.feed.table, opened.version)
        for derived in opened.feed.derived if not failure else ():
            await self._derive(opened.deriving(derived), enough)
        receipt = opened.receipted(CHANGED if failure else file_outcome(counts), counts, landing.identity.id)
        await self._receipts.write(receipt)
        if failure:
            raise failure
        return receipt

    async def _check(self, check: Check, opened: OpenedFile, enough: Callable[[], bool]) -> None:
        """Read all of a file before anything of it is stored. Raises Rejected."""
        async with aclosing(read_ahead(check.chunks(), self._thread(opened.file), enough)) as chunks:
            async for chunk in chunks:
                await check.take(chunk)
        await in_thread(self._thread(opened.file), check.end)

    async def _store_records(
        self, opened: OpenedFile, rejects: RejectsWriter, enough: Callable[[], bool]
    ) -> tuple[RecordCounts, Rejected | None]:
        """Store the records of a file, and list the rejected ones. Raises Rejected where there are no others.

        The second result is not None where the file was written to meanwhile: it comes again.
        """
        table, counts, first = opened.feed.table, RecordCounts(), list[RejectedRecord]()
        outdated = table.mode == "replace" and await self._writer.newest_file(table) > opened.version
        try:
            async with aclosing(read_ahead(opened.chunks(self._filling), self._thread(opened.file), enough)) as chunks:
                store = _outdated if outdated else partial(self._store_chunk, opened.feed)
                async with aclosing(in_order(chunks, store)) as stored:
                    async for outcomes, bad in stored:
                        counts = counts.plus(outcomes + Counter({REJECTED: len(bad)}))
                        first += bad[: MOST_REASONS - len(first)]
                        await in_thread(self._moving, _list, rejects, bad)
        except Rejected as rejected:  # it could be read a moment ago
            return counts, rejected
        if counts.rejected == counts.records > 0:
            raise whole_file(first)
        return counts, still_changing() if opened.is_changed() else None

    async def _derive(self, opened: OpenedFile, enough: Callable[[], bool]) -> None:
        """Store what follows from a file. Raises Rejected, Stopped, Unavailable."""
        async with aclosing(read_ahead(opened.chunks(self._filling), self._thread(opened.file), enough)) as chunks:
            async for chunk in chunks:
                await self._writer.write(opened.feed, chunk.documents)

    async def _store_chunk(self, feed: Feed, chunk: Chunk) -> Stored:
        outcomes, bad = Counter[str](), list(chunk.rejected)
        found = await self._writer.write(feed, chunk.documents)
        self._outage.end()
        if {*map(type, found)} <= {Inserted}:
            return Stored(Counter({STORED: len(found)}), bad)
        for document, place, outcome in zip(chunk.documents, chunk.places, found, strict=True):
            disposed = record_disposition(feed.table, document, outcome)
            if isinstance(disposed, Rejected):
                bad.append(rejected_record(place, disposed))
            else:
                outcomes[disposed] += 1
                outcomes[REPLACED] += isinstance(outcome, Replaced)
        return Stored(outcomes, bad)

    def _thread(self, file: WaitingFile) -> Executor:
        """The thread that reads a file: a small one does not wait for a chunk of a large one."""
        return self._reading if _is_small(file) else self._reading_large


def _list(rejects: RejectsWriter, bad: Iterable[RejectedRecord]) -> None:
    for record in bad:
        rejects.add(record)


async def _outdated(chunk: Chunk) -> Stored:
    """All records of a chunk are superseded: a newer file is the whole table."""
    return Stored(Counter({SUPERSEDED: len(chunk.documents)}), chunk.rejected)


def _bytes(file: WaitingFile) -> int:
    return file.bytes * (GZIP_RATIO if file.where.lower().endswith(".gz") else 1)


def _is_small(file: WaitingFile) -> bool:
    return _bytes(file) <= SMALL_BYTES


def _is_large(file: WaitingFile) -> bool:
    return not _is_small(file)
