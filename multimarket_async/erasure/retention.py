"""Retention: what is older than the settings keep it is removed, day by day; an archived file only if it is stored."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from multimarket_async.accepted import accepted, stored_files
from multimarket_async.clock import Clock
from multimarket_async.domains import Feed, Table
from multimarket_async.erasure import log_lines
from multimarket_async.erasure.files import digest
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import Landing
from multimarket_async.landing.expired import RECORD, alone, complete, remove
from multimarket_async.landing.packs import DAY, files_of, packed_files
from multimarket_async.landing.quarantine import REASON, is_content
from multimarket_async.landing.waiting import is_hidden
from multimarket_async.store import PLACEHOLDER_PARTITION, Expirations, Partitions, Store
from multimarket_async.store.documents import Stage
from multimarket_async.store.expirations import Pending

log = structlog.get_logger()

FILES_PER_QUERY, DOCUMENTS_AT_A_TIME = 20_000, 5_000
ROTATED = re.compile(r"\.\d+$")  # multimarket.jsonl.1, mongod.log.1


@dataclass(frozen=True, slots=True)
class Keep:
    """Days to keep the archive, the quarantine and lines of logs; 0: for ever. And documents, by table."""

    archive_days: float = 0
    quarantine_days: float = 0
    logs_days: float = 0
    documents_days: Mapping[str, float] = field(default_factory=dict)


class Retention:
    """Removes what is too old. logs: their folders."""

    def __init__(
        self, feeds: Sequence[tuple[Feed, Landing]], store: Store, clock: Clock, keep: Keep, logs: Collection[Path]
    ) -> None:
        self._feeds = feeds
        self._store = store
        self._clock = clock
        self._keep = keep
        self._logs = logs
        self._expirations, self._partitions = Expirations(store), Partitions(store, clock)

    async def run(self) -> None:
        """Remove it. Raises Unavailable, OSError."""
        for feed, landing in self._feeds:
            if self._keep.archive_days:
                await self._archive(feed, landing)
            if self._keep.quarantine_days:
                await asyncio.to_thread(self._quarantine, landing)
        for name, days in self._keep.documents_days.items():
            await self._documents(self._table(name), self._before(days))
        if self._keep.logs_days:
            await asyncio.to_thread(self._log_lines)

    def _before(self, days: float) -> datetime:
        return self._clock.now() - timedelta(days=days)

    async def _archive(self, feed: Feed, landing: Landing) -> None:
        if not landing.archived.is_dir():
            return
        with alone(landing.archived) as ours:
            if not ours:
                return
            complete(landing.archived, _always)
            today = self._before(self._keep.archive_days).date().isoformat()
            for path in sorted(landing.archived.iterdir()):
                if DAY.match(path.name) and path.name[: len(today)] < today:
                    await (self._day(feed, landing, path) if path.is_dir() else self._pack(feed, landing, path))

    async def _day(self, feed: Feed, landing: Landing, day: Path) -> None:
        """Remove the stored files of a day; the others stay."""
        files = iter(await asyncio.to_thread(_visible, day))
        while paths := list(islice(files, FILES_PER_QUERY)):
            stored = await self._stored(feed, paths)
            await asyncio.to_thread(remove, landing.archived, stored, _always)
            _report(feed.name, day, len(stored), len(paths) - len(stored))
        with suppress(OSError):  # some are left
            await asyncio.to_thread(day.rmdir)

    async def _pack(self, feed: Feed, landing: Landing, pack: Path) -> None:
        """Remove a pack, if each of its files is stored."""
        with TemporaryDirectory() as room:
            paths = await asyncio.to_thread(lambda: [*files_of(pack, Path(room))])
            unknown = len(paths) - len(await self._stored(feed, paths))
        if packed_files(pack.name) and not unknown:
            await asyncio.to_thread(remove, landing.archived, [pack], _always)
        _report(feed.name, pack, 0 if unknown else len(paths), unknown)

    async def _stored(self, feed: Feed, paths: Sequence[Path]) -> list[Path]:
        """The files whose content the database knows."""
        digests = await asyncio.to_thread(lambda: {path: _digest(feed, path) for path in paths})
        wanted = [found for found in digests.values() if found]
        known = await accepted(self._store, feed, wanted)
        return [path for path, found in digests.items() if found in known]

    def _table(self, name: str) -> Table:
        """The table of this name; of several, which have one collection, that with a history, as others have none."""
        tables = [table for feed, _ in self._feeds for table in feed.tables]
        if name not in (names := dict.fromkeys(table.name for table in tables)):
            raise WrongSettings(f"keep_documents names no table: {name}. There are {', '.join(names)}.")
        return max((table for table in tables if table.name == name), key=lambda table: table.lifecycle is not None)

    async def _documents(self, table: Table, before: datetime) -> None:
        """Remove documents that were stored, and changed last, before that, a note of them first."""
        removed = 0
        while (pending := await self._expirations.pending(table.name)) or await self._note(table, before):
            if pending:
                await self._remove(table, pending)
                removed += len(pending.keys)
        if removed:
            log.info("documents.expired", table=table.name, documents=removed)

    async def _remove(self, table: Table, pending: Pending) -> None:
        """Remove them, but for those that were changed meanwhile: they are in another partition now."""
        async with self._partitions.around_ending(table.name, pending.partitions):
            partitions = {"$in": pending.partitions}
            await self._store.remove(table.name, pending.keys, **{"ingestion.partition": partitions})
        await self._expirations.end(table.name, pending)

    async def _note(self, table: Table, before: datetime) -> bool:
        """Note some of those documents; False if there is none."""
        stages: list[Stage] = [
            {"$match": _older(table, before)},
            {"$limit": DOCUMENTS_AT_A_TIME},
            {"$project": {"feed": "$ingestion.feed", "partition": "$ingestion.partition"}},
        ]
        found = [document async for document in self._store.aggregate(table.name, stages)]
        if not found:
            return False
        keys, partitions = [document["_id"] for document in found], {document["partition"] for document in found}
        receipts = {feed.name for feed, _ in self._feeds if feed.has_receipts}
        files = await stored_files(self._store, table, {"$match": {"_id": {"$in": keys}}})
        await self._expirations.begin(
            table.name,
            keys,
            sorted(partitions),
            documents=Counter(document["feed"] for document in found),
            files={of: number for of, number in files.items() if of[0] not in receipts},
        )
        return True

    def _quarantine(self, landing: Landing) -> None:
        folder, before = landing.quarantine.folder, self._before(self._keep.quarantine_days)
        with alone(folder) as ours:
            if ours:
                complete(folder, is_content)
                files = [path for path in folder.iterdir() if path.is_file() and path.name != RECORD]
                young = {path.name for path in files if _changed_at(path) >= before}
                young |= {f"{name}{REASON}" for name in young}  # written before their files, or again since
                old = [path for path in files if not {path.name, f"{path.name}{REASON}"} & young]
                remove(folder, old, is_content)
                _report(landing.feed, folder, sum(is_content(path.name) for path in old))

    def _log_lines(self) -> None:
        before = self._before(self._keep.logs_days)
        for path in log_lines.logs(self._logs):
            old = {at < before for _, line in log_lines.lines(path) if (at := _logged_at(line))}
            if ROTATED.search(path.name) and False not in old:
                path.unlink(missing_ok=True)
            elif True in old:
                log_lines.overwrite_in(path, lambda line: (_logged_at(line) or before) < before)


def _older(table: Table, before: datetime) -> Stage:
    """Documents of ours that were stored before that, as were all their follow-ups."""
    young = {"$elemMatch": {"ingestion.ingested_at": {"$gte": before}}}
    later = {table.lifecycle.history: {"$not": young}} if table.lifecycle else {}
    own = {
        "ingestion.feed": {"$type": "string"},
        "ingestion.partition": {"$type": "string", "$ne": PLACEHOLDER_PARTITION},
    }
    return {"ingestion.ingested_at": {"$lt": before}, **own, **later}


def _visible(day: Path) -> list[Path]:
    return sorted(path for path in day.iterdir() if not is_hidden(path.name))


def _always(_name: str) -> bool:
    return True


def _report(feed: str, place: Path, removed: int, unknown: int = 0) -> None:
    if removed:
        log.info("files.expired", feed=feed, place=place.name, files=removed)
    if unknown:
        log.warning("files.unstored", feed=feed, place=place.name, files=unknown, why="MongoDB does not know them")


def _digest(feed: Feed, path: Path) -> str | None:
    with suppress(OSError, EOFError):
        return digest(feed, path)
    return None


def _changed_at(path: Path) -> datetime:
    """The time at which it came here, which nobody can set."""
    return datetime.fromtimestamp(path.lstat().st_ctime, UTC)


def _logged_at(line: bytes) -> datetime | None:
    """The time of a line of ours, or of mongod's."""
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found = json.loads(line)
        at = datetime.fromisoformat(found.get("timestamp") or found["t"]["$date"])
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None
