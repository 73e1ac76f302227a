"""One feed's directory: files are delivered whole, wait, are read, and move to the archive."""

import errno
import hashlib
import heapq
import os
import stat
import time
import uuid
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from pathlib import Path

import aiofiles
import aiofiles.os

from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing.bulk import Moved, look_at_all, move_all, read_all
from multimarket_async.landing.quarantine import Quarantine
from multimarket_async.landing.rename import place
from multimarket_async.landing.waiting import WaitingFile, is_ours

SETTLED_NS = 10**9
AT_ONCE = 1_000  # looked at together
_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_place = aiofiles.os.wrap(place)


class Landing:
    """The places of one feed: data/sources/<feed>, data/archive/<feed>, data/quarantine/<feed>.

    dated_by: for a time that is not the kernel's. Then a file is as old as its mtime says, and `deliver` sets that.
    """

    def __init__(self, data_dir: Path, feed: str, dated_by: Callable[[], datetime] | None = None) -> None:
        self.feed = feed
        self._dated_by = dated_by
        self.sources = data_dir / "sources" / feed
        self.archived = data_dir / "archive" / feed
        self._archived = str(self.archived)
        self.quarantine = Quarantine(data_dir / "quarantine" / feed, self.sources)
        self._days: dict[str, tuple[int, int]] = {}

    def prepare(self) -> None:
        """Create the directories that are not there."""
        for folder in (self.sources, self.archived, self.quarantine.folder):
            folder.mkdir(parents=True, exist_ok=True)

    async def deliver(self, name: str, content: bytes) -> Path:
        """Put a file there whole or not at all: written under a hidden name, then renamed."""
        hidden = self.sources / f".{uuid.uuid4().hex}.part"
        try:
            async with aiofiles.open(hidden, "xb") as file:
                await file.write(content)
            if self._dated_by:
                date_file(hidden, self._dated_by())
            return Path(await _place(str(hidden), str(self.sources), name))
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise

    def waiting(self, most: int | None = None, but: Container[str] = ()) -> list[WaitingFile]:
        """The files that wait, longest wait first; at most `most` of them, and none whose path is in `but`."""
        found = self._listed(but)
        first = sorted(islice(found, most), key=_since)
        if most is None or len(first) < most:
            return first
        return heapq.nsmallest(most, chain(first, found), key=_since)  # memory for no more than these

    def _listed(self, but: Container[str]) -> Iterator[WaitingFile]:
        try:
            with os.scandir(self.sources) as entries:
                seen = _seen(str(self.sources), entries, but)
                yield from (file._replace(changed_ns=file.written_ns) for file in seen) if self._dated_by else seen
        except FileNotFoundError:  # somebody removed the directory: sources expect it to be there
            self.sources.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot list {self.sources}: {error.strerror}") from error

    def archived_as(self, file: WaitingFile, day: date) -> str:
        """Where it goes in the archive of that day unless that name is taken."""
        return f"{self._archived}/{day}/{file.entry}"

    def archive(self, file: WaitingFile, day: date) -> str:
        """Move a stored file to the archive of that day; never over another one. Its new path."""
        folder = f"{self._archived}/{day}"
        try:
            return place(file.where, folder, file.entry)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a path is text here
            return place(file.where, folder, file.entry)

    def read_all(self, files: list[WaitingFile], max_bytes: int) -> list[bytes | None]:
        """Their contents; None where `read` has to say what is the matter."""
        return read_all(str(self.sources), files, max_bytes)

    def archive_all(self, files: list[WaitingFile], day: date) -> list[Moved]:
        """Move stored files to the archive of that day, those that nothing is unusual about."""
        if not files:
            return []
        folder = f"{self._archived}/{day}"
        with suppress(OSError):  # then none is moved, and `archive` says why
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a path is text here
        return move_all(str(self.sources), folder, files)

    def restore(self, path: str, name: str) -> str:
        """Return a file that was moved by mistake: another one had taken its name meanwhile. Its new path."""
        self.sources.mkdir(parents=True, exist_ok=True)  # or its absence would look like that of the file
        return place(path, str(self.sources), name)

    def waiting_files(self) -> Iterator[Path]:
        """Every file of ours that waits, in no order and not looked at; memory holds none of them."""
        with os.scandir(self.sources) as entries:
            yield from (Path(entry.path) for entry in entries if is_ours(entry.name))

    def archive_files(self) -> Iterator[Path]:
        """Every archived file, day by day."""
        for day in sorted(self.archived.glob("*-*-*")):
            with os.scandir(day) as entries:
                yield from (Path(entry.path) for entry in entries)

    def archived_files(self) -> int:
        """How many there are. A day in which nothing changed since the last call is not counted again."""
        known, self._days = self._days, {}
        with suppress(FileNotFoundError), os.scandir(self.archived) as days:
            for day in days:
                changed_ns = day.stat().st_mtime_ns
                same = day.name in known and known[day.name][0] == changed_ns
                files = known[day.name][1] if same else sum(1 for _ in os.scandir(day))
                # Time stamps tick in milliseconds: a file that came in the same tick would never be seen.
                settled = time.time_ns() - changed_ns > SETTLED_NS
                self._days[day.name] = (changed_ns if settled else 0, files)
        return sum(files for _, files in self._days.values())


def date_file(path: Path, moment: datetime) -> None:
    """Say that its content changed then, to the microsecond."""
    nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    os.utime(path, ns=(nanoseconds, nanoseconds))


def is_content(content: bytes, sha256: str) -> bool:
    """Whether this is the content of that digest; white space that its writer put after it is no difference."""
    return sha256 in (hashlib.sha256(content).hexdigest(), hashlib.sha256(content.rstrip()).hexdigest())


def read(file: WaitingFile, max_bytes: int) -> bytes:
    """The file's content.

    Raises Rejected if it is not a readable regular file of at most `max_bytes`, Unavailable if
    this machine cannot read it just now, FileNotFoundError if it is gone.
    """
    if not stat.S_ISREG(file.mode):
        raise Rejected("not_a_regular_file", "a link, directory, pipe or device, where a file was expected")
    if file.bytes > max_bytes:
        raise Rejected("file_too_large", f"{file.bytes} bytes; the limit (max_file_bytes) is {max_bytes}")
    try:
        return _content(file.where, file.bytes)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _SHORT_OF:
            raise Unavailable(f"cannot read files: {error.strerror}") from error
        raise Rejected("unreadable", f"it cannot be opened: {error.strerror}", unfinished=True) from error


def _content(path: str, size: int) -> bytes:
    # Neither a link nor a pipe put there since we looked may redirect or block us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        content = os.read(descriptor, size + 1)  # one byte more tells whether it has grown
    finally:
        os.close(descriptor)
    if len(content) != size:
        raise Rejected("still_changing", "its size changed while it was being read", unfinished=True)
    return content


def _seen(folder: str, entries: Iterator[os.DirEntry[str]], but: Container[str]) -> Iterator[WaitingFile]:
    """Those of ours. One that cannot be looked at hides no other; if none can be, OSError."""
    seen, failure = 0, None
    names = (entry.name for entry in entries if is_ours(entry.name) and entry.path not in but)
    while some := list(islice(names, AT_ONCE)):
        files, unseen = look_at_all(folder, some)
        for name in unseen:
            try:
                files += _looked_at(f"{folder}/{name}")
            except OSError as error:
                failure = error
        seen += len(files)
        yield from files
    if failure and not seen:
        raise failure


def _looked_at(path: str) -> list[WaitingFile]:
    """One, or none if it is gone."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return []
    times = status.st_ctime_ns, status.st_mtime_ns
    return [WaitingFile(path, status.st_size, *times, status.st_ino, status.st_mode)]


def _since(file: WaitingFile) -> int:
    return file.changed_ns
