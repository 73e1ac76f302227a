"""Receipts: a document for each file of many records, with what became of them."""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from multimarket_async.store.documents import Stage
from multimarket_async.store.mongo import Store

RECEIPTS = "receipts"
ID_CHARS = 20
CHANGED = "changed"  # outcome of a file that was written to while its records were being stored: it comes again


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Records by outcome. replaced: those of the stored ones that took the place of an older one."""

    stored: int = 0
    duplicate: int = 0
    superseded: int = 0
    rejected: int = 0
    replaced: int = 0

    @property
    def records(self) -> int:
        """All of them."""
        return self.stored + self.duplicate + self.superseded + self.rejected

    def plus(self, more: Counter[str]) -> "RecordCounts":
        """These, and more of these outcomes."""
        return replace(self, **{name: getattr(self, name) + number for name, number in more.items()})


@dataclass(frozen=True, slots=True)
class Receipt:
    """A file that was stored, and its records by outcome. outcome: of the file."""

    id: str
    feed: str
    file: str
    sha256: str
    bytes: int
    outcome: str
    counts: RecordCounts
    at: datetime


def receipt_id(feed: str, sha256: str, inode: int, written_ns: int) -> str:
    """The identity of one delivery: the same file has the same one, however often it is processed."""
    text = f"{feed}\0{sha256}\0{inode}\0{written_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:ID_CHARS]


class Receipts:
    """The receipts in the database. The one of a file is written after its records, and before it is archived."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, receipt: Receipt) -> None:
        """Write a receipt durably; that of the same delivery is replaced, by CHANGED not. Raises Unavailable.

        Where an attempt failed at a file, another collector may have stored and archived it.
        """
        counts = {name: getattr(receipt.counts, name) for name in RecordCounts.__slots__}
        facts = {name: getattr(receipt, name) for name in ("feed", "file", "sha256", "bytes", "outcome", "at")}
        document = {"_id": receipt.id, **facts, "records": receipt.counts.records, **counts}
        if receipt.outcome == CHANGED:
            await self._store.insert_if_absent(RECEIPTS, document)
        else:
            await self._store.upsert(RECEIPTS, document)

    async def files(self) -> Counter[tuple[str, str]]:
        """The number of archived files by feed and outcome."""
        archived: Stage = {"$match": {"outcome": {"$ne": CHANGED}}}
        key = {"feed": "$feed", "outcome": "$outcome"}
        rows = self._store.aggregate(RECEIPTS, [archived, {"$group": {"_id": key, "files": {"$sum": 1}}}])
        return Counter({(row["_id"]["feed"], row["_id"]["outcome"]): row["files"] async for row in rows})

    async def records(self) -> dict[str, RecordCounts]:
        """The records of each feed by outcome."""
        sums: Stage = {name: {"$sum": f"${name}"} for name in RecordCounts.__slots__}
        rows = self._store.aggregate(RECEIPTS, [{"$group": {"_id": "$feed", **sums}}])
        return {row.pop("_id"): RecordCounts(**row) async for row in rows}

    async def changed(self, feed: str) -> set[str]:
        """The receipts of files that were written to meanwhile: each of them came again, with another receipt."""
        stages: list[Stage] = [{"$match": {"feed": feed, "outcome": CHANGED}}, {"$project": {"_id": 1}}]
        return {receipt["_id"] async for receipt in self._store.aggregate(RECEIPTS, stages)}

    async def of_content(self, feed: str, sha256: str) -> list[dict[str, Any]]:
        """The receipts of the files with this content."""
        stages: list[Stage] = [{"$match": {"feed": feed, "sha256": sha256}}]
        return [receipt async for receipt in self._store.aggregate(RECEIPTS, stages)]
