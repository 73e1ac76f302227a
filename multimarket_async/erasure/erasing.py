"""Finds everything of a person, and removes it."""

import asyncio
import gzip
import hashlib
import hmac
import secrets
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from multimarket_async.clock import Clock
from multimarket_async.domains import Document, Feed, Stage, Table
from multimarket_async.erasure import log_lines
from multimarket_async.erasure.files import (
    Erased,
    FoundFiles,
    PackedFile,
    Theirs,
    decompressed,
    digest,
    examined,
    opened,
    record_file,
    rewrite,
)
from multimarket_async.erasure.following import Following
from multimarket_async.erasure.person import Person
from multimarket_async.errors import Rejected
from multimarket_async.files_io import atomic_write
from multimarket_async.landing import Landing, received_name
from multimarket_async.landing.packs import files_of, packs, recover_unpacked, unpack
from multimarket_async.landing.rejected_lines import listed
from multimarket_async.landing.waiting import printable
from multimarket_async.store import Erasures, Exists, Partition, Partitions, Receipts, Rewritten, Store, digest_of

KEYS_PER_QUERY = 10_000
MOST_BYTES = 16 << 20  # a larger file is no accepted one of a feed without a limit of its own
Progress = Callable[[int], None]


class StoredDocument(NamedTuple):
    """A document of a person: its key and its partition."""

    key: Any
    partition: Partition


@dataclass
class Everything:
    """Everything found of a person. documents: by table. log_lines: their number."""

    person: Person
    files: list[FoundFiles] = field(default_factory=list)
    documents: dict[str, list[StoredDocument]] = field(default_factory=dict)
    log_lines: int = 0

    def counts(self) -> dict[str, int]:
        """The numbers of what was found, by place and feed or table."""
        places = ("waiting", "archived", "packed", "quarantined", "lists", "histories")
        counts = {f"{place}.{found.feed.name}": len(getattr(found, place)) for found in self.files for place in places}
        counts |= {f"documents.{table}": len(documents) for table, documents in self.documents.items()}
        return {name: number for name, number in {**counts, "log_lines": self.log_lines}.items() if number}

    def is_left(self) -> bool:
        """True if there are files or documents of theirs; logs may have their ID for other reasons again and again."""
        return bool(self.counts().keys() - {"log_lines"})

    def contents(self) -> set[tuple[str, str]]:
        """Feed and digest of each file that was received. Raises OSError."""
        return {(found.feed.name, sha256) for found in self.files for _, sha256 in found.received()}

    def names(self) -> set[str]:
        """The names of their files, and the keys of their documents."""
        names = {name for found in self.files for name, _ in found.received()}
        return names | {str(key) for keys in self.person.keys.values() for key in keys}


class Erasing:
    """Erases persons from the feeds of all tables that name one.

    logs: the folders of log files. key: the file with the key of the hashes in receipts, made at the first erasure.
    """

    def __init__(
        self, feeds: Iterable[tuple[Feed, Landing]], store: Store, clock: Clock, *, logs: Sequence[Path], key: Path
    ) -> None:
        self._feeds = [(feed, landing) for feed, landing in feeds if feed.table.person]
        self._tables: dict[str, Table] = {feed.table.name: feed.table for feed, _ in self._feeds}
        self._store, self._clock, self._logs, self._key = store, clock, logs, key
        self._receipts, self._erasures, self._partitions = Receipts(store), Erasures(store), Partitions(store, clock)
        self._following = Following(store, self._partitions, clock)

    @property
    def files(self) -> int:
        """About how many files have to be read."""
        return sum(landing.archived_files() for _, landing in self._feeds)

    async def earlier(self, client: str) -> list[dict[str, Any]]:
        """The receipts of erasures of this person."""
        return await self._erasures.of(self._hash(client)) if self._key.exists() else []

    async def find(self, client: str, progress: Progress = lambda _: None) -> Everything:
        """Everything of a person. Raises Unavailable, OSError, CannotContinue."""
        documents = {name: [document async for document in self._documents(client, name)] for name in self._tables}
        keys = {name: {document.key for document in found} for name, found in documents.items()}
        everything = Everything(self._person(client, keys), documents=documents)
        for feed, landing in self._feeds:
            everything.files.append(await asyncio.to_thread(_found, everything.person, feed, landing, progress))
        is_theirs = log_lines.theirs(everything.person, everything.names())
        everything.log_lines = await asyncio.to_thread(log_lines.found, self._logs, is_theirs)
        return everything

    def _person(self, client: str, keys: Mapping[str, Collection[Any]] | None = None) -> Person:
        """The person, with the pseudonyms of the tables that have some."""
        pseudonyms = {table.pseudonyms.of(client) for table in self._tables.values() if table.pseudonyms}
        return Person(client, keys or {}, sorted(pseudonyms))

    async def begin(self, everything: Everything) -> dict[str, Any]:
        """Write the receipt before anything is removed."""
        return await self._erasures.begin(self._hash(everything.person.id), self._clock.now(), everything.counts())

    async def remove(self, everything: Everything) -> None:
        """Remove what was found; idempotent. Raises Unavailable, OSError, CannotContinue."""
        person = everything.person
        await self.overwrite_logs(everything)
        for found in everything.files:
            await asyncio.to_thread(_remove_unarchived, person, found)
            await self._remove_archived(person, found)
        for table in self._tables:
            await self._remove_documents(person, table, everything.documents.get(table, []))

    async def overwrite_logs(self, everything: Everything) -> None:
        """Overwrite the lines of logs that name the person or their files. Raises OSError."""
        is_theirs = log_lines.theirs(everything.person, everything.names())
        await asyncio.to_thread(log_lines.overwrite, self._logs, is_theirs)

    async def end(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """Note that all of it is removed; the receipt."""
        return await self._erasures.end(receipt["_id"], self._clock.now())

    def _hash(self, client: str) -> str:
        if not self._key.exists():
            atomic_write(self._key, secrets.token_bytes(32), private=True)
        return hmac.new(self._key.read_bytes(), client.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    async def _documents(self, client: str, table: str) -> Any:
        person = {self._tables[table].person: {"$in": self._person(client).values}}
        stages: list[Stage] = [{"$match": person}, {"$project": {"ingestion.partition": 1}}]
        async for found in self._store.aggregate(table, stages):
            yield StoredDocument(found["_id"], found.get("ingestion", {}).get("partition"))

    async def _remove_documents(self, person: Person, table: str, documents: Sequence[StoredDocument]) -> None:
        """Remove them, so that each copy of their partitions is brought up to date.

        A process that was killed at this may have removed them all: then their partitions are those left ending.
        """
        partitions = {document.partition for document in documents} | await self._partitions.left_ending(table)
        if not partitions:
            return
        field = self._tables[table].person
        async with self._partitions.around_ending(table, partitions):
            for start in range(0, len(documents), KEYS_PER_QUERY):
                keys = [document.key for document in documents[start : start + KEYS_PER_QUERY]]
                await self._store.remove(table, keys, **{field: {"$in": person.values}})

    async def _remove_archived(self, person: Person, found: FoundFiles) -> None:
        rewritten = await self._receipts.rewritten(found.feed.name) if found.feed.has_receipts else {}
        unpacked = await asyncio.to_thread(_unpacked, person, found)
        for compressed in filter(Path.exists, (*found.archived, *unpacked)):
            path = await asyncio.to_thread(_as_received, found.feed, compressed)
            content = await asyncio.to_thread(digest, found.feed, path)
            before = rewritten.get(content, Rewritten(content, content, ()))
            part = await asyncio.to_thread(_rest, person, found.feed, path, before.numbers)
            await self._following.update(found.feed, path, before.sha256, part and part.path)
            if part is None:
                await self._receipts.remove(found.feed.name, content)
                path.unlink()
            else:
                await self._note(found.feed, before, *part)
                part.path.replace(path)

    async def _note(self, feed: Feed, before: Rewritten, path: Path, erased: Erased) -> None:
        """Note in the receipts what will be left: until the file is replaced, it is found again."""
        content = await asyncio.to_thread(digest, feed, path)
        after = Rewritten(before.sha256, content, tuple(sorted({*before.numbers, *erased.numbers})))
        rejected = erased.bad + await self._conflicts(feed.table, erased)
        await self._receipts.rewrite(feed.name, before.content, after, records=len(erased.numbers), rejected=rejected)

    async def _conflicts(self, table: Table, erased: Erased) -> int:
        """The number of erased records that could be read, and were rejected."""
        stored = await self._store.existing(table.name, [document["_id"] for document in erased.documents])
        return sum(_is_rejected(table, document, stored.get(document["_id"])) for document in erased.documents)


def _is_rejected(table: Table, document: Document, stored: Any) -> bool:
    """True if it contradicts the stored document, or none is stored: documents are removed after their files."""
    if stored is None:
        return table.mode != "replace"
    if not isinstance(stored, Exists) or digest_of(document).startswith(stored.sha256):
        return False
    version = table.version(document) if table.version else stored.version
    return table.keeps_first(version, stored.version)


def _as_received(feed: Feed, path: Path) -> Path:
    return decompressed(feed, path) if feed.records == "many" else path


def _unpacked(person: Person, found: FoundFiles) -> list[Path]:
    """The files of packs that hold something of a person, back in the folders of their days with all others."""
    theirs = _theirs(person, found.feed, accepted=True)
    packs = dict.fromkeys(file.pack for file in found.packed)
    files = [path for pack in packs if pack.exists() for path in unpack(pack, found.feed.suffixes)]
    return [path for path in files if _holds(person, found.feed, path, theirs)]


class _Rest(NamedTuple):
    """A file without the records of a person, and these."""

    path: Path
    erased: Erased


def _rest(person: Person, feed: Feed, path: Path, erased: Sequence[int] = (), *, accepted: bool = True) -> _Rest | None:
    """The rest of a file, beside it; None if that is nothing, or if its records cannot be read."""
    theirs = _theirs(person, feed, accepted=accepted)
    if feed.records == "one":
        return None
    try:
        examination = examined(feed, path, theirs, erased)
    except Rejected:
        return None
    return _Rest(rewrite(feed, path, theirs, examination), examination) if examination.left else None


def _theirs(person: Person, feed: Feed, *, accepted: bool) -> Theirs:
    return lambda record: (person.had if accepted else person.has)(feed.table, record)


def _found(person: Person, feed: Feed, landing: Landing, progress: Progress) -> FoundFiles:
    """The files of a feed that hold something of a person."""
    quarantine = landing.quarantine
    found = FoundFiles(feed, landing)
    recover_unpacked(landing.archived, feed.suffixes)
    quarantine.recover()
    received, accepted = _theirs(person, feed, accepted=False), _theirs(person, feed, accepted=True)
    waiting = chain(landing.waiting_files(), [file.path for file in landing.withdrawn()])
    found.waiting = [path for path in waiting if _holds(person, feed, path, received)]
    found.quarantined = [file.path for file in quarantine.each() if _holds(person, feed, file.path, received)]
    found.lists = [path for path in quarantine.lists() if any(_is_listed(person, feed, path))]
    found.histories = [path for path in quarantine.histories() if person.is_in(path.read_text("utf-8", "replace"))]
    for path in landing.archive_files():
        found.archived += [path] if _holds(person, feed, path, accepted) else []
        progress(1)
    found.packed = list(_packed(person, feed, landing, progress))
    return found


def _packed(person: Person, feed: Feed, landing: Landing, progress: Progress) -> Iterator[PackedFile]:
    """Their files in packs, each of which is unpacked beside it."""
    theirs = _theirs(person, feed, accepted=True)
    for pack in packs(landing.archived):
        with tempfile.TemporaryDirectory() as room:
            for path in files_of(pack, Path(room)):
                if _holds(person, feed, path, theirs):
                    yield PackedFile(pack, printable(received_name(path, feed.suffixes)), digest(feed, path))
                path.unlink()
                progress(1)


def _holds(person: Person, feed: Feed, path: Path, theirs: Theirs) -> bool:
    """True if a record of a file is theirs, or if it cannot be read and names them."""
    try:
        if path.lstat().st_size <= (feed.max_file_bytes or MOST_BYTES):
            return any(map(theirs, record_file(feed, path).records()))
    except OSError:  # gone, a link or a pipe
        return False
    except Rejected:
        pass
    return _is_named_in(person, feed, path)


def _is_named_in(person: Person, feed: Feed, path: Path) -> bool:
    try:
        with opened(path) as stream:
            content = cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if path.suffix.lower() == ".gz" else stream
            return person.is_named_in_stream(feed.table, content)
    except (OSError, EOFError, zlib.error):
        return False


def _is_listed(person: Person, feed: Feed, path: Path) -> Iterator[bool]:
    """For each record of a list, if it is theirs."""
    return (person.is_named_in(feed.table, raw) for raw in listed(path))


def _remove_unarchived(person: Person, found: FoundFiles) -> None:
    quarantine = found.landing.quarantine
    for path in found.waiting:
        rest = _rest(person, found.feed, path, accepted=False)
        rest.path.replace(path) if rest else path.unlink(missing_ok=True)
    for path in found.quarantined:
        rest = _rest(person, found.feed, path, accepted=False)
        quarantine.replace(path, rest.path, digest(found.feed, rest.path)) if rest else quarantine.remove(path)
    for path in found.lists:
        quarantine.records.erase(path, [*_is_listed(person, found.feed, path)])
    for path in found.histories:
        path.unlink(missing_ok=True)
