"""Compares every file, document and KPI with the manifests of the runs that made them."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

from multimarket_async.domains import Audit, Document, Feed, Lifecycle, LoadedDomain, Row, Stage
from multimarket_async.landing import Landing
from multimarket_async.manifest import published
from multimarket_async.readers.manifest_book import ARCHIVED, WAITING, Book, Stored, Unequal
from multimarket_async.readers.verify import different_rows
from multimarket_async.store import PLACEHOLDER_PARTITION, Store

T = TypeVar("T")

CHUNK_FILES = 500
MOST_TOLD = 20


@dataclass
class Judgement:
    """What was looked at, and what differs from the manifests.

    killed: manifests without a last line. never_dropped: files that a killed run announced and did not deliver.
    beyond: what no manifest names, by feed or collection; one such file. kpis: those that were compared.
    differences: the first of them; wrong: how many there are.
    """

    generation: int
    manifests: list[Path]
    killed: list[Path] = field(default_factory=list)
    files: int = 0
    documents: int = 0
    never_dropped: int = 0
    beyond: Counter[str] = field(default_factory=Counter)
    such_as: str = ""
    kpis: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    wrong: int = 0

    @property
    def right(self) -> bool:
        """Nothing differs, and all that is there was compared."""
        return not self.wrong and not self.beyond

    def differs(self, sentence: str) -> None:
        """One more difference."""
        self.wrong += 1
        if len(self.differences) < MOST_TOLD:
            self.differences.append(sentence)


class Oracle:
    """Compares once, in bounded memory."""

    def __init__(self, store: Store, judgement: Judgement, counted_one: Callable[[int], None]) -> None:
        self._store = store
        self._judged = judgement
        self._counted = counted_one
        self._book = Book()
        self._kpis: dict[str, list[Row]] | None = None

    def read(self) -> None:
        """The manifests. What one run says of KPIs says nothing of several."""
        ends = {path: self._book.read(path) for path in self._judged.manifests}
        self._judged.killed = [path for path, end in ends.items() if end is None]
        self._judged.files = self._book.wanted
        [end, *others] = ends.values()
        self._kpis = end["kpis"] if end and not others else None

    def files(self, channels: Iterable[tuple[Feed, Landing]]) -> None:
        """Each lies where it must, with the bytes it was received with."""
        for _, landing in channels:
            for some in _chunks(_lying(landing)):
                self._book.find(some)
                self._counted(len(some))
        self._book.index()
        for _, unequal in groupby(self._book.unequal(), key=lambda one: (one.feed, one.sha256)):
            self._misplaced(list(unequal))

    def _misplaced(self, unequal: Sequence[Unequal]) -> None:
        """Files of one content: another run may have received the same one, so more than enough is not wrong."""
        missing = {one.became: one.wanted - one.found for one in unequal if one.wanted > one.found}
        extra = {one.became: one.found - one.wanted for one in unequal if one.found > one.wanted}
        if not missing:
            self._beyond([one for one in unequal if one.became in extra])
        elif not extra and sum(missing.values()) <= sum(one.wanted - one.certain for one in unequal):
            self._judged.never_dropped += sum(missing.values())
        else:
            name = self._book.name_of(unequal[0].feed, unequal[0].sha256)
            self._judged.differs(f"{unequal[0].feed}: {name} {_told(missing, extra)}")

    def _beyond(self, unnamed: Iterable[Unequal]) -> None:
        for one in unnamed:
            path = Path(one.path or "")
            if not self._book.is_half(one.feed, path.name):
                self._judged.beyond[one.feed] += one.found - one.wanted
                self._judged.such_as = self._judged.such_as or str(path)

    async def documents(self, domain: LoadedDomain) -> dict[str, list[Row]]:
        """Each is stored as its files say, field by field. What the manifest says of KPIs; else what these files do."""
        audit, lives = domain.audit(), {feed.collection: feed.life for feed in domain.feeds}
        for collection, life in lives.items():
            feeds = [feed.name for feed in domain.feeds if feed.collection == collection]
            for some in _chunks(self._book.documents(feeds)):
                wanted = await asyncio.to_thread(self._wanted, some, audit)
                await self._compare(collection, life, wanted)
            if (others := await self._stored(collection) - self._book.document_count(feeds)) > 0:
                self._judged.beyond[collection] += others
        return audit.rows() if self._kpis is None else self._kpis

    def _wanted(self, some: Sequence[Stored], audit: Audit) -> list[Document]:
        documents = []
        for one in some:
            content, follow_ups = one.path.read_bytes(), [path.read_bytes() for path in one.follow_ups]
            source = {"feed": one.feed, "sha256": one.sha256}
            documents.append({**audit.document(content, follow_ups), "ingestion": source})
            if self._kpis is None:
                audit.add(content, follow_ups)
        return documents

    async def _compare(self, collection: str, life: Lifecycle | None, wanted: Sequence[Document]) -> None:
        keys = [document["_id"] for document in wanted]
        stages: list[Stage] = [{"$match": {"_id": {"$in": keys}}}]
        stored = {one["_id"]: _known(one, life) async for one in self._store.aggregate(collection, stages)}
        for document in wanted:
            self._judged.documents += 1
            for what in _different(document, stored.get(document["_id"])):
                self._judged.differs(f"{document['ingestion']['feed']}: {document['_id']} {what}")

    async def _stored(self, collection: str) -> int:
        stages: list[Stage] = [
            {"$match": {"ingestion.partition": {"$ne": PLACEHOLDER_PARTITION}}},
            {"$count": "documents"},
        ]
        return sum([one["documents"] async for one in self._store.aggregate(collection, stages)])

    def kpis(self, rows: dict[str, list[Row]], generation: dict[str, Any]) -> None:
        """Every column of every row, where the generation describes nothing but what was received.

        Where one manifest does not say them, only if all files are there from which they were computed here.
        """
        if self._judged.beyond or (self._kpis is None and self._judged.wrong):
            return
        for name, wanted in rows.items():
            self._judged.kpis.append(name)
            found = published(generation["kpis"][name]["rows"])
            for what in different_rows(name, published(wanted), found, "the manifest says"):
                self._judged.differs(what)

    def close(self) -> None:
        """Remove the temporary file."""
        self._book.close()


async def compare(
    manifests: Sequence[Path],
    domains: Sequence[LoadedDomain],
    channels: Sequence[tuple[Feed, Landing]],
    store: Store,
    generation: dict[str, Any],
    *,
    counted_one: Callable[[int], None] = lambda _: None,
) -> Judgement:
    """Compare everything there is with these manifests; `counted_one(n)` after every n files. Raises WrongSettings."""
    judgement = Judgement(generation["_id"], list(manifests))
    with closing(Oracle(store, judgement, counted_one)) as oracle:
        await asyncio.to_thread(oracle.read)
        await asyncio.to_thread(oracle.files, channels)
        rows = [await oracle.documents(domain) for domain in domains]
        oracle.kpis({name: found for one in rows for name, found in one.items()}, generation)
    return judgement


def _lying(landing: Landing) -> Iterator[tuple[str, str, str, str]]:
    """Every file of a feed: feed, SHA-256, what became of it, path. What waits is looked at first: none is missed."""
    for path in landing.waiting_files():
        yield landing.feed, _sha256(path), WAITING, str(path)
    for path in landing.archive_files():
        yield landing.feed, _sha256(path), ARCHIVED, str(path)
    for one in landing.quarantine.each():
        yield landing.feed, _sha256(one.path), one.reason["code"], str(one.path)


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # a link, a directory, or gone on: it is none of what was received
        return ""


def _told(missing: dict[str, int], extra: dict[str, int]) -> str:
    must, found = (" and ".join(_places(counts)) for counts in (missing, extra))
    return f"must be {must}, and is {found or 'nowhere'}"


def _places(counts: dict[str, int]) -> Iterator[str]:
    for became, files in counts.items():
        place = became if became in (ARCHIVED, WAITING) else f"in quarantine as {became}"
        yield f"{place} {files} times" if files > 1 else place


def _known(stored: Document, life: Lifecycle | None) -> Document:
    """What is stored, without what a manifest cannot know: when and under which name it came."""
    source = stored.get("ingestion", {})
    known = {**stored, "ingestion": {name: source.get(name) for name in ("feed", "sha256")}}
    if life and life.history in stored:
        known[life.history] = [
            {name: value for name, value in event.items() if name != "ingestion"} for event in stored[life.history]
        ]
    return known


def _different(wanted: Document, stored: Document | None) -> Iterator[str]:
    if stored is None:
        yield "must be stored, and is not"
        return
    for name in sorted(wanted.keys() | stored.keys()):
        if wanted.get(name) != stored.get(name):
            yield f"has {name} {stored.get(name)!r} instead of {wanted.get(name)!r}"


def _chunks(many: Iterable[T]) -> Iterator[list[T]]:
    left = iter(many)
    while some := list(islice(left, CHUNK_FILES)):
        yield some


def sentences(judgement: Judgement) -> Iterator[str]:
    """What was found, for people; the last line says whether it is right."""
    for path in judgement.killed:
        yield f"{path} has no last line: its run was killed, or still runs. What it names is compared."
    if judgement.never_dropped:
        yield f"{judgement.never_dropped:,} files were announced and not received when it was."
    if judgement.beyond:
        counts = ", ".join(f"{files:,} in {place}" for place, files in judgement.beyond.items())
        such_as = f", such as {judgement.such_as}" if judgement.such_as else ""
        yield f"There is what no manifest given names: {counts}{such_as}. So KPIs were not compared."
        yield "If other runs received it, name their manifests too (all: --manifest all)."
    yield from (f"WRONG {difference}" for difference in judgement.differences)
    if judgement.wrong > len(judgement.differences):
        yield f"WRONG and {judgement.wrong - len(judgement.differences):,} more differences"
    yield from as_dropped(judgement)


def as_dropped(judgement: Judgement) -> Iterator[str]:
    """The verdict, where nothing differs from the manifests; of the KPIs, where nothing else is in them."""
    if not judgement.wrong:
        kpis = f"{len(judgement.kpis)} KPIs of generation {judgement.generation} agree to the cent"
        places = f"{judgement.files - judgement.never_dropped:,} files are where the manifest says"
        orders = f"{judgement.documents:,} orders are as they were delivered"
        yield f"Right: {places}, {orders}, and {kpis}." if judgement.kpis else f"{places}, and {orders}."
