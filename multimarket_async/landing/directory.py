"""The directories of one feed: files are delivered whole, wait, are read, and move to the archive or the quarantine."""

import hashlib
import heapq
import os
import time
from collections import deque
from collections.abc import Container, Iterator
from contextlib import suppress
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

import aiofiles.os
import structlog

from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing import files
from multimarket_async.landing.files import Misplaced
from multimarket_async.landing.quarantine import Quarantine
from multimarket_async.landing.rename import place
from multimarket_async.landing.waiting import UnknownFiles, WaitingFile, is_hidden, is_ours, printable

log = structlog.get_logger()

_deliver_hidden = aiofiles.os.wrap(files.deliver_hidden)
TICK_NS = 10**9  # no file system's time stamps are coarser
FILES_PER_LOOK = 1_000


class Landing:
    """The places of one feed: data/sources/<feed>, data/archive/<feed>, data/quarantine/<feed>.

    suffixes: of the names of its files. unknown: the other entries that the last scan has seen; they stay there.
    """

    def __init__(self, data_dir: Path, feed: str, suffixes: tuple[str, ...] = (".json",)) -> None:
        self.feed = feed
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.unknown = UnknownFiles()
        self.sources = data_dir / "sources" / feed
        self.archived = data_dir / "archive" / feed
        self.quarantine = Quarantine(data_dir / "quarantine" / feed, self.sources, self.suffixes)
        self._folder, self._archived = str(self.sources), str(self.archived)
        self._reported = 0
        self._misplaced: deque[tuple[str, str]] = deque()
        self._days: dict[str, tuple[int, int]] = {}

    def prepare(self) -> None:
        """Create the directories that are not there."""
        for folder in (self.sources, self.archived, self.quarantine.folder):
            folder.mkdir(parents=True, exist_ok=True)

    async def deliver(self, name: str, content: bytes) -> Path:
        """Put a file there whole or not at all; its path."""
        return await _deliver_hidden(self.sources, name, content, self.suffixes)

    def waiting(self, most: int | None = None, but: Container[str] = ()) -> list[WaitingFile]:
        """The waiting files, longest wait first; at most `most` of them, and none whose path is in `but`."""
        listed = self._listed(but)
        first = sorted(islice(listed, most), key=_since)
        if most is None or len(first) < most:
            return first
        return heapq.nsmallest(most, chain(first, listed), key=_since)  # memory for no more than these

    def _listed(self, but: Container[str]) -> Iterator[WaitingFile]:
        try:
            with os.scandir(self.sources) as entries:
                yield from _seen(self._folder, self._names(entries, but))
        except FileNotFoundError:  # somebody removed the directory: sources expect it to be there
            self.sources.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot list {self.sources}: {error.strerror}") from error

    def _names(self, entries: Iterator[os.DirEntry[str]], but: Container[str]) -> Iterator[str]:
        """The names of files of ours; the others are counted."""
        others, example = 0, ""
        for entry in entries:
            name = entry.name
            if is_ours(name, self.suffixes):
                if entry.path not in but:
                    yield name
            elif not is_hidden(name):
                others, example = others + 1, min(example or name, name)
        self.unknown = UnknownFiles(others, printable(example) if others else None)

    def report_unknown(self) -> None:
        """Log the number of unknown files, if it has changed since the last call."""
        files, example = self.unknown
        if files and files != self._reported:
            log.warning("files.unknown", feed=self.feed, files=files, example=example)
        self._reported = files

    def read(self, waiting: list[WaitingFile], max_bytes: int) -> list[bytes | Rejected | FileNotFoundError]:
        """The contents of waiting files; see `files.read`."""
        return files.read(self._folder, waiting, max_bytes)

    def archive(self, stored: list[WaitingFile], day: date) -> list[OSError | None]:
        """Move stored files to the archive of that day; see `files.move`."""
        folder = f"{self._archived}/{day}"
        with suppress(OSError):  # then the move of each file says why
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a path is text here
        answers = files.move(self._folder, folder, stored, self.suffixes)
        for file, error in zip(stored, answers, strict=True):
            if isinstance(error, Misplaced):
                self._misplaced.append((error.filename, file.entry))
        self.restore()
        return answers

    def reject(self, file: WaitingFile, rejected: Rejected, facts: dict[str, Any]) -> None:
        """Move a bad file to the quarantine, with the reason. Raises OSError; see `files.move_unchanged`."""
        try:
            files.move_unchanged(file, lambda: os.fspath(self.quarantine.add(file.path, rejected, facts)))
        except Misplaced as error:
            self._misplaced.append((error.filename, file.entry))
            self.restore()
            raise

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
        with os.scandir(self.sources) as entries:
            yield from (Path(entry.path) for entry in entries if is_ours(entry.name, self.suffixes))

    def archive_files(self) -> Iterator[Path]:
        """Every archived file, day by day."""
        for day in sorted(self.archived.glob("*-*-*")):
            with os.scandir(day) as entries:
                yield from (Path(entry.path) for entry in entries)

    def archived_files(self) -> int:
        """The number of archived files. A day in which nothing changed since the last call is not counted again."""
        known, self._days = self._days, {}
        with suppress(FileNotFoundError), os.scandir(self.archived) as days:
            for day in days:
                changed_ns = day.stat().st_mtime_ns
                same = day.name in known and known[day.name][0] == changed_ns
                count = known[day.name][1] if same else sum(1 for _ in os.scandir(day))
                # Time stamps tick in milliseconds: a file that came in the same tick would never be seen.
                settled = time.time_ns() - changed_ns > TICK_NS
                self._days[day.name] = (changed_ns if settled else 0, count)
        return sum(count for _, count in self._days.values())


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


def _since(file: WaitingFile) -> int:
    return file.changed_ns
