"""The directories of one feed: files are delivered whole, wait, are read, and move to the archive or the quarantine."""

import hashlib
import heapq
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import aiofiles.os
import structlog

from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.files_io import private_folder
from multimarket_async.landing import files
from multimarket_async.landing.archived import COMPRESSED
from multimarket_async.landing.arrivals import Arrivals
from multimarket_async.landing.expired import expired_files
from multimarket_async.landing.files import Misplaced, count_waiting
from multimarket_async.landing.identity import ArchiveIdentity, make_identity, read_identity
from multimarket_async.landing.late_writes import (
    WITHDRAWN,
    clear,
    has_left,
    is_late_write,
    keep_stored,
    late_writes,
    withdraw,
)
from multimarket_async.landing.packs import packed_files, unpacked
from multimarket_async.landing.quarantine import Quarantine
from multimarket_async.landing.rename import place
from multimarket_async.landing.repeats import locked
from multimarket_async.landing.tree import Tree
from multimarket_async.landing.waiting import UnknownFiles, WaitingFile, is_hidden, is_ours

log = structlog.get_logger()

T = TypeVar("T")

_deliver_hidden = aiofiles.os.wrap(files.deliver_hidden)
TICK_NS = 10**9  # no file system's time stamps are coarser
FILES_PER_LOOK = 1_000
WATCHED_DAYS = 2  # of the archive


class Landing:
    """The places of one feed: data/sources/<feed>, data/archive/<feed>, data/quarantine/<feed>.

    suffixes: of the names of its files. unknown: the other entries that the last scan has seen; they stay there.
    full: it takes as much of the disk as it may, and its files wait. arrivals: of files in the archive.
    """

    def __init__(self, data_dir: Path, feed: str, suffixes: tuple[str, ...] = (".json",)) -> None:
        self.feed = feed
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.unknown = UnknownFiles()
        self.full = False
        self.arrivals = Arrivals()
        self.sources = data_dir / "sources" / feed
        self.archived = data_dir / "archive" / feed
        self.quarantine = Quarantine(data_dir / "quarantine" / feed, self.sources, self.suffixes)
        self._data_dir = data_dir
        self._identity = ArchiveIdentity()
        self._folder, self._archived = str(self.sources), str(self.archived)
        self._reported = 0
        self._misplaced: deque[tuple[str, str]] = deque()
        self._days: dict[str, tuple[int, int]] = {}

    def prepare(self) -> None:
        """Create the directories that are not there."""
        self.sources.mkdir(parents=True, exist_ok=True)
        for folder in self.private:
            private_folder(folder)
        self._identity = make_identity(self._data_dir)

    @property
    def private(self) -> tuple[Path, Path]:
        """The directories whose files are ours, which other users need not see."""
        return self.archived, self.quarantine.folder

    @property
    def identity(self) -> ArchiveIdentity:
        """The identity of the archive; that of another data folder is another one."""
        if not self._identity.id:
            self._identity = read_identity(self._data_dir)
        return self._identity

    def obstacles(self) -> list[str]:
        """A sentence for each directory from or to which this user cannot move files."""
        folders = (self.sources, self.archived, self.quarantine.folder)
        found = [
            f"{folder} cannot be written to: files cannot leave or enter it"
            for folder in folders
            if not _is_open(folder)
        ]
        if _is_sticky(self.sources):
            found.append(
                f"{self.sources} has the sticky bit: files of other users cannot leave it (chmod -t removes it)"
            )
        return found

    def restore_directory(self) -> None:
        """Create the landing directory if somebody removed it: sources expect it to be there. Raises Unavailable."""
        if os.path.isdir(self._folder):  # noqa: PTH112 - asked at each scan
            return
        try:
            self.sources.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = "a link in it leads nowhere now" if _leads_nowhere(self.sources) else error.strerror
            raise Unavailable(f"cannot create {self.sources}: {why}") from error

    async def deliver(self, name: str, content: bytes) -> Path:
        """Put a file there whole or not at all; its path."""
        return await _deliver_hidden(self.sources, name, content, self.suffixes)

    def waiting(self, most: int | None = None, but: Container[str] = ()) -> list[WaitingFile]:
        """The waiting files, longest wait first; at most `most` of them, and none whose path is in `but`.

        None where there is no directory. Raises Unavailable.
        """
        listed = self._listed(but)
        first = sorted(islice(listed, most), key=_since)
        if most is None or len(first) < most:
            return first
        return heapq.nsmallest(most, chain(first, listed), key=_since)  # memory for no more than these

    def _listed(self, but: Container[str]) -> Iterator[WaitingFile]:
        tree = Tree(self._folder, self.suffixes)
        try:
            for folder, names in tree.folders(but):
                yield from _seen(folder, names)
        except FileNotFoundError as error:
            if _leads_nowhere(self.sources):
                raise Unavailable(f"cannot list {self.sources}: a link in it leads nowhere now") from error
        except OSError as error:
            raise Unavailable(f"cannot list {self.sources}: {error.strerror}") from error
        self.unknown = tree.unknown

    def report_unknown(self) -> None:
        """Log the number of unknown files, if it has changed since the last call."""
        files, example = self.unknown
        if files and files != self._reported:
            log.warning("files.unknown", feed=self.feed, files=files, example=example)
        self._reported = files

    def read(self, waiting: list[WaitingFile], max_bytes: int) -> list[bytes | Rejected | FileNotFoundError]:
        """The contents of waiting files; see `files.read`."""
        return _by_folder(waiting, lambda folder, some: files.read(folder, some, max_bytes))

    def archive(self, stored: list[WaitingFile], day: date) -> list[OSError | None]:
        """Move stored files to the archive of that day; see `files.move`."""
        folder = f"{self._archived}/{day}"
        with suppress(OSError):  # then the move of each file says why
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a path is text here
        answers = _by_folder(stored, lambda source, some: files.move(source, folder, some, self.suffixes))
        for file, error in zip(stored, answers, strict=True):
            if isinstance(error, Misplaced):
                self._misplaced.append((error.filename, file.entry))
        self.arrivals.note(file for file, error in zip(stored, answers, strict=True) if not error)
        self.restore()
        return answers

    def reject(self, file: WaitingFile, rejected: Rejected, facts: dict[str, Any]) -> int:
        """Move a bad file to the quarantine, with the reason; the number of deliveries of its content.

        Raises OSError; see `files.move_unchanged`.
        """
        private_folder(self.quarantine.folder)
        with locked(self.quarantine.folder):
            try:
                moved = files.move_unchanged(file, lambda: os.fspath(self.quarantine.add(file.path, rejected, facts)))
            except Misplaced as error:
                self._misplaced.append((error.filename, file.entry))
                self.restore()
                raise
            with suppress(OSError):
                return self.quarantine.settle(Path(moved))
            return 1  # its name counts it, until the next one comes

    def restore(self) -> None:
        """Return files that were moved in place of others; those that cannot be returned now wait for the next call."""
        for _ in range(len(self._misplaced)):
            path, name = self._misplaced.popleft()
            try:
                self.sources.mkdir(parents=True, exist_ok=True)  # or its absence would look like that of the file
                place(path, self._folder, name, self.suffixes)
            except FileNotFoundError:
                continue
            except OSError:
                self._misplaced.append((path, name))

    def waiting_files(self) -> Iterator[Path]:
        """Every waiting file of ours, in no order and not looked at; memory holds none of them."""
        for folder, names in Tree(self._folder, self.suffixes).folders():
            yield from (Path(folder, name) for name in names)

    def archive_files(self, room: Path | None = None) -> Iterator[Path]:
        """Every archived file, day by day. room: a folder to unpack those that are packed into; None: without them."""
        for day in sorted(self._archive_days()):
            with os.scandir(day) as entries:
                yield from (Path(entry.path) for entry in entries if is_ours(entry.name, self._archive_suffixes))
        if room:
            yield from unpacked(self.archived, room)

    def written_after_archiving(self) -> Iterator[WaitingFile]:
        """The files of the newest days of the archive that may have been written to since they came there."""
        for day in sorted(self._archive_days())[-WATCHED_DAYS:]:
            with suppress(FileNotFoundError), os.scandir(day) as entries:
                names = (entry.name for entry in entries if is_ours(entry.name, self.suffixes))
                yield from (file for file in _seen(day, names) if is_late_write(file) or self.arrivals.changed(file))

    def deliver_again(self, archived: WaitingFile) -> None:
        """Move a file of the archive to the landing directory. Raises OSError; see `files.move_unchanged`."""
        with suppress(Misplaced):  # written to meanwhile: it is there all the same
            files.move_unchanged(archived, lambda: place(archived.where, self._folder, archived.entry, self.suffixes))

    @contextmanager
    def withdraw(self, archived: WaitingFile, size: int | None, written_ns: int) -> Iterator[WaitingFile]:
        """Withdraw a file that has to leave the archive as it was written to, or go on with it; the file there.

        size: of what was stored, which the archive keeps; None if that is not in it. Of several processes the first
        one has it; the others, and any other one that comes too late, get FileNotFoundError. Raises OSError.
        """
        with locked(self.archived):
            withdrawn = archived if self._is_withdrawn(archived) else withdraw(self.archived, archived)
            keep_stored(self.archived, withdrawn, size, written_ns)
            yield withdrawn
            has_left(self.archived, withdrawn)

    def _is_withdrawn(self, file: WaitingFile) -> bool:
        return file.path.parent.parent == self.archived / WITHDRAWN

    def withdrawn(self) -> list[WaitingFile]:
        """The files that a process has withdrawn, and has not finished with. Raises OSError."""
        if not (hidden := self.archived / WITHDRAWN).is_dir():
            return []
        with locked(self.archived):
            clear(self.archived)
            paths = [path for path in hidden.glob("*/*") if is_ours(path.name, self.suffixes)]
            return [file for path in paths for file in _seen(os.fspath(path.parent), iter([path.name]))]

    def late_writes(self) -> int:
        """The number of archived files that were written to after they were stored."""
        return late_writes(self.archived)

    def expired_files(self) -> tuple[int, int]:
        """The number of files that retention removed from the archive, and from the quarantine."""
        return expired_files(self.archived), expired_files(self.quarantine.folder)

    def packed_files(self) -> int:
        """The number of files in packs."""
        with suppress(FileNotFoundError), os.scandir(self.archived) as entries:
            return sum(packed_files(entry.name) for entry in entries)
        return 0

    def _archive_days(self) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self.archived) as entries:
            yield from (entry.path for entry in entries if entry.is_dir() and not is_hidden(entry.name))

    @property
    def _archive_suffixes(self) -> tuple[str, ...]:
        """Suffixes of its files, and of those that somebody compressed there."""
        return (*self.suffixes, *(f"{suffix}{COMPRESSED}" for suffix in self.suffixes))

    def archived_files(self) -> int:
        """The number of archived files. A day in which nothing changed since the last call is not counted again."""
        known, self._days = self._days, {}
        for day in self._archive_days():
            with suppress(FileNotFoundError):  # somebody removes it just now
                changed_ns = os.stat(day).st_mtime_ns  # noqa: PTH116 - a path is text here
                same = day in known and known[day][0] == changed_ns
                count = known[day][1] if same else count_waiting(Path(day), self._archive_suffixes)
                # Time stamps tick in milliseconds: a file that came in the same tick would never be seen.
                settled = time.time_ns() - changed_ns > TICK_NS
                self._days[day] = (changed_ns if settled else 0, count)
        return sum(count for _, count in self._days.values()) + self.packed_files()


def is_content(content: bytes, sha256: str) -> bool:
    """True if this is the content of that digest; white space that its writer put after it is no difference."""
    return sha256 in (hashlib.sha256(content).hexdigest(), hashlib.sha256(content.rstrip()).hexdigest())


def _seen(folder: str, names: Iterator[str]) -> Iterator[WaitingFile]:
    """The files of these names. One that cannot be looked at hides no other; raises OSError if none can be."""
    seen, failures = 0, list[OSError]()
    while batch := list(islice(names, FILES_PER_LOOK)):
        answers = files.look(folder, batch)
        found = [answer for answer in answers if isinstance(answer, WaitingFile)]
        if len(found) < len(batch):
            errors = [answer for answer in answers if isinstance(answer, OSError)]
            failures += [error for error in errors if not isinstance(error, FileNotFoundError)]  # those are gone
        seen += len(found)
        yield from found
    if failures and not seen:
        raise failures[-1]


def _by_folder(waiting: list[WaitingFile], work: Callable[[str, list[WaitingFile]], list[T]]) -> list[T]:
    """The answers for files of several folders, in their order."""
    folders = dict[str, list[int]]()
    for index, file in enumerate(waiting):
        folders.setdefault(file.folder, []).append(index)
    answers = dict[int, T]()
    for folder, indexes in folders.items():
        answers.update(zip(indexes, work(folder, [waiting[index] for index in indexes]), strict=True))
    return [answers[index] for index in range(len(waiting))]


def _leads_nowhere(path: Path) -> bool:
    """True if the path, or one above it, is a link to what is not there: a file system that is away."""
    with suppress(OSError):  # there is an error to report already
        return any(place.is_symlink() and not place.exists() for place in (path, *path.parents))
    return False


def _is_open(folder: Path) -> bool:
    """True if this user may add and remove names there, or in the nearest folder above it that is there."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    return os.access(there, os.W_OK | os.X_OK)


def _is_sticky(folder: Path) -> bool:
    with suppress(OSError):
        status = folder.stat()
        return bool(status.st_mode & stat.S_ISVTX) and os.geteuid() not in (0, status.st_uid)
    return False


def _since(file: WaitingFile) -> int:
    return file.changed_ns
