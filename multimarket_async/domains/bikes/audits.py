"""Documents that follow from a file: its quality, one for each rejected line, and the prices as of its time."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from multimarket_async.domains import Derived, Document, IncomingFile, Record, RejectedRecord, Table
from multimarket_async.domains.bikes.rules import File
from multimarket_async.feeds import Located
from multimarket_async.formats.found import DELIMITERS

FILES, REJECTED, PRICES = Table("bike_files"), Table("bike_rejected_lines"), Table("bike_prices")
DIGITS = 16
BLANKS = '\ufeff \t\r\n"'
Read: TypeAlias = Callable[[IncomingFile], Iterable[Record]]


def audited(kind: File, read: Read, keys: tuple[str, ...] = ()) -> tuple[Derived, Derived]:
    """The quality of the files of a feed. keys: the columns of a line's key, where each file is a part of its table.

    A file that is the whole table replaces the audit of the file before; of parts, each content counts once, and a
    rejected line until a good one of the same key is stored.
    """

    def summary(file: IncomingFile) -> Iterator[Document]:
        named = _digest(file.content) if keys else file.version
        repeated, flagged = _counted(read(file))
        facts = {"file": kind, "version": file.version, "repeated": repeated, "flagged": dict(flagged)}
        yield {"_id": f"{kind}:{named}", **facts}

    def rejected(file: IncomingFile) -> Iterator[Document]:
        version = "" if keys else file.version
        bad = {_digest(record.raw): record for record in read(file) if isinstance(record, RejectedRecord)}
        for digest, record in bad.items():
            names = list(dict.fromkeys(reason.code for reason in record.reasons))
            facts = {"file": kind, "version": version, "key": _key(record, keys), "rules": names}
            yield {"_id": f"{kind}:{version}:{digest}", **facts}

    return Derived(FILES, summary), Derived(REJECTED, rejected)


def priced(read: Read) -> Derived:
    """The prices of a list, as of its time: the list itself is replaced by the next one."""

    def prices(file: IncomingFile) -> Iterator[Document]:
        bikes = {document["_id"]: document for document in _documents(read(file))}
        for bike in bikes.values():
            facts = {name: bike[name] for name in ("bike", "model", "category1", "price_minor")}
            yield {"_id": f"{bike['bike']}@{file.version}", **facts, "listed": file.version, "at": file.received_at}

    return Derived(PRICES, prices)


def _documents(records: Iterable[Record]) -> Iterator[Document]:
    for record in records:
        document = record.record if isinstance(record, Located) else record
        if isinstance(document, dict):
            yield document


def _counted(records: Iterable[Record]) -> tuple[int, Counter[str]]:
    """The number of good lines whose key was in the file before; and of those that are flagged, by rule."""
    keys, lines, flagged = set[str](), 0, Counter[str]()
    for document in _documents(records):
        lines += 1
        keys.add(document["_id"])
        flagged.update(document["flags"])
    return lines - len(keys), flagged


def _key(record: RejectedRecord, names: tuple[str, ...]) -> str:
    """The key of a rejected line, as far as it can be read."""
    head, raw = (text.decode("utf-8", "replace") for text in (record.head, record.raw))
    for delimiter in DELIMITERS if names else "":
        header, fields = ([text.strip(BLANKS) for text in line.split(delimiter)] for line in (head, raw))
        values = dict(zip(header, fields, strict=False))
        if all(name in values for name in names):
            return "/".join(values[name] for name in names)
    return ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
