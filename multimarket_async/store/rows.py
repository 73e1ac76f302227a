"""Long tables of rows beside the documents that refer to them, in chunks of bounded size; the digest of any rows."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import bson

from multimarket_async.store.documents import DIGEST_CHARS, Stage
from multimarket_async.store.mongo import Store

ROWS = "kpi_rows"  # the collection of the chunks of all long tables
# A table with more is long. So 200 KPIs fit into one document, which is read at each refresh and by each reader.
LONG_BYTES = 64 * 1024
CHUNK_BYTES = 1_000_000

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows, cut into chunks of at most CHUNK_BYTES, or of one larger row. digest: equal for equal rows only."""

    chunks: list[list[Row]]
    count: int
    bytes: int
    digest: str

    @property
    def is_long(self) -> bool:
        """Too large for the document they belong to."""
        return self.bytes > LONG_BYTES


def pack(rows: Sequence[Row]) -> Packed:
    """Cut the rows; 200,000 of them take a second, so call it in a thread."""
    chunks: list[list[Row]] = []
    sha256, total, room = hashlib.sha256(), 0, 0
    for row in rows:
        content = bson.encode(row)
        sha256.update(content)
        total += len(content)
        if not chunks or len(content) > room:
            chunks.append([])
            room = CHUNK_BYTES
        chunks[-1].append(row)
        room -= len(content)
    return Packed(chunks, len(rows), total, sha256.hexdigest()[:DIGEST_CHARS])


def chunk_key(table: str, number: int) -> str:
    """The `_id` of a chunk."""
    return f"{table} {number}"


async def write_rows(store: Store, table: str, chunks: Sequence[Sequence[Row]]) -> None:
    """Store a long table, durably, one chunk after the other."""
    for number, chunk in enumerate(chunks):
        document = {"_id": chunk_key(table, number), "table": table, "chunk": number, "rows": chunk}
        await store.insert_if_absent(ROWS, document)


async def read_rows(store: Store, table: str) -> AsyncIterator[list[Row]]:
    """The chunks of a long table, in order; none if there is no such table (any more).

    Each by its key: one aggregation would bring 16 MB of them together, which are 150 MB in Python.
    """
    for number in count():
        stages: list[Stage] = [{"$match": {"_id": chunk_key(table, number)}}, {"$project": {"_id": 0, "rows": 1}}]
        found = [chunk["rows"] async for chunk in store.aggregate(ROWS, stages)]
        if not found:
            return
        yield found[0]
