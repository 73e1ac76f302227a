"""The answers of one poll on their way into the landing directory: all of them, or none."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from multimarket_async.errors import Unavailable
from multimarket_async.files_io import private_folder
from multimarket_async.landing.rename import place
from multimarket_async.landing.waiting import suffix_of

if sys.platform != "win32":
    import fcntl

STATE = ".state.json"
LONGEST_STEM, DIGEST_LENGTH = 120, 8


class Spool:
    """The hidden folders of a polled feed, inside its landing directory.

    Answers are written to `.poll.part`, with the state that is in force when they have landed. Renaming it to
    `.poll.whole` decides: of a process that is killed before, nothing lands, and its leftovers are removed;
    what one has left that is killed after is landed by the next poll, before it asks.
    """

    def __init__(self, sources: Path, state_file: Path, suffixes: tuple[str, ...]) -> None:
        self._sources, self._state_file, self._suffixes = sources, state_file, suffixes
        self._part, self._whole = sources / ".poll.part", sources / ".poll.whole"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from polling this feed meanwhile. Raises Unavailable, OSError."""
        private_folder(self._state_file.parent)
        with self._state_file.with_suffix(".lock").open("a") as lock:  # the kernel releases that of a killed process
            if sys.platform != "win32":
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise Unavailable("another process polls this feed now") from error
            yield

    def begin(self) -> int:
        """Land what a killed process had decided to land, remove its other leftovers, and start a new set.

        The number of files that it landed.
        """
        landed = self._land_whole()
        self.discard()
        self._part.mkdir(parents=True)
        return landed

    def add(self, name: str, content: bytes) -> None:
        """Write an answer. Raises FileExistsError if another one of this poll has this name."""
        with (self._part / name).open("xb") as file:
            file.write(content)

    def land(self, state: bytes) -> None:
        """Land the set; then put the state in force."""
        (self._part / STATE).write_bytes(state)
        self._part.rename(self._whole)
        self._land_whole()

    def discard(self) -> None:
        """Remove the set that was begun."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._part)

    def write_state(self, state: bytes) -> None:
        """Put a state in force: the old one or the new one, whenever this process is killed."""
        hidden = self._state_file.with_name(f".{self._state_file.stem}.part")  # locked: no other process writes it
        hidden.write_bytes(state)
        hidden.replace(self._state_file)

    def _land_whole(self) -> int:
        if not self._whole.exists():
            return 0
        files = sorted(path for path in self._whole.iterdir() if path.name != STATE)
        for file in files:
            place(str(file), str(self._sources), file.name, self._suffixes)
        with suppress(FileNotFoundError):  # killed while it was removed
            self.write_state((self._whole / STATE).read_bytes())
        shutil.rmtree(self._whole)
        return len(files)


def file_name(at: datetime, name: str, suffixes: tuple[str, ...]) -> str:
    """A name that any file system takes, sorted by the time of the poll; two that are made alike differ by a digest."""
    suffix = suffix_of(name, suffixes)
    given = name.removesuffix(suffix)
    stem = re.sub(r"[^\w.-]+", "_", given, flags=re.ASCII)[:LONGEST_STEM]
    if stem != given:
        stem += f"-{sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:DIGEST_LENGTH]}"
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z_{stem}{suffix or suffixes[0]}"
