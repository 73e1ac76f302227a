"""Feeds and tables: what a file of a directory is read into, and what becomes of a second record under a key."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias

from multimarket_async.errors import Rejected
from multimarket_async.polling import Poll
from multimarket_async.pseudonyms import Pseudonyms
from multimarket_async.simulation import Corruptions, Simulate, SimulateFollowUps

Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file as it is read. received_at: the last change of its content, UTC, which the archive keeps.

    source: its bytes, or what opens them.
    skimmed: the caller wants to know that all of it can be read, and looks at no record: any one stands for each.
    again: it is read for what follows from it, so that nothing need be logged twice.
    version: sorts it among the files of its feed by the time of its content; equal ones alone share it. "": not known.
    """

    feed: str
    name: str
    received_at: datetime
    source: bytes | Callable[[], BinaryIO] = field(repr=False)
    skimmed: bool = False
    again: bool = False
    version: str = ""

    @classmethod
    def at(cls, feed: str, path: Path) -> "IncomingFile":
        """A file on disk. Raises OSError."""
        return cls(feed, path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC), lambda: path.open("rb"))

    @property
    def content(self) -> bytes:
        """All bytes; of a large file rather `open` it."""
        if isinstance(self.source, bytes):
            return self.source
        with self.open() as stream:
            return stream.read()

    def open(self) -> BinaryIO:
        """The bytes as a stream."""
        return BytesIO(self.source) if isinstance(self.source, bytes) else self.source()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A later state of the document `key`, which may come before that document, late, and more than once.

    event: the fields to store, with the state and the time that the table's `Lifecycle` names.
    """

    key: str
    event: Document


class Located(NamedTuple):
    """A record with its place: its line in the file (from 1), and `raw` and `head` as in `RejectedRecord`.

    It is needed where a good record cannot be stored, such as one that contradicts a stored one.
    """

    record: "Document | FollowUp"
    line: int
    raw: bytes | str
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that is not stored: every reason, its line in the file (from 1), and its bytes.

    head: what has to stand before `raw` to make a file of it again, such as the header of a CSV file.
    """

    reasons: tuple[Rejected, ...]
    line: int
    raw: bytes
    head: bytes = b""


Record: TypeAlias = Document | FollowUp | Located | RejectedRecord


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Effect of follow-ups on a document: they are kept in it, in order, and the newest gives its state.

    history: the document's field that holds them, once there are any; the state the document came with is one of them.
    state, at: fields of an event: which state, and since when. Two that agree in both are the same event.
    own_state, own_at: the document's own fields for these; `own_state` becomes the newest one.
    states: in the order of a lifecycle: of two states at the same instant the later one here is the newer one.
    """

    history: str
    state: str
    at: str
    own_state: str
    own_at: str
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A collection of documents, each with its key in `_id`.

    mode: what a second record under a key means.
        insert: documents never change. The same content is a duplicate, other content a conflict.
        upsert: the newer version replaces the older one, in any order of arrival; an older one is superseded.
        replace: a file is the whole table; rows that a newer file lacks end, and an older file is superseded.
    version: of a document in an upsert table, of a type that MongoDB orders; None: the time of its file, then its line.
        A document without one, None, never changes: it is stored as in an insert table, until one with a version comes.
    lifecycle: the effect of follow-ups; None where there are none. Of insert tables only.
    dated: the field that says when it happened, an instant, where that cannot be long after now: see `max_ahead_days`.
        With a lifecycle it is the document's own time.
    computed: fields that `read` computes from others; a conflict does not name them.
    person: the field of a document that names the person it is about, in MongoDB's dotted notation; "": nobody. What
        is of a person can be erased; readers of its files of many records give them `Located`, with their bytes.
    pseudonyms: what `read` puts into that field in place of the ID; None: the ID itself.
    """

    name: str
    mode: Literal["insert", "upsert", "replace"] = "insert"
    version: Callable[[Document], Any] | None = None
    lifecycle: Lifecycle | None = None
    person: str = ""
    dated: str = ""
    computed: tuple[str, ...] = ()
    pseudonyms: Pseudonyms | None = None

    def keeps_first(self, version: Any, stored: Any) -> bool:
        """True where of two contents under a key, of these versions, the stored one stays, and the other conflicts."""
        return self.mode == "insert" or (self.mode == "upsert" and version is None and stored is None)

    @property
    def time_field(self) -> str:
        """The field that says when a document happened; "" where there is none."""
        return self.lifecycle.own_at if self.lifecycle else self.dated

    def check_date(self, record: "Document | FollowUp", latest: datetime) -> None:
        """Refuse a document of a later time: it would be the newest of all for years. Raises Rejected.

        A follow-up may be: simulated ones are, where a day takes less than a day (`time_scale`).
        """
        field = self.time_field
        if not field or isinstance(record, FollowUp):
            return
        at = record.get(field)
        if isinstance(at, datetime) and (at if at.tzinfo else at.replace(tzinfo=UTC)) > latest:
            sentence = (
                f"{field} is {at:%Y-%m-%d %H:%M} UTC, in the future (the setting max_ahead_days allows for clocks)."
            )
            raise Rejected("date_in_future", sentence, f"/{field}")


@dataclass(frozen=True, slots=True)
class Derived:
    """Documents that follow from a file as a whole: the prices as of its time, the quality of its lines.

    table: theirs, of mode insert; or upsert, where they are of a period, and the newest file of it counts. read: gives
        them, each under a key of its own, which says which file or period it is of.
    They are stored after the file's records, also where a newer file superseded these, and are no records of the file.
    """

    table: Table
    read: Callable[[IncomingFile], Iterable[Document]]


@dataclass(frozen=True, slots=True)
class Feed:
    """A directory under data/sources, and how its files are read.

    read: gives the records of a file, maybe one by one while it reads; raises Rejected for a file that is bad as a
        whole. It is called once or twice for a file, and in a thread.
    suffixes: of the names of its files; other files stay where they are, are counted and shown.
    records: one document or follow-up in each file, or any number of them. Only the latter may have rejected records.
    on_bad_record: reject the file, or keep the rest and list the rejected records beside the quarantine.
    self_delimiting: a half-written file is recognized by its content, such as JSON. Others, such as CSV, are read
        when they have not changed for `quiet_period_s`.
    max_file_bytes, latency_budget_s: of this feed; None: those of the settings.
    simulate: made-up deliveries; None where only real systems deliver. simulate_follow_ups: and their follow-ups.
    simulated_files: most of them, such as 1 of a list that does not change; None: as many as are asked for.
    corruptions: how these can be corrupted on request; None: not at all.
    poll: the API whose answers land here; None where other systems deliver.
    derived: what else follows from its files, where they are of many records.
    """

    name: str
    table: Table
    read: Callable[[IncomingFile], Iterable[Record]]
    suffixes: tuple[str, ...] = (".json",)
    records: Literal["one", "many"] = "one"
    on_bad_record: Literal["reject_file", "keep_rest"] = "reject_file"
    self_delimiting: bool = True
    max_file_bytes: int | None = None
    latency_budget_s: float | None = None
    simulate: Simulate | None = None
    simulate_follow_ups: SimulateFollowUps | None = None
    simulated_files: int | None = None
    corruptions: Corruptions | None = None
    poll: Poll | None = None
    derived: tuple[Derived, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """Its own, and those of what follows from its files."""
        return self.table, *(derived.table for derived in self.derived)

    @property
    def has_receipts(self) -> bool:
        """True where a file's outcome cannot be read off its document."""
        return self.records == "many" or self.table.mode != "insert"
