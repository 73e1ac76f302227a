"""Is it right? Conservation, archived = stored, and the KPIs once more from the archived files."""

import asyncio
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from multimarket_async.audits import Lives
from multimarket_async.domains import Document, Feed, FollowUp, LoadedDomain, Row, Stage
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, is_content
from multimarket_async.readers.accounting import Channel, counted
from multimarket_async.store import Store, compared_by, digest_of, digests_of

CHUNK_FILES = 1000


@dataclass
class Report:
    """What was looked at, and every difference found: none means right."""

    generation: int
    channels: list[Channel]
    kpis: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Nothing differs."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class _Archived:
    """A file: the digest of each of its documents, by key, and of each of its follow-ups."""

    path: Path
    content: bytes
    documents: dict[str, str]
    follow_ups: list[tuple[FollowUp, str]]


class Seen:
    """Which keys have been seen. SQLite keeps them in a temporary file of its own and a few MB of memory."""

    def __init__(self) -> None:
        # The pieces of the archive are read in threads, one after the other.
        self._keys = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._keys.execute("CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID")
        self._keys.execute("BEGIN")  # never committed: nothing has to survive

    def first_time(self, keys: Iterable[str]) -> bool:
        """Whether none of them was seen before; all of them are now."""
        added = [self._keys.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount for key in keys]
        return all(added)

    def close(self) -> None:
        """Remove the temporary file."""
        self._keys.close()


class Verifier:
    """Reads every archived file once, in bounded memory."""

    def __init__(self, store: Store, counted_one: Callable[[int], None]) -> None:
        self._store = store
        self._counted = counted_one
        self._seen = Seen()
        self._distinct: Counter[str] = Counter()
        self.differences: list[str] = []

    async def compare(self, domain: LoadedDomain, landings: dict[str, Landing], generation: dict[str, Any]) -> None:
        """Compare one domain's archive with its collections and with its KPIs of this generation."""
        with closing(Lives(domain.audit())) as audit:
            for feed in domain.feeds:
                await self._compare_feed(feed, landings[feed.name], audit)
            expected = await asyncio.to_thread(audit.rows)
        for name, rows in expected.items():
            self.differences += different_rows(name, rows, generation["kpis"][name]["rows"])

    async def _compare_feed(self, feed: Feed, landing: Landing, audit: Lives) -> None:
        files = landing.archive_files()
        while paths := await asyncio.to_thread(lambda: list(islice(files, CHUNK_FILES))):
            archived = await asyncio.to_thread(self._read, feed, paths)
            await self._compare_stored(feed, archived)
            followed_up = await self._compare_histories(feed, archived)
            await asyncio.to_thread(self._audit, audit, feed, archived, followed_up)
            self._counted(len(paths))

    def close(self) -> None:
        """Forget which keys were seen."""
        self._seen.close()

    def _read(self, feed: Feed, paths: list[Path]) -> list[_Archived]:
        return [archived for path in paths if (archived := self._read_one(feed, path))]

    def _read_one(self, feed: Feed, path: Path) -> _Archived | None:
        try:
            content = path.read_bytes()
            said = feed.parse(content)
        except (OSError, Rejected) as error:
            self.differences.append(f"{feed.name}: archived file {path.name} is not valid any more: {error}")
            return None
        documents = [one for one in said if not isinstance(one, FollowUp)]
        digests = digests_of(documents, hashlib.sha256(content).hexdigest())
        by_key = {one["_id"]: digest for one, digest in zip(documents, digests, strict=True)}
        return _Archived(
            path, content, by_key, [(one, digest_of(one.event)) for one in said if isinstance(one, FollowUp)]
        )

    async def _compare_stored(self, feed: Feed, archived: list[_Archived]) -> None:
        keys = [key for file in archived for key in file.documents]
        stored = await self._store.digests(feed.collection, keys)
        for file in archived:
            for key, digest in file.documents.items():
                if key not in stored:
                    self.differences.append(f"{feed.name}: {file.path.name} is archived, but {key} is not stored")
                elif stored[key] != digest and not is_content(file.content, stored[key]):
                    self.differences.append(f"{feed.name}: {file.path.name} differs from what is stored as {key}")

    async def _compare_histories(self, feed: Feed, archived: list[_Archived]) -> set[str]:
        """Every follow-up is in its document; the keys of documents that have any."""
        if feed.life is None:
            return set()
        keys = {key for file in archived for key in (*file.documents, *(one.key for one, _ in file.follow_ups))}
        known = {"_id": {"$in": list(keys)}, feed.life.history: {"$exists": True}}
        stages: list[Stage] = [{"$match": known}, {"$project": {feed.life.history: 1}}]
        stored = {one["_id"]: one async for one in self._store.aggregate(feed.collection, stages)}
        for file in archived:
            for follow_up, digest in file.follow_ups:
                if digest not in _digests(stored.get(follow_up.key, {}).get(feed.life.history, [])):
                    what = f"{file.path.name} is archived, but {follow_up.key} has no such follow-up"
                    self.differences.append(f"{feed.name}: {what}")
        return set(stored)

    def _audit(self, audit: Lives, feed: Feed, archived: list[_Archived], followed_up: set[str]) -> None:
        """Count each document's file once, however often it was delivered."""
        for file in archived:
            names = [_name(feed, one) for one, _ in file.follow_ups]
            if not self._seen.first_time([*file.documents, *names]):
                continue
            self._distinct[feed.name] += 1
            for follow_up, _ in file.follow_ups:
                audit.follow_up(follow_up.key, file.content)
            if keys := list(file.documents):
                audit.add(file.content, keys, followed_up=not followed_up.isdisjoint(keys))

    def conserved(self, channel: Channel) -> None:
        """Every stored document has its archived file, and every archived file its document."""
        distinct = self._distinct[channel.feed]
        if channel.stored != distinct:
            self.differences.append(
                f"{channel.feed}: {channel.stored} stored, but the archive holds {distinct} different ones"
            )


def _digests(history: Sequence[Document]) -> set[str]:
    return {compared_by(event.get("ingestion")) for event in history}


def _name(feed: Feed, follow_up: FollowUp) -> str:
    """What tells a follow-up from the others of its document."""
    life = feed.life
    return "\0".join([follow_up.key, *(str(follow_up.event[name]) for name in (life.state, life.at))]) if life else ""


async def verify(
    domains: Sequence[LoadedDomain],
    channels: Sequence[tuple[Feed, Landing]],
    store: Store,
    generation: dict[str, Any],
    counted_one: Callable[[int], None] = lambda _: None,
) -> Report:
    """Compare the archive, the collections and this generation; `counted_one(n)` after every n files."""
    verifier = Verifier(store, counted_one)
    landings = {feed.name: landing for feed, landing in channels}
    with closing(verifier):
        for domain in domains:
            await verifier.compare(domain, landings, generation)
    places = await counted(channels, store)
    for channel in places:
        verifier.conserved(channel)
    return Report(generation["_id"], places, list(generation["kpis"]), verifier.differences)


def different_rows(
    name: str, expected: Sequence[Row], published: Sequence[Row], says: str = "the archived files give"
) -> Iterator[str]:
    """One sentence a row that is not as expected."""
    if len(expected) != len(published):
        yield f"{name}: {len(published)} rows published, {says} {len(expected)}"
    for number, (want, have) in enumerate(zip(expected, published, strict=False), start=1):
        if want != have:
            fields = (key for key in want.keys() | have.keys() if want.get(key) != have.get(key))
            told = ", ".join(f"{key} {have.get(key)!r} instead of {want.get(key)!r}" for key in sorted(fields))
            yield f"{name} row {number}: {told}"
