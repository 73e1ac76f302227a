"""A person, and whether a record or a text is of theirs."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any

from multimarket_async.feeds import Document, FollowUp, Located, Record, RejectedRecord, Table

READ_BYTES = 16 << 20
OVERLAP_BYTES = 1000
LONGEST_NUMBER = 18  # digits: it fits into 64 bits
# Not a part of a longer word, number or key, nor of a date and a time.
WORD = r"(?<![\w:+-])(?:{})(?![\w:+-]|\.\w)"


@dataclass(frozen=True)
class Person:
    """A person by the ID that stands in the field that tables declare.

    keys: by table, of the documents that are stored under this ID. pseudonyms: that stand for it there.
    """

    id: str
    keys: Mapping[str, Collection[Any]] = field(default_factory=dict)
    pseudonyms: Collection[str] = ()

    def has(self, table: Table, record: Record) -> bool:
        """True if a record that was received is of theirs."""
        match record:
            case Located():
                return self.has(table, record.record)
            case FollowUp():
                return record.key in self.keys.get(table.name, ())
            case RejectedRecord():
                return self.is_named_in(table, record.raw)
        return self._is(value_at(record, table.person))

    def had(self, table: Table, record: Record) -> bool:
        """The same of an accepted record: of a document of theirs, every version is."""
        document = record.record if isinstance(record, Located) else record
        among = isinstance(document, dict) and document["_id"] in self.keys.get(table.name, ())
        return among or self.has(table, record)

    def is_named_in(self, table: Table, content: bytes) -> bool:
        """True if a record that could not be read names them, or names nobody and has their ID as a word."""
        owner = _owner(table, content)
        return self._is(owner) if owner is not None else any(map(self.is_in, _decoded(content)))

    def is_named_in_stream(self, table: Table, stream: IO[bytes]) -> bool:
        """The same of a file of any size, in bounded memory."""
        start = stream.read(READ_BYTES)
        return self.is_named_in(table, start) or any(map(self.is_in, _following(start, stream)))

    def is_in(self, text: str) -> bool:
        """True if their ID is in a text, as a word of its own."""
        return bool(self._word.search(text))

    def is_quoted_in(self, text: str) -> bool:
        """The same of a sentence; an ID that is a number must be all of it, or quoted: others are counts."""
        if not self.id.isdecimal():
            return self.is_in(text)
        quoted = text == self.id or f"'{self.id}'" in text or f'"{self.id}"' in text
        return quoted or any(pseudonym in text for pseudonym in self.pseudonyms)

    @property
    def values(self) -> list[str | int]:
        """The ID as it may be stored: as a text, as a whole number, or as a pseudonym."""
        number = [int(self.id)] if self.id.isdecimal() and len(self.id) <= LONGEST_NUMBER else []
        return [self.id, *number, *self.pseudonyms]

    @cached_property
    def _word(self) -> re.Pattern[str]:
        forms = sorted({self.id, json.dumps(self.id)[1:-1], *self.pseudonyms})
        return re.compile(WORD.format("|".join(map(re.escape, forms))))

    def _is(self, value: Any) -> bool:
        return isinstance(value, (str, int)) and str(value) in (self.id, *self.pseudonyms)


def value_at(document: Document, path: str) -> Any:
    """The value at a path in dotted notation; None where there is none."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _owner(table: Table, content: bytes) -> Any:
    """The person that an object of JSON names; None if it names nobody, or is none."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return None
    owner = value_at(tree, table.person)
    return owner if isinstance(owner, (str, int)) and str(owner).strip() else None


def _decoded(content: bytes) -> Iterator[str]:
    """Bytes as a text, in each encoding in which they may be one."""
    yield content.decode("utf-8", "replace")
    yield content.decode("cp1252", "replace")
    if b"\0" in content:
        yield from (content.decode(name, "replace") for name in ("utf-16-le", "utf-16-be"))


def _following(start: bytes, stream: IO[bytes]) -> Iterator[str]:
    """The text that follows, piece by piece, each with the end of the one before."""
    end = start[-OVERLAP_BYTES:]
    while content := stream.read(READ_BYTES):
        yield from _decoded(end + content)
        end = content[-OVERLAP_BYTES:]
