"""Archived files that their writers go on writing to: what was written comes to light, and what was stored stays."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from multimarket_async.accepted import accepted
from multimarket_async.clock import Clock
from multimarket_async.errors import Rejected
from multimarket_async.feeds import Feed
from multimarket_async.files_io import digest_of_stream
from multimarket_async.landing import Landing, WaitingFile
from multimarket_async.landing.files import Misplaced
from multimarket_async.landing.late_writes import beginnings, content_of, ends
from multimarket_async.landing.rename import named_before
from multimarket_async.settings import Settings
from multimarket_async.store import Receipts, Store

log = structlog.get_logger()

FILES_PER_QUERY = 1_000


class _Beginning(NamedTuple):
    """The part of a file that was stored: its size and digest, and the time of its content, 0 if unknown."""

    bytes: int
    sha256: str
    written_ns: int = 0


class LateWrites:
    """Finds such files among those that were archived last, as long as this process lives.

    A file of one record whose content never changes goes to the quarantine: a person must decide. Any other one is
    delivered again, as its writer would deliver it: records that are stored are duplicates, or older versions.
    Where what was stored is its beginning, the archive keeps that in its place.
    """

    def __init__(self, feeds: Iterable[tuple[Feed, Landing]], store: Store, settings: Settings, clock: Clock) -> None:
        self._feeds = list(feeds)
        self._store = store
        self._settings = settings
        self._clock = clock
        self._examined = set[tuple[int, int]]()

    async def look(self) -> int:
        """Look at them all; the number of files that were written to. Raises Unavailable, OSError."""
        known, self._examined = self._examined, set()
        return sum([await self._look_at(feed, landing, known) for feed, landing in self._feeds])

    async def _look_at(self, feed: Feed, landing: Landing, known: set[tuple[int, int]]) -> int:
        began_ns, found, changed = landing.arrivals.begin(), landing.written_after_archiving(), 0
        for file in await asyncio.to_thread(landing.withdrawn):  # a process was killed before it had done with them
            changed += await self._disclose(feed, landing, file)
        while files := await asyncio.to_thread(lambda: list(islice(found, FILES_PER_QUERY))):
            self._examined |= known & {_version(file) for file in files}
            new = [file for file in files if _version(file) not in known]
            others = await self._changed(feed, new)
            for file in others:
                changed += await self._disclose(feed, landing, file)
            self._examined |= {_version(file) for file in new} - {_version(file) for file in others}
        landing.arrivals.end(began_ns)
        return changed

    async def _changed(self, feed: Feed, files: Sequence[WaitingFile]) -> list[WaitingFile]:
        """The files whose content the database does not know."""
        if not files:
            return []
        digests = await asyncio.to_thread(lambda: {file: self._digests(feed, file) for file in files})
        known = await accepted(self._store, feed, [digest for each in digests.values() for digest in each])
        return [file for file, each in digests.items() if each and known.isdisjoint(each)]

    def _digests(self, feed: Feed, file: WaitingFile) -> list[str]:
        """Its digest; and without the white space at its end, which is no difference where a file is a record."""
        with suppress(OSError):  # it is gone
            if not feed.has_receipts and file.bytes <= self._most(feed):
                content = b"".join(content_of(file.where))
                return [hashlib.sha256(text).hexdigest() for text in (content, content.rstrip())]
            with Path(file.where).open("rb") as stream:
                return [digest_of_stream(stream)]
        return []

    def _most(self, feed: Feed) -> int:
        return feed.max_file_bytes or self._settings.max_file_bytes

    async def _beginning(self, feed: Feed, file: WaitingFile) -> _Beginning | None:
        """The part that was stored; None if it has been written over."""
        if feed.has_receipts:
            return await self._by_receipt(feed, file)
        content = await asyncio.to_thread(lambda: b"".join(content_of(file.where, self._most(feed))))
        sizes = await asyncio.to_thread(lambda: beginnings([content], ends(content)))
        stored = await accepted(self._store, feed, list(sizes))
        return max((_Beginning(sizes[digest], digest) for digest in stored), default=None)

    async def _by_receipt(self, feed: Feed, file: WaitingFile) -> _Beginning | None:
        receipts = await Receipts(self._store).of_files(feed.name, named_before(file.name, feed.suffixes))
        known = {
            receipt["sha256"]: _Beginning(receipt["bytes"], receipt["sha256"], written_ns)
            for receipt in receipts
            if (written_ns := receipt.get("written_ns")) and receipt["bytes"] < file.bytes
        }
        sizes = sorted({beginning.bytes for beginning in known.values()})
        found = await asyncio.to_thread(lambda: beginnings(content_of(file.where), sizes))
        return max((known[digest] for digest in found if digest in known), default=None)

    async def _disclose(self, feed: Feed, landing: Landing, file: WaitingFile) -> bool:
        """Show what was written, and keep what was stored; False if the file is written to at this moment."""
        try:
            stored = await self._beginning(feed, file)
            await asyncio.to_thread(self._move, feed, landing, file, stored)
        except (FileNotFoundError, FileExistsError):  # it has changed again, or another process has it: the next look
            return False
        facts = {"bytes": file.bytes, "bytes_stored": stored and stored.bytes}
        log.warning("archive.changed", feed=feed.name, file=file.name, delivered_again=feed.has_receipts, **facts)
        return True

    def _move(self, feed: Feed, landing: Landing, file: WaitingFile, stored: _Beginning | None) -> None:
        size, written_ns = (stored.bytes, stored.written_ns) if stored else (None, 0)
        with landing.withdraw(file, size, written_ns) as withdrawn:
            if feed.has_receipts:
                landing.deliver_again(withdrawn)
                return
            facts = {"feed": feed.name, "bytes": file.bytes, "changed_ns": file.changed_ns, "sha256": None}
            with suppress(Misplaced):  # it was written to in that very moment, and waits in the landing directory now
                landing.reject(withdrawn, _rejected(stored), {**facts, "quarantined_at": self._clock.now().isoformat()})


def _version(file: WaitingFile) -> tuple[int, int]:
    return file.inode, file.changed_ns


def _rejected(stored: _Beginning | None) -> Rejected:
    if stored is None:
        sentence = "its writer wrote over it after it was stored: the document is from what was there before"
        return Rejected("written_after_storing", sentence)
    sentence = f"its writer went on after it was stored: the document is from its first {stored.bytes} bytes"
    facts: dict[str, Any] = {"bytes_stored": stored.bytes, "sha256_stored": stored.sha256}
    return Rejected("written_after_storing", sentence, facts=facts)
