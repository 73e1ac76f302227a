"""What the harness itself did: every file it received, byte for byte, and what may become of it."""

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Way(StrEnum):
    """How a file gets into the landing directory."""

    WHOLE = "whole"  # hidden, then renamed
    QUEUED = "queued"  # the same, under a name that has to be free first
    SLOW = "slow"  # under its own name, piece by piece
    STALLED = "stalled"  # the same, and one pause is longer than `quiet_period_s`
    LINK = "link"
    PIPE = "pipe"


# What a file may be called whose writer paused too long: it was not whole, wherever the cut was.
UNFINISHED = frozenset({"empty_file", "truncated", "not_utf8", "syntax_error", "still_changing"})


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file to be received.

    key: of the order in it; None in a bad file, whose code is then given, and in a follow-up.
    follows: the key of the order that it follows up.
    """

    feed: str
    name: str
    content: bytes
    key: str | None = None
    code: str | None = None
    way: Way = Way.WHOLE
    at_s: float = 0.0
    follows: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def fingerprint(self) -> str:
        """What `fingerprint` says of this file wherever it lies."""
        match self.way:
            case Way.LINK:
                return f"link to {os.fsdecode(self.content)}"
            case Way.PIPE:
                return "pipe"
            case _:
                return self.sha256


@dataclass(frozen=True, slots=True)
class Received:
    """A parcel that landed.

    longest_pause_s: how long it may have looked unchanged before it was whole.
    stored_before: the digest under its key in MongoDB before it was received, if one was there.
    """

    parcel: Parcel
    longest_pause_s: float = 0.0
    stored_before: str | None = None

    def codes(self, quiet_period_s: float) -> frozenset[str]:
        """Why it may be in quarantine, apart from a conflict."""
        of_its_own = frozenset({self.parcel.code} if self.parcel.code else ())
        return of_its_own | (UNFINISHED if self.longest_pause_s >= quiet_period_s else frozenset())


@dataclass
class History:
    """All that landed in a round."""

    received: list[Received] = field(default_factory=list)

    def of_feed(self, feed: str) -> list[Received]:
        """The files of one channel."""
        return [one for one in self.received if one.parcel.feed == feed]

    def by_key(self) -> dict[str, list[Received]]:
        """The files of orders, by key."""
        return _grouped((one.parcel.key, one) for one in self.received)

    def follow_ups(self) -> dict[str, list[Received]]:
        """The files of follow-ups, by the key of their order."""
        return _grouped((one.parcel.follows, one) for one in self.received)


def _grouped(keyed: Iterable[tuple[str | None, Received]]) -> dict[str, list[Received]]:
    found: dict[str, list[Received]] = defaultdict(list)
    for key, one in keyed:
        if key is not None:
            found[key].append(one)
    return found


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: what, and where to look."""

    what: str
    feed: str = ""
    file: str = ""
    key: str = ""

    def __str__(self) -> str:
        places = (("channel", self.feed), ("file", self.file), ("key", self.key))
        return "; ".join([self.what, *(f"{name} {place}" for name, place in places if place)])


def fingerprint(path: Path) -> str:
    """The bytes at this path, or what is there instead of a file."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {path.readlink()}"
    if stat.S_ISFIFO(mode):
        return "pipe"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_in(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is not one itself and not hidden."""
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        if not stat.S_ISDIR(path.lstat().st_mode) and not path.name.startswith("."):
            yield path
