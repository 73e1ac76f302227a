"""Rejected records of accepted files: a list for each file, one JSON object a line, and their replay."""

import gzip
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.landing.rejected_lines import RejectedRecord, code_of, content_of, encoded, fields, records_of
from multimarket_async.landing.rename import LONGEST_NAME_BYTES, free_names, place, rename_new
from multimarket_async.landing.waiting import suffix_of

REJECTS = ".rejects.jsonl"
REPLAY = ".replay"
LONGEST = LONGEST_NAME_BYTES - len("." + REJECTS)


@dataclass(frozen=True, slots=True)
class RejectsFile:
    """The list of the rejected records of `file`. codes: the number of records by the code of their first reason."""

    path: Path
    file: str
    codes: Counter[str]
    written_at: datetime

    @property
    def records(self) -> int:
        """The number of records."""
        return self.codes.total()

    def each(self) -> Iterator[dict[str, Any]]:
        """The records as they were written, or corrected since; memory holds one of them. Raises OSError."""
        return records_of(self.path)


class RejectsWriter:
    """Writes the rejected records of one file, as they are found."""

    def __init__(self, part: Path, file: str, receipt: str) -> None:
        self._part = part
        self._of_all = {"file": file, "receipt": receipt}
        self._stream: BinaryIO | None = None

    def add(self, record: RejectedRecord) -> None:
        """One more record. Raises OSError."""
        if self._stream is None:
            private_folder(self._part.parent)
            self._stream = self._part.open("xb")
        self._stream.write(encoded({**self._of_all, **fields(record)}))

    def synced(self) -> bool:
        """True if there was a record; all of them are on the disk then. Raises OSError."""
        if self._stream is None:
            return False
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return True

    def discard(self) -> None:
        """Leave nothing behind of what has not been given its name."""
        if self._stream is not None:
            with suppress(OSError):  # a full disk refuses what is still to be written: it is not wanted
                self._stream.close()
            self._part.unlink(missing_ok=True)


class Rejects:
    """The lists of one feed, in its quarantine: `<name>.rejects.jsonl`; hidden once they are replayed."""

    def __init__(self, folder: Path, sources: Path, suffixes: tuple[str, ...]) -> None:
        self._folder = folder
        self._sources = sources
        self._suffixes = suffixes
        self._known: dict[tuple[str, int], RejectsFile] = {}

    @contextmanager
    def writing(self, file: str, receipt: str) -> Iterator[RejectsWriter]:
        """Add the rejected records of a file in the body: all of them are listed at its end, or none if it raises.

        receipt: identifies the delivery. Its list replaces the one of an earlier attempt, and no other.
        """
        part = self._folder / f".{uuid.uuid4().hex}.part"
        writer = RejectsWriter(part, file, receipt)
        try:
            yield writer
            self._publish(part if writer.synced() else None, file, receipt)
        finally:
            writer.discard()

    def list(self) -> list[RejectsFile]:
        """The lists, oldest first. One that has not changed is not read again."""
        known, self._known = self._known, {}
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(REJECTS) and not entry.name.startswith("."):
                    with suppress(FileNotFoundError):
                        key = entry.name, entry.stat(follow_symlinks=False).st_ctime_ns
                        self._known[key] = known.get(key) or _summary(Path(entry.path))
        return sorted(self._known.values(), key=lambda rejects: rejects.written_at)

    def codes(self) -> Counter[str]:
        """The number of records by the code of their first reason."""
        return sum((rejects.codes for rejects in self.list()), Counter())

    def replay(self, rejects: RejectsFile) -> Path:
        """Deliver the records as a file of the feed, then hide their list.

        Killed in between they are delivered again, as any record may be. Raises OSError, and CannotContinue if a
        record cannot be read, in which case none is delivered.
        """
        name = rejects.path.name.removesuffix(REJECTS)
        suffix = suffix_of(name, self._suffixes)
        stem = name[: len(name) - len(suffix)].removesuffix(REPLAY)
        part = self._sources / f".{uuid.uuid4().hex}.part"
        try:
            with gzip.open(part, "xb") if suffix.lower().endswith(".gz") else part.open("xb") as file:
                file.writelines(content_of(rejects.path))
            placed = place(str(part), str(self._sources), f"{stem}{REPLAY}{suffix}", self._suffixes, LONGEST)
        finally:
            part.unlink(missing_ok=True)
        rejects.path.replace(_hidden(rejects.path))
        return Path(placed)

    def erase(self, path: Path, theirs: Sequence[bool]) -> None:
        """Remove those lines of a list for good; an empty list too."""
        with path.open("rb") as file:
            lines = [line for line in file if not line.isspace()]
        left = [line for line, erased in zip(lines, theirs, strict=True) if not erased]
        if left:
            atomic_write(path, b"".join(left), private=True)
        else:
            path.unlink()

    def replayed_at(self, name: str) -> str | None:
        """The time of the replay of the list of this name; None if there was none."""
        try:
            status = os.lstat(_hidden(self._folder / name))
        except OSError:
            return None
        return datetime.fromtimestamp(status.st_ctime, UTC).isoformat()

    def _publish(self, part: Path | None, file: str, receipt: str) -> None:
        """Give the list its name; without a part, remove that of an earlier attempt."""
        target, own = self._target(file, receipt)
        if part is None:
            target.unlink(missing_ok=True)
            return
        while not own:
            try:
                rename_new(part, target)
                break
            except FileExistsError:  # another process took the name in this moment
                target, own = self._target(file, receipt)
        else:
            part.replace(target)
        _sync_folder(self._folder)

    def _target(self, file: str, receipt: str) -> tuple[Path, bool]:
        """The path of the list of this receipt, and if it exists; no other one has or had that name."""
        for name in free_names(file, self._suffixes, LONGEST):
            path = self._folder / f"{name}{REJECTS}"
            receipts = _receipt(path), _receipt(_hidden(path))
            if {*receipts} <= {None, receipt}:
                return path, receipts[0] is not None
        raise AssertionError("free_names never ends")


def _summary(path: Path) -> RejectsFile:
    """Its records, counted. Raises FileNotFoundError; a list that cannot be read has none."""
    file, codes = path.name.removesuffix(REJECTS), Counter[str]()
    written_at = datetime.fromtimestamp(os.lstat(path).st_mtime, UTC)
    with suppress(OSError):
        for record in records_of(path):
            file = str(record.get("file", file))
            codes[code_of(record)] += 1
    return RejectsFile(path, file, codes, written_at)


def _receipt(path: Path) -> str | None:
    """The receipt of a list; None if there is no list, "" if it has none."""
    try:
        return str(next(records_of(path)).get("receipt", ""))
    except FileNotFoundError:
        return None
    except (OSError, StopIteration):
        return ""


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
