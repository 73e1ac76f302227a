"""Receipts: a document for each file of many records, with what became of them."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from multimarket_async.store.documents import Stage
from multimarket_async.store.mongo import Store

RECEIPTS = "receipts"
OURS: Stage = {"feed": {"$type": "string"}}  # documents of another hand have none
ID_CHARS = 20
CHANGED = "changed"  # outcome of a file that was written to while its records were being stored: it comes again


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Records by outcome. replaced: those of the stored ones that took the place of an older one.

    erased: those that were removed, from the file and from the table, since they are of a person.
    """

    stored: int = 0
    duplicate: int = 0
    superseded: int = 0
    rejected: int = 0
    replaced: int = 0
    erased: int = 0

    @property
    def records(self) -> int:
        """All of them."""
        return self.stored + self.duplicate + self.superseded + self.rejected + self.erased

    def erasing(self, records: int, rejected: int) -> "RecordCounts":
        """These, of which so many records more are erased, the rejected ones among them."""
        left, counts = records - rejected, {"rejected": self.rejected - rejected, "erased": self.erased + records}
        for outcome in ("stored", "duplicate", "superseded"):
            counts[outcome] = max(0, getattr(self, outcome) - left)
            left -= getattr(self, outcome) - counts[outcome]
        return replace(self, **counts)

    def plus(self, more: Counter[str]) -> "RecordCounts":
        """These, and more of these outcomes."""
        return replace(self, **{name: getattr(self, name) + number for name, number in more.items()})


class Rewritten(NamedTuple):
    """The content of an archived file without erased records. sha256: of the file as it was received.

    content: the digest of what is left. numbers: of the records that it lacks.
    """

    sha256: str
    content: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A file that was stored, and its records by outcome. outcome: of the file. archive: the one that it goes to.

    written_ns: the last change of its content; 0: an earlier version has written the receipt.
    """

    id: str
    feed: str
    file: str
    sha256: str
    bytes: int
    outcome: str
    counts: RecordCounts
    at: datetime
    archive: str = ""
    written_ns: int = 0


def receipt_id(feed: str, sha256: str, inode: int, written_ns: int) -> str:
    """The identity of one delivery: the same file has the same one, however often it is processed."""
    text = f"{feed}\0{sha256}\0{inode}\0{written_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:ID_CHARS]


def _document(receipt: Receipt) -> dict[str, Any]:
    counts = {name: getattr(receipt.counts, name) for name in RecordCounts.__slots__}
    names = ("feed", "file", "sha256", "bytes", "outcome", "at", "archive", "written_ns")
    facts = {name: getattr(receipt, name) for name in names}
    return {"_id": receipt.id, **facts, "records": receipt.counts.records, **counts}


class Receipts:
    """The receipts in the database. The one of a file is written after its records, and before it is archived."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, receipt: Receipt) -> None:
        """Write a receipt durably; that of the same delivery is replaced, by CHANGED not. Raises Unavailable.

        Where an attempt failed at a file, another collector may have stored and archived it.
        """
        document = _document(receipt)
        if receipt.outcome == CHANGED:
            await self._store.insert_if_absent(RECEIPTS, document)
        else:
            await self._store.upsert(RECEIPTS, document)

    async def write_all(self, receipts: Sequence[Receipt]) -> None:
        """Write several receipts durably, those of the same deliveries are replaced. Raises Unavailable."""
        unique = {receipt.id: _document(receipt) for receipt in receipts}
        if unique:
            await self._store.insert_or_update(RECEIPTS, [*unique.values()])

    async def files(self) -> Counter[tuple[str, str, str]]:
        """The number of archived files by feed, outcome and archive; "" is that of an earlier version."""
        archived: Stage = {"$match": {"outcome": {"$type": "string", "$ne": CHANGED}, **OURS}}
        key = {"feed": "$feed", "outcome": "$outcome", "archive": {"$ifNull": ["$archive", ""]}}
        rows = self._store.aggregate(RECEIPTS, [archived, {"$group": {"_id": key, "files": {"$sum": 1}}}])
        return Counter({tuple(row["_id"].values()): row["files"] async for row in rows})

    async def records(self, archives: Sequence[str | None]) -> dict[str, RecordCounts]:
        """The records of each feed by outcome, of these archives."""
        own: Stage = {"$match": {"archive": {"$in": list(archives)}, **OURS}}
        sums: Stage = {name: {"$sum": f"${name}"} for name in RecordCounts.__slots__}
        rows = self._store.aggregate(RECEIPTS, [own, {"$group": {"_id": "$feed", **sums}}])
        return {row.pop("_id"): RecordCounts(**row) async for row in rows}

    async def changed(self, feed: str) -> set[str]:
        """The receipts of files that were written to meanwhile: each of them came again, with another receipt."""
        stages: list[Stage] = [{"$match": {"feed": feed, "outcome": CHANGED}}, {"$project": {"_id": 1}}]
        return {receipt["_id"] async for receipt in self._store.aggregate(RECEIPTS, stages)}

    async def of_content(self, feed: str, content: str) -> list[dict[str, Any]]:
        """The receipts of the files whose content is now of this digest."""
        return (await self.of_contents(feed, [content])).get(content, [])

    async def of_contents(self, feed: str, contents: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """The same for each of these digests; no index finds them, so many are looked for in one pass."""
        found = defaultdict[str, list[dict[str, Any]]](list)
        wanted: Stage = {"$in": list(contents)}
        as_received: Stage = {"sha256": wanted, "contents": {"$exists": False}}
        stages: list[Stage] = [{"$match": {"feed": feed, "$or": [as_received, {"contents.sha256": wanted}]}}]
        async for receipt in self._store.aggregate(RECEIPTS, stages):
            for content in {each["sha256"] for each in receipt.get("contents", [receipt])}:
                found[content].append(receipt)
        return found

    async def of_files(self, feed: str, names: Collection[str]) -> list[dict[str, Any]]:
        """The receipts of accepted files that were received under one of these names."""
        stages: list[Stage] = [{"$match": {"feed": feed, "file": {"$in": list(names)}, "outcome": {"$ne": CHANGED}}}]
        return [receipt async for receipt in self._store.aggregate(RECEIPTS, stages)]

    async def rewritten(self, feed: str) -> dict[str, Rewritten]:
        """The files of which records were erased, by the digest of their content."""
        stages: list[Stage] = [{"$match": {"feed": feed}}, {"$unwind": "$contents"}]
        found = [
            Rewritten(receipt["sha256"], receipt["contents"]["sha256"], tuple(receipt["contents"]["numbers"]))
            async for receipt in self._store.aggregate(RECEIPTS, stages)
        ]
        return {file.content: file for file in found}

    async def rewrite(self, feed: str, before: str, after: Rewritten, *, records: int, rejected: int) -> None:
        """Note what is left of the files of this content; idempotent. records: the number of those erased now."""
        for receipt in await self.of_content(feed, before):
            counts = RecordCounts(**{name: receipt.get(name, 0) for name in RecordCounts.__slots__})
            left = asdict(counts.erasing(records, rejected))
            noted = {"sha256": after.content, "numbers": list(after.numbers)}
            unnoted = {"_id": receipt["_id"], "contents.sha256": {"$ne": after.content}}
            await self._store.update(RECEIPTS, [(unnoted, {"$set": left, "$push": {"contents": noted}})], insert=False)

    async def remove(self, feed: str, content: str) -> None:
        """Remove those of the files of this content, of which nothing is left."""
        found = await self.of_content(feed, content)
        await self._store.remove(RECEIPTS, [receipt["_id"] for receipt in found])
