"""A file, examined as its feed reads it, without storing anything: its records, and every fault in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from multimarket_async.domains import Document, Feed, FollowUp, IncomingFile, Located, RejectedRecord
from multimarket_async.errors import Rejected
from multimarket_async.landing.rejected_lines import described, fields
from multimarket_async.landing.waiting import printable
from multimarket_async.logs import escape_control_chars
from multimarket_async.readers.rejects import MAX_SHOWN, record_lines, sentence_of
from multimarket_async.records import rejected_record

MOST_DOCUMENTS = 3  # of a derived table that are shown


@dataclass
class Examined:
    """A file and its records, accepted and rejected. keys: of its good documents. why: the file as a whole is rejected.

    derived: the documents that would follow from it, by table.
    """

    feed: str
    name: str
    accepted: int = 0
    keys: set[Any] = field(default_factory=set)
    rejected: list[RejectedRecord] = field(default_factory=list)
    why: Rejected | None = None
    derived: dict[str, list[Document]] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Nothing of it is rejected."""
        return self.why is None and not self.rejected

    def data(self) -> dict[str, Any]:
        """All of it, to be printed as JSON."""
        reasons = [self.why, *self.why.also] if self.why else []
        return {
            "feed": self.feed,
            "file": printable(self.name),
            "quarantined": [described(reason) for reason in reasons],
            "records": self.accepted + len(self.rejected),
            "accepted": self.accepted,
            "repeated": self.accepted - len(self.keys),
            "rejected": [fields(record) for record in self.rejected],
            "derived": self.derived,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        data = self.data()
        yield escape_control_chars(f"{self.feed}/{printable(self.name)}: {_summary(data)}")
        for reason in data["quarantined"]:
            yield escape_control_chars(f"  {sentence_of(reason)}")
        for record in islice(data["rejected"], MAX_SHOWN):
            yield from map(escape_control_chars, record_lines(record))
        if len(self.rejected) > MAX_SHOWN:
            yield f"... and {len(self.rejected) - MAX_SHOWN:,} more; --format json shows all."
        for table, documents in self.derived.items():
            yield f"  {table}: {len(documents):,}"
            for document in islice(documents, MOST_DOCUMENTS):
                shown = ", ".join(
                    f"{name} {value}" for name, value in document.items() if name != "_id" and value != ""
                )
                yield escape_control_chars(f"    {shown}")


def _summary(data: dict[str, Any]) -> str:
    if data["quarantined"]:
        return "quarantined"
    repeated = f" ({data['repeated']:,} of them under the key of another)" if data["repeated"] else ""
    return f"{data['records']:,} records, {data['accepted']:,} accepted{repeated}, {len(data['rejected']):,} rejected"


def examined(feeds: Sequence[Feed], path: Path, max_bytes: int, latest: datetime) -> Examined:
    """A file as the first of these feeds reads it that accepts most of it. Raises OSError.

    max_bytes: of a file, where its feed says nothing else. latest: no record may be dated later.
    """
    size = path.stat().st_size
    return max((_examined(feed, path, size, max_bytes, latest) for feed in feeds), key=lambda found: found.accepted)


def _examined(feed: Feed, path: Path, size: int, max_bytes: int, latest: datetime) -> Examined:
    found = Examined(feed.name, path.name)
    file = IncomingFile.at(feed.name, path)
    try:
        _check_size(size, feed.max_file_bytes or max_bytes)
        _read(found, feed, feed.read(file), latest)
        for derived in feed.derived if not found.why else ():
            found.derived.setdefault(derived.table.name, []).extend(derived.read(file))
    except Rejected as why:
        found.why = why
    return found


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Rejected("file_too_large", f"It has {size:,} bytes; its feed takes {limit:,}.")


def _read(found: Examined, feed: Feed, records: Iterable[Any], latest: datetime) -> None:
    for record in records:
        if isinstance(record, RejectedRecord):
            found.rejected.append(record)
            continue
        place = record if isinstance(record, Located) else Located(record, found.accepted + 1, "")
        try:
            feed.table.check_date(place.record, latest)
        except Rejected as rejected:
            found.rejected.append(rejected_record(place, rejected))
            continue
        found.accepted += 1
        found.keys.add(place.record.key if isinstance(place.record, FollowUp) else place.record["_id"])
    if found.rejected and (feed.on_bad_record == "reject_file" or not found.accepted):
        [first, *others] = [reason for record in found.rejected for reason in record.reasons]
        found.why = Rejected(first.code, first.sentence, first.pointer, first.line, also=tuple(others))
