"""Chunks of a file are the same whether C takes its plain records or Python takes all of them."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from unittest import mock

import pytest

from multimarket_async.clock import Clock
from multimarket_async.errors import Rejected
from multimarket_async.feeds import Feed, FollowUp, Lifecycle, Located, Record, RejectedRecord, Table
from multimarket_async.records import CHUNK_BYTES, CHUNK_RECORDS, Chunk, Identity, RecordFile, rejected_record
from multimarket_async.store import Filling, documents
from tests.tracing import missing

ODD = object()
NOW = datetime(2026, 5, 1, tzinfo=UTC)
LIFECYCLE = Lifecycle("history", "state", "since", "state", "at", ("new", "paid"))
TABLES = {
    "insert": Table("lines"),
    "dated": Table("lines", dated="at"),
    "lifecycle": Table("lines", lifecycle=LIFECYCLE),
    "revised": Table("lines", "upsert"),
    "upsert": Table("lines", "upsert", version=lambda document: document["n"]),
    "replace": Table("lines", "replace"),
}


@pytest.fixture(autouse=True)
def c() -> None:
    if documents._record is None:
        missing("needs a C compiler, and an installation by it")


def record(number: int) -> Record:
    """A record of any kind."""
    document: dict[str, Any] = {"_id": f"k{number}", "n": number, "at": NOW + timedelta(days=number % 3)}
    kinds: dict[int, Record] = {
        1: {**document, "list": [1]},
        2: Located({**document, "text": "x" * 17_000}, number, b""),
        3: RejectedRecord((Rejected("bad", "It is bad."),), number, b"raw"),
        4: Located(document, number, "raw", b"head"),
        5: Located({"n": 1}, number, "no key"),
        6: Located({**document, "n": ODD}, number, b""),
        7: Located(FollowUp(f"k{number}", {"state": "paid", "since": NOW}), number, b"raw"),
        8: Located(document, number, ""),
    }
    return kinds.get(number % 40, Located(document, number, f"line {number}\n", b"head"))


def chunks(table: Table, records: int, erased: Collection[int] = ()) -> list[Chunk]:
    def read(_: object) -> Iterator[Record]:
        yield from map(record, range(1, records + 1))

    file = RecordFile(
        Feed("lines", table, read, records="many"),
        Identity("lines.csv", 1, 2, 3, "a" * 64),
        lambda: BytesIO(b""),
        NOW,
        NOW + timedelta(days=1),
        erased=erased,
    )
    with mock.patch("multimarket_async.store.filling.uuid4", return_value=mock.Mock(hex="0" * 32)):
        filling = Filling(mock.Mock(Clock, now=lambda: NOW))
    return [*file.chunks(filling), file.whole(filling)]


def seen(chunk: Chunk) -> tuple[object, ...]:
    """Contents of a chunk; its places as they are listed where records cannot be stored."""
    listed = [repr(rejected_record(place, Rejected("conflict", "It conflicts."))) for place in chunk.places]
    return list(map(repr, chunk.documents)), listed, list(map(repr, chunk.rejected)), chunk.partition


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("erased", [(), {1, 4, 5, 77, 2_000}], ids=["all", "erased"])
def test_chunks_are_alike(table: Table, erased: Collection[int]) -> None:
    in_c = list(map(seen, chunks(table, 3_000, erased)))
    with mock.patch.object(documents, "_record", None):
        assert in_c == list(map(seen, chunks(table, 3_000, erased)))


@pytest.mark.parametrize("records", [CHUNK_RECORDS - 1, CHUNK_RECORDS, CHUNK_RECORDS + 1])
def test_a_chunk_has_no_more_records_than_it_may(records: int) -> None:
    """Behind a full one comes another, which may be empty."""
    *found, _ = chunks(Table("lines"), records)
    sizes = [len(chunk.places) + len(chunk.rejected) for chunk in found]
    assert sizes == [min(records, CHUNK_RECORDS), max(records - CHUNK_RECORDS, 0)][: 1 + (records >= CHUNK_RECORDS)]


def test_a_chunk_has_no_more_bytes_than_it_may_but_for_its_last_record() -> None:
    with mock.patch(f"{__name__}.record", lambda n: Located({"_id": n, "text": "x" * 15_000}, n, "")):
        first, *_ = chunks(Table("lines"), 300)
    *most, last = [len(document.bson.raw) for document in first.documents]  # type: ignore[union-attr]
    assert sum(most) < CHUNK_BYTES <= sum(most) + last
