"""The files of a feed that hold something of a person, and what is left of them without it."""

import gzip
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from multimarket_async.errors import CannotContinue, Rejected
from multimarket_async.feeds import Document, Feed, IncomingFile, Located, Record, RejectedRecord
from multimarket_async.files_io import digest_of_stream, open_itself
from multimarket_async.formats.texts import GZIP, MAX_BYTES, Encoding, chunks, decoded, encoding_by_mark, lines
from multimarket_async.landing import Landing, open_archived, received_name
from multimarket_async.landing.archived import is_compressed
from multimarket_async.landing.rename import place
from multimarket_async.landing.waiting import printable
from multimarket_async.records import NEVER, Identity, RecordFile

Theirs: TypeAlias = Callable[[Record], bool]
PART = ".erasing"  # the file that takes the place of another one: hidden, so of no feed


class PackedFile(NamedTuple):
    """A file in a pack of the archive, by the name and the digest with which it was received."""

    pack: Path
    name: str
    sha256: str


@dataclass
class FoundFiles:
    """The files of a feed that hold something of a person. lists: of rejected records; histories: of replayed files."""

    feed: Feed
    landing: Landing
    waiting: list[Path] = field(default_factory=list)
    archived: list[Path] = field(default_factory=list)
    packed: list["PackedFile"] = field(default_factory=list)
    quarantined: list[Path] = field(default_factory=list)
    lists: list[Path] = field(default_factory=list)
    histories: list[Path] = field(default_factory=list)

    def received(self) -> Iterator[tuple[str, str]]:
        """Name and digest of those that were received, wherever they are. Raises OSError."""
        for path in (*self.waiting, *self.archived, *self.quarantined):
            if path.exists():
                yield printable(received_name(path, self.feed.suffixes)), digest(self.feed, path)
        yield from ((file.name, file.sha256) for file in self.packed)


class Erased(NamedTuple):
    """Records of a file that are of a person.

    numbers: in the file. lines: where each begins, and where the record after it does. bad: the number of those that
    cannot be read; documents: the others. left: the number of records of others.
    """

    numbers: list[int]
    lines: list[range]
    bad: int
    documents: list[Document]
    left: int
    by_line: bool


def opened(path: Path, suffixes: tuple[str, ...] = ()) -> BinaryIO:
    """A regular file; a link or a pipe there redirects or blocks nobody. Raises OSError.

    suffixes: of its feed: as it was received, where somebody has compressed it in the archive since.
    """
    if suffixes and is_compressed(path.name, suffixes):
        return open_archived(path, suffixes)
    stream = os.fdopen(open_itself(path, os.O_RDONLY), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise FileNotFoundError(path)
    return stream


def record_file(
    feed: Feed, path: Path, erased: Collection[int] = (), *, sha256: str = "", now: datetime = NEVER
) -> RecordFile:
    """A file as its feed reads it. sha256: as it was received. Raises OSError."""
    status = os.lstat(path)
    identity = Identity(received_name(path, feed.suffixes), status.st_size, status.st_ino, status.st_mtime_ns, sha256)
    return RecordFile(feed, identity, lambda: opened(path, feed.suffixes), now, erased=erased)


def digest(feed: Feed, path: Path) -> str:
    """SHA-256 of a file as it was received, in hexadecimal. Raises OSError."""
    with opened(path, feed.suffixes) as stream:
        return digest_of_stream(stream)


def examined(feed: Feed, path: Path, theirs: Theirs, erased: Collection[int] = ()) -> Erased:
    """The records of a person in a file. Raises Rejected, OSError, and CannotContinue where bytes are not known."""
    numbers, places, bad, documents, left, by_line = list[int](), list[range](), 0, list[Document](), 0, False
    begun: int | None = None
    for number, record in record_file(feed, path, erased).numbered():
        line = _line(feed, path, record)
        by_line |= isinstance(record, Located) and isinstance(record.raw, str)
        if begun is not None:
            places.append(range(begun, line))
        begun = line if theirs(record) else None
        if begun is None:
            left += 1
            continue
        numbers.append(number)
        bad += isinstance(record, RejectedRecord)
        documents += [record.record] if isinstance(record, Located) and isinstance(record.record, dict) else []
    places += [] if begun is None else [range(begun, 1 << 62)]
    return Erased(numbers, places, bad, documents, left, by_line)


def _line(feed: Feed, path: Path, record: Record) -> int:
    if not isinstance(record, (Located, RejectedRecord)):
        raise CannotContinue(
            f"{path} cannot be rewritten: the reader of {feed.name} does not say where in it a record is (Located)."
            " Nothing was erased."
        )
    return record.line


def decompressed(feed: Feed, path: Path) -> Path:
    """A file that somebody has compressed in the archive, as it was received. Raises OSError."""
    if not is_compressed(path.name, feed.suffixes):
        return path
    name, status = received_name(path, feed.suffixes), path.stat()
    plain = path.with_name(name)
    if not _is_same(feed, plain, path):  # else an erasure was killed here
        part = path.with_name(PART)
        with opened(path, feed.suffixes) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target)
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
        plain = Path(place(str(part), str(path.parent), name, feed.suffixes))
    path.unlink()
    return plain


def _is_same(feed: Feed, path: Path, other: Path) -> bool:
    with suppress(FileNotFoundError):
        times = {found.stat().st_mtime_ns for found in (path, other)}
        return len(times) == 1 and digest(feed, path) == digest(feed, other)
    return False


def rewrite(feed: Feed, path: Path, theirs: Theirs, erased: Erased) -> Path:
    """Write the records of others into a file beside it, with its times and mode. Raises OSError, CannotContinue."""
    part = path.with_name(PART)
    part.unlink(missing_ok=True)
    with opened(path) as source:
        compressed, status = source.read(len(GZIP)) == GZIP, os.fstat(source.fileno())
    pieces = _other_lines(path, erased.lines) if erased.by_line else _other_records(feed, path, theirs)
    with part.open("xb") as file:
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compressed else nullcontext(file) as target:
            target.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(stat.S_IMODE(status.st_mode))
    os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
    _check(feed, path, part, theirs, erased.left)
    return part


def _check(feed: Feed, path: Path, part: Path, theirs: Theirs, left: int) -> None:
    """The rest of a file is read as it was, or nothing of it is erased. Raises CannotContinue."""
    with suppress(Rejected):
        rest = examined(feed, part, theirs)
        if not rest.numbers and rest.left == left:
            return
    part.unlink()
    raise CannotContinue(f"{path} cannot be read without the records of that person: remove them by hand.")


def _other_lines(path: Path, erased: Collection[range]) -> Iterator[bytes]:
    """The lines of a text but these, byte by byte as they were."""
    content = chunks(IncomingFile("", path.name, NEVER, lambda: opened(path)), MAX_BYTES)
    start = next(content, b"")
    encoding = encoding_by_mark(start)
    if encoding is None or encoding.name == "utf-8":
        encoding = Encoding("latin-1")  # any bytes, one by one
    yield encoding.bom
    places = iter(erased)
    gone = next(places, range(0))
    for number, line in enumerate(lines(decoded(chain([start], content), encoding)), start=1):
        while number >= gone.stop and gone:
            gone = next(places, range(0))
        if number not in gone:
            yield line.encode(encoding.name)


def _other_records(feed: Feed, path: Path, theirs: Theirs) -> Iterator[bytes]:
    """The records of others, a line each, behind their head."""
    head = True
    for record in record_file(feed, path).records():
        if isinstance(record, (Located, RejectedRecord)) and not theirs(record):
            yield from (_ended(record.head), _ended(record.raw)) if head else (_ended(record.raw),)
            head = False


def _ended(raw: bytes | str) -> bytes:
    content = raw.encode() if isinstance(raw, str) else raw
    return content + b"\n" if content and not content.endswith(b"\n") else content
