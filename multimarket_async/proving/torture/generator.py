"""Generator: the load of a round, drawn from its seed with the producer's own faults, and its delivery."""

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from io import FileIO
from pathlib import Path
from random import Random
from typing import TypeVar

from multimarket_async.app import Application
from multimarket_async.domains import Feed, IncomingFile, Record
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing import torn
from multimarket_async.landing.rename import place, rename_new
from multimarket_async.producer.faults import CONFLICT, TORN, Source
from multimarket_async.proving.manifest import Manifest
from multimarket_async.proving.torture.worker import ARCHIVE, HASTE
from multimarket_async.settings import Settings
from multimarket_async.simulation import DUPLICATE, STORED, Delivery

T = TypeVar("T")

EARLIEST, LATEST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
NUMBERS_PER_ROUND = 100
REUSED_NAME = "ticket"
FAULTS = "duplicate=0.15, torn=0.1, late=0.02, skew=0.02"  # of any feed
INVALID, CONTRADICTED = ", bad=0.16", ", conflict=0.1"  # of one with corruptions; if its documents cannot change
MOST_LARGE_BYTES = 64 << 20
TOO_LARGE, NOT_A_FILE = "file_too_large", "not_a_regular_file"
APPENDED = b"#"
LINK_TO = b"link to "  # with its target, what stands for the content of a link; see `content_digest`
RETRY_S, RETRY_WITHIN_S = 0.005, 1.0
DELETED, COPIED_WITHIN_S = " (deleted)", 0.4  # what is written before the copying ends is delivered, too
_WITHIN_S, _LATER_S = 0.35, 0.2  # the load of a round; copies and contradictions may come later
# Probabilities: a file of others kept open, a reused name, a file of ours kept open, a stalled writer, an odd file in a
# feed; and of follow-ups: that a document has some, that one is torn, that one comes again, that the document itself
# never comes; and that a bad file comes again.
_KEPT, _REUSED, _APPENDED, _STALLED, _ODD, _LIFECYCLE, _TORN, _AGAIN, _ORPHANED, _REFUSED_AGAIN = (
    0.1,
    0.15,
    0.1,
    0.004,
    0.1,
    0.5,
    0.1,
    0.15,
    0.1,
    0.3,
)
_MOST_AGAIN = 3


class Writing(StrEnum):
    """The way in which a file gets into the landing directory."""

    WHOLE = "whole"  # hidden, then renamed
    REUSED = "reused"  # the same, under a name that has to become free first
    KEPT = "kept open"  # by a writer that writes over it once it is taken; others may write to it too
    APPENDED = "appended to"  # by a writer of ours that goes on once it is archived
    TORN = "torn"  # under its own name from the first byte on, with a pause
    LINK = "link"
    PIPE = "pipe"


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery, `at_s` seconds after the load began. pause_s: in the middle of a torn one.

    contested: the round delivers other content under the same key.
    """

    feed: Feed
    delivery: Delivery
    at_s: float = 0.0
    writing: Writing = Writing.WHOLE
    pause_s: float = 0.0
    contested: bool = False


def draw(rng: Random, feeds: Sequence[Feed], seed: int, number: int) -> list[Planned]:
    """The load of round `number`; of feeds without a simulator nothing."""
    load = [planned for feed in feeds if feed.simulate for planned in _of_feed(rng, feed, seed, number)]
    rng.shuffle(load)
    return load


def _of_feed(rng: Random, feed: Feed, seed: int, number: int) -> Iterator[Planned]:
    source = Source(feed, Settings.model_validate({"seed": seed, "follow_ups": True, "faults": _faults(feed)}))
    first = number * NUMBERS_PER_ROUND
    for index in range(first, first + rng.randint(5, 30)):
        yield from _document(rng, feed, source, index)
    sample = source.simulate(seed, first + NUMBERS_PER_ROUND - 1, EARLIEST, LATEST)
    yield from _odd(rng, feed, sample)


def _faults(feed: Feed) -> str:
    """Rates of its faults. Another content under a key is a conflict only where a file has one, and keeps it."""
    if feed.corruptions is None:
        return FAULTS
    has_one_key = feed.records == "one" and feed.table.mode == "insert"
    return FAULTS + (CONTRADICTED if has_one_key else "") + INVALID


def _document(rng: Random, feed: Feed, source: Source, number: int) -> Iterator[Planned]:
    """A document with what the producer makes of it; its follow-ups arrive in any order, early, late or twice."""
    delivery, later = source.deliveries(number, EARLIEST, LATEST)
    contested = bool(later and later.expected == CONFLICT)
    document = Planned(feed, delivery, rng.uniform(0, _WITHIN_S), contested=contested)
    follow_ups = []
    if rng.random() < _LIFECYCLE:
        follow_ups = [
            each.delivery for each in source.with_follow_ups(delivery, LATEST) if each.delivery is not delivery
        ]
    if later or not follow_ups or rng.random() > _ORPHANED:
        yield document if later else _written(rng, document)
    if delivery.expected not in (STORED, DUPLICATE) and rng.random() < _REFUSED_AGAIN:
        yield from (replace(document, at_s=rng.uniform(0, _WITHIN_S)) for _ in range(rng.randint(1, _MOST_AGAIN)))
    if later:
        yield Planned(feed, later, rng.uniform(0, _WITHIN_S) + rng.choice([0, _LATER_S]), contested=contested)
    for follow_up in follow_ups:
        fault = TORN if rng.random() < _TORN else ""
        yield _written(rng, Planned(feed, replace(follow_up, fault=fault), rng.uniform(0, _WITHIN_S)))
        if rng.random() < _AGAIN:
            yield Planned(feed, replace(follow_up, expected=DUPLICATE), rng.uniform(0, _WITHIN_S))


def _written(rng: Random, planned: Planned) -> Planned:
    """The delivery with its writing: torn, for too long at times, or under a reused name."""
    chance, quiet_period_s = rng.random(), HASTE["quiet_period_s"]
    if planned.delivery.expected != STORED:
        return planned
    if chance < _STALLED and planned.feed.self_delimiting:  # of other feeds, half a file is a whole one
        return replace(planned, writing=Writing.TORN, pause_s=quiet_period_s + rng.uniform(0.1, 0.3))
    if planned.delivery.fault == TORN:
        return replace(planned, writing=Writing.TORN, pause_s=rng.uniform(0.05, quiet_period_s * 0.6))
    if chance > 1 - _KEPT:
        return replace(planned, writing=Writing.KEPT)
    chance += _KEPT
    if chance > 1 - _REUSED:
        name = f"{REUSED_NAME}{_suffix(planned.feed, planned.delivery.name)}"
        return replace(planned, writing=Writing.REUSED, delivery=replace(planned.delivery, name=name))
    appended = chance + _REUSED > 1 - _APPENDED and not planned.feed.has_receipts
    return replace(planned, writing=Writing.APPENDED) if appended else planned


def _named(feed: Feed, stem: str) -> str:
    return f"{stem}{feed.suffixes[0]}"


def _suffix(feed: Feed, name: str) -> str:
    """The longest suffix of the feed that the name has: the form of the content may follow from it."""
    return max((suffix for suffix in feed.suffixes if name.lower().endswith(suffix)), key=len)


def _odd(rng: Random, feed: Feed, sample: Delivery) -> Iterator[Planned]:
    """Files that no collector reads: a link, a pipe, one that is too large, where that is not a gigabyte."""
    limit = int(feed.max_file_bytes or HASTE["max_file_bytes"])
    too_large = sample.content + b" " * limit if limit <= MOST_LARGE_BYTES else b""
    for writing, stem, content, code in (
        (Writing.LINK, "link", LINK_TO + b"/etc/hostname", NOT_A_FILE),
        (Writing.PIPE, "pipe", b"pipe", NOT_A_FILE),
        (Writing.WHOLE, "large", too_large, TOO_LARGE),
    ):
        if rng.random() < _ODD and content:
            yield Planned(
                feed, Delivery(_named(feed, stem), content, expected=code), rng.uniform(0, _WITHIN_S), writing
            )


class Generator:
    """Delivers a load and records in a manifest what landed, and everything that may become of it."""

    def __init__(self, application: Application, manifest: Manifest) -> None:
        self._folders = {landing.feed: landing.sources for _, landing in application.feeds}
        self._store = application.store
        self._manifest = manifest

    async def deliver_all(self, load: Sequence[Planned]) -> None:
        """Deliver each file at its time; return when the last one is whole."""
        async with asyncio.TaskGroup() as group:
            for planned in load:
                group.create_task(self._deliver(planned))

    async def _deliver(self, planned: Planned) -> None:
        await asyncio.sleep(planned.at_s)
        expected, *also = await self._outcomes(planned)
        folder, name, content = self._folders[planned.feed.name], planned.delivery.name, planned.delivery.content
        match planned.writing:
            case Writing.WHOLE | Writing.REUSED:
                await _write_whole(folder, name, content, reused=planned.writing is Writing.REUSED)
            case Writing.KEPT:
                await _write_and_keep(folder, name, content, _write_over)
            case Writing.APPENDED:
                await self._append(planned)
            case Writing.TORN:
                if await _write_torn(folder, name, content, planned.pause_s) >= HASTE["quiet_period_s"]:
                    also += _codes_of_half(planned)
            case Writing.LINK:
                target = os.fsdecode(content.removeprefix(LINK_TO))
                await _until_there(lambda: (folder / name).symlink_to(target))
            case Writing.PIPE:
                await _until_there(lambda: os.mkfifo(folder / name))
        with self._manifest.record(planned.feed.name, [replace(planned.delivery, expected=expected)], also):
            pass  # only now is it known how long it may have looked unchanged

    async def _append(self, planned: Planned) -> None:
        """Append to a file once it is archived: that comes to light in quarantine, behind what was stored."""
        folder, delivery = self._folders[planned.feed.name], planned.delivery
        if await _write_and_keep(folder, delivery.name, delivery.content, _append):
            whole = replace(delivery, content=delivery.content + APPENDED, expected="written_after_storing")
            with self._manifest.record(planned.feed.name, [whole]):
                pass

    async def _outcomes(self, planned: Planned) -> list[str]:
        """Of two contents under one key the stored one stays; before one is stored, either may be."""
        [record] = _read(planned, planned.delivery.content) if planned.contested else [None]
        if not isinstance(record, dict):
            return [planned.delivery.expected]
        stored: dict[str, str] = {}
        with suppress(Unavailable):
            stored = await self._store.digests(planned.feed.table.name, [record["_id"]])
        own = hashlib.sha256(planned.delivery.content).hexdigest()
        return [DUPLICATE if sha256 == own else CONFLICT for sha256 in stored.values()] or [STORED, CONFLICT]


def _codes_of_half(planned: Planned) -> Iterator[str]:
    """The codes under which a file may be quarantined that looked unchanged for too long before it was whole."""
    yield "still_changing"
    try:
        _read(planned, planned.delivery.content[: len(planned.delivery.content) // 2])
    except Rejected as rejected:
        yield rejected.code


def _read(planned: Planned, content: bytes) -> list[Record]:
    return list(planned.feed.read(IncomingFile(planned.feed.name, planned.delivery.name, LATEST, content)))


async def _write_whole(folder: Path, name: str, content: bytes, *, reused: bool) -> None:
    """Write under a hidden name, then rename; a reused name is waited for, for a while."""
    hidden = folder / f".{uuid.uuid4().hex}.part"
    await _until_there(lambda: hidden.write_bytes(content))
    deadline = time.monotonic() + RETRY_WITHIN_S
    while reused and time.monotonic() < deadline:
        try:
            return await _until_there(lambda: rename_new(hidden, folder / name))
        except FileExistsError:
            await asyncio.sleep(RETRY_S)
    await _until_there(lambda: place(str(hidden), str(folder), name, (Path(name).suffix,)))
    return None


def _write_over(kept: FileIO, content: bytes, where: str) -> bool:
    """Write over a file that others may write to, once it is taken."""
    taken = where.endswith(DELETED) or f"/{ARCHIVE}/" in where
    if taken:
        kept.write(b"#" * len(content))
    return taken


def _append(kept: FileIO, _content: bytes, where: str) -> bool:
    """Append to a file of ours, once it is archived by a rename."""
    taken = f"/{ARCHIVE}/" in where and not where.endswith(DELETED)
    if taken:
        kept.seek(0, os.SEEK_END)
        kept.write(APPENDED)
    return taken


async def _write_and_keep(folder: Path, name: str, content: bytes, go_on: Callable[[FileIO, bytes, str], bool]) -> bool:
    """Write a file, keep it open, and go on writing there; False if the time for that did not come."""
    hidden, deadline = folder / f".{uuid.uuid4().hex}.part", time.monotonic() + RETRY_WITHIN_S
    await _until_there(lambda: hidden.write_bytes(content))
    with await _until_there(lambda: hidden.open("r+b", buffering=0)) as kept:
        os.fchmod(kept.fileno(), 0o666 if go_on is _write_over else 0o600)
        await _until_there(lambda: place(str(hidden), str(folder), name, (Path(name).suffix,)))
        while time.monotonic() < deadline:
            where = os.readlink(f"/proc/self/fd/{kept.fileno()}")  # noqa: PTH115 - of a file that may be gone
            if where.endswith(DELETED):
                await asyncio.sleep(COPIED_WITHIN_S)
            if go_on(kept, content, where):
                return True
            await asyncio.sleep(RETRY_S)
    return False


async def _write_torn(folder: Path, name: str, content: bytes, pause_s: float) -> float:
    """Write half, pause, write the rest; the longest time for which the file may have looked unchanged, seconds."""
    began, visible = time.monotonic(), f"{uuid.uuid4().hex[:6]} {name}"
    with ExitStack() as unfinished:
        await _until_there(lambda: unfinished.enter_context(torn(folder, visible, content)))
        await asyncio.sleep(pause_s)
    return time.monotonic() - began


async def _until_there(write: Callable[[], T]) -> T:
    """Write; while the directory is gone, try again."""
    deadline = time.monotonic() + RETRY_WITHIN_S
    while True:
        try:
            return write()
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_S)
