"""The check of a file before anything of it is stored: where it is stored as a whole or not at all."""

from collections.abc import Generator, Iterator

from multimarket_async.collector.differences import differing, with_differences
from multimarket_async.collector.filing import conflict
from multimarket_async.collector.keys import KeyDigests, hashed
from multimarket_async.collector.opened import OpenedFile
from multimarket_async.domains import RejectedRecord, Table
from multimarket_async.records import Chunk, rejected_record, whole_file
from multimarket_async.store import Encoded, Exists, Inserted, Outcome, Store


class Check:
    """Takes the chunks of a file, and raises Rejected for what makes it bad as a whole.

    store: None where MongoDB is away.
    whole: if a bad record does, and other content under a key; otherwise it is enough that all of it can be read.
    """

    def __init__(self, opened: OpenedFile, store: Store | None) -> None:
        self._opened = opened
        self._store = store
        self._whole = opened.feed.on_bad_record == "reject_file"
        self._insert = self._whole and opened.feed.table.mode == "insert"
        self._keys = KeyDigests()

    def chunks(self) -> Generator[Chunk]:
        """The chunks to check: nothing is encoded that need not be."""
        return self._opened.chunks() if self._whole else self._opened.slices()

    async def take(self, chunk: Chunk) -> None:
        """Check a chunk: its records are good, and contradict no stored one."""
        if self._whole and chunk.rejected:
            raise whole_file(chunk.rejected)
        if self._insert:
            self._keys.add(chunk.documents)
            if contradicting := await self._contradicting(chunk):
                raise whole_file(contradicting)

    async def _contradicting(self, chunk: Chunk) -> list[RejectedRecord]:
        if self._store is None:
            return []
        table, documents = self._opened.feed.table, [each for each in chunk.documents if isinstance(each, Encoded)]
        stored = await self._store.existing(table.name, [document.key for document in documents])
        found = [stored.get(document.key, Inserted()) for document in documents]
        outcomes = iter(await with_differences(self._store, table, documents, found))
        return list(_contradicting(chunk, outcomes))

    def end(self) -> None:
        """Check the file as a whole, in a thread: no key came with two contents."""
        if keys := self._keys.contradicted():
            seen: dict[object, Encoded] = {}
            for chunk in self._opened.chunks():
                if bad := [*_second_contents(chunk, keys, seen, self._opened.feed.table)]:
                    raise whole_file(bad)


def _contradicting(chunk: Chunk, outcomes: Iterator[Outcome]) -> Iterator[RejectedRecord]:
    """Contradictions in a chunk. outcomes: of its documents, without its follow-ups."""
    for document, place in zip(chunk.documents, chunk.places, strict=True):
        found = next(outcomes) if isinstance(document, Encoded) else None
        if isinstance(found, Exists) and found.sha256 != document.sha256:
            yield rejected_record(place, conflict(document, found.sha256, found.differs))


def _second_contents(
    chunk: Chunk, keys: set[int], seen: dict[object, Encoded], table: Table
) -> Iterator[RejectedRecord]:
    for document, place in zip(chunk.documents, chunk.places, strict=True):
        if isinstance(document, Encoded) and hashed(document) in keys:
            first = seen.setdefault(document.key, document)
            if first.sha256 != document.sha256:
                differs = differing(first.bson, document.bson, table.computed)
                yield rejected_record(place, conflict(document, first.sha256, differs))
