"""Bad files as they were received, each with its reason beside it; and their replay."""

import hashlib
import heapq
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from multimarket_async.errors import Rejected
from multimarket_async.files_io import atomic_write
from multimarket_async.landing.rejected_lines import described
from multimarket_async.landing.rejects import REJECTS, Rejects, RejectsWriter
from multimarket_async.landing.rename import LONGEST_NAME_BYTES, free_names, place, rename_new

log = structlog.get_logger()

REASON = ".reason.json"
LONGEST = LONGEST_NAME_BYTES - len("." + REASON)


@dataclass(frozen=True, slots=True)
class QuarantinedFile:
    """One file in quarantine and its reason, as written in <name>.reason.json."""

    path: Path
    reason: dict[str, Any]

    def changed(self) -> bool:
        """True if it was written to since: its writer finished late, or somebody corrected it here."""
        try:
            status = os.lstat(self.path)
            return stat.S_ISREG(status.st_mode) and self._differs(status)
        except OSError:  # taken away since, or not ours to read
            return False

    def _differs(self, status: os.stat_result) -> bool:
        judged_ns = self.reason.get("changed_ns", 0)
        if status.st_size != self.reason.get("bytes", status.st_size):
            return True
        if status.st_mtime_ns < judged_ns:
            return False
        # The kernel's clock ticks in milliseconds, and a writer may set any time: only the content decides.
        if digest := self.reason.get("sha256"):
            return bool(hashlib.sha256(self.content()).hexdigest() != digest)
        return bool(judged_ns and status.st_mtime_ns > judged_ns)

    def content(self) -> bytes:
        """Its bytes. Raises OSError; neither a link nor a pipe can redirect or block us."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            return file.read()


class Quarantine:
    """data/quarantine/<feed>: add, list, replay into the landing directory.

    records: the rejected records of files that were accepted without them.
    """

    def __init__(self, folder: Path, sources: Path, suffixes: tuple[str, ...] = (".json",)) -> None:
        self.folder = folder
        self._sources = sources
        self.records = Rejects(folder, sources, suffixes)
        self._suffixes = suffixes
        self._codes: dict[tuple[str, int], str] = {}

    def add(self, path: Path, rejected: Rejected, facts: dict[str, Any]) -> Path:
        """Move a bad file here, its reason first: a crash in between leaves the file where it was."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in free_names(path.name, self._suffixes, LONGEST):
            if not _is_content(name) or _exists(self.folder / name):
                continue
            attempts = self._attempts(path.name, name)
            history = {"attempts": attempts} if attempts else {}
            self._write_reason(name, {**_reason(path, rejected, facts), **history})
            rename_new(path, self.folder / name)
            return self.folder / name
        raise AssertionError("free_names never ends")

    def list(self) -> list[QuarantinedFile]:
        """The files in quarantine, oldest first."""
        return sorted(self.each(), key=lambda file: str(file.reason.get("quarantined_at", "")))

    def newest(self, most: int) -> Sequence[QuarantinedFile]:
        """The files that were quarantined last, newest first; reads the reasons of no others."""
        with suppress(FileNotFoundError):
            entries = [entry for entry in os.scandir(self.folder) if _is_content(entry.name)]
            last = heapq.nlargest(most, entries, key=_since)
            return [QuarantinedFile(Path(entry.path), self._reason_for(entry.name)) for entry in last]
        return []

    def codes(self) -> Counter[str]:
        """The number of files by code of the reason. A reason, once read, is not read again."""
        if not self.folder.exists():
            return Counter()
        known, self._codes = self._codes, {}
        for entry in os.scandir(self.folder):
            if _is_content(entry.name):
                key = entry.name, _since(entry)
                self._codes[key] = known.get(key) or self._reason_for(entry.name)["code"]
        return Counter(self._codes.values())

    def changed(self) -> int:
        """The number of files that were written to since they were quarantined."""
        return sum(file.changed() for file in self.each())

    def count(self) -> int:
        """The number of files in quarantine, without reading any."""
        if not self.folder.exists():
            return 0
        return sum(_is_content(entry.name) for entry in os.scandir(self.folder))

    def each(self) -> Iterator[QuarantinedFile]:
        """The files in quarantine, in no order; memory holds none of them."""
        if not self.folder.exists():
            return
        for entry in os.scandir(self.folder):
            if _is_content(entry.name):
                yield QuarantinedFile(Path(entry.path), self._reason_for(entry.name))

    def rejects(self, name: str, receipt: str) -> AbstractContextManager[RejectsWriter]:
        """Writes the rejected records of an accepted file; see `Rejects.writing`."""
        return self.records.writing(name, receipt)

    def records_rejected(self) -> Counter[str]:
        """The number of rejected records of accepted files, by code."""
        return self.records.codes()

    def replay(self, file: QuarantinedFile, now: datetime) -> Path:
        """Send a file back to the landing directory under the name it had; its history stays."""
        reason, name = file.reason, file.path.name
        attempt = {key: reason.get(key) for key in ("code", "pointer", "quarantined_at")}
        history = [*reason.get("attempts", []), {**attempt, "replayed_at": now.isoformat()}]
        self._write_reason(name, {**reason, "attempts": history})
        placed = Path(place(str(file.path), str(self._sources), name, self._suffixes, LONGEST))
        # Hidden from now on: found again if the file comes back, and no orphan if it does not.
        self._reason_of(name).replace(self._history_of(placed.name))
        return placed

    def replayed_at(self, name: str) -> str | None:
        """The time of the last replay of a file of this name, or of a list of records; None if there was none."""
        if name.endswith(REJECTS):
            return self.records.replayed_at(name)
        attempts = _read(self._history_of(name)).get("attempts", [])
        return attempts[-1]["replayed_at"] if attempts else None

    def _attempts(self, received_as: str, name: str) -> Sequence[dict[str, Any]]:
        """The attempts before this one. After a crash in `replay` the newest history is not hidden yet."""
        histories = (self._history_of(received_as), self._history_of(name), self._reason_of(name))
        return max((_read(file).get("attempts", []) for file in histories), key=len)

    def _write_reason(self, name: str, reason: dict[str, Any]) -> None:
        text = json.dumps(reason, ensure_ascii=False, indent=2) + "\n"
        atomic_write(self._reason_of(name), text.encode("utf-8", "backslashreplace"))

    def _reason_for(self, name: str) -> dict[str, Any]:
        reason = _read(self._reason_of(name))
        if isinstance(reason.get("code"), str) and isinstance(reason.get("sentence"), str):
            return reason
        return {"code": "unknown", "sentence": "its reason file is missing or damaged"}

    def _reason_of(self, name: str) -> Path:
        return self.folder / f"{name}{REASON}"

    def _history_of(self, name: str) -> Path:
        return self.folder / f".{name}{REASON}"


def report_changed(quarantines: Iterable["Quarantine"]) -> None:
    """Log the number of quarantined files that were written to since: finished late, or corrected in place."""
    try:
        changed = sum(quarantine.changed() for quarantine in quarantines)
    except OSError as error:  # a folder that cannot be listed does not prevent collecting
        log.warning("quarantine.unreadable", why=f"{error.filename}: {error.strerror}")
        return
    if changed:
        log.warning("quarantine.changed", files=changed, to_do="quarantine replay --changed")


def _is_content(name: str) -> bool:
    return not name.endswith((REASON, REJECTS)) and not name.startswith(".")


def _since(entry: os.DirEntry[str]) -> int:
    """The time of quarantine (ctime: the rename), nanoseconds since 1970; 0 if it is gone."""
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns
    except FileNotFoundError:
        return 0


def _exists(path: Path) -> bool:
    """As os.path.lexists, but "cannot tell" is an error and not a no: a reason would be overwritten."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _read(file: Path) -> dict[str, Any]:
    """A reason file; {} where there is none, or not one of ours."""
    try:
        reason = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return _upgraded(reason) if isinstance(reason, dict) else {}


def _upgraded(reason: dict[str, Any]) -> dict[str, Any]:
    """A reason as it is written today, and its attempts: an earlier version wrote `set_aside_at`."""
    if isinstance(attempts := reason.get("attempts"), list):
        reason["attempts"] = [_upgraded(attempt) for attempt in attempts if isinstance(attempt, dict)]
    return {"quarantined_at" if key == "set_aside_at" else key: value for key, value in reason.items()}


def _reason(path: Path, rejected: Rejected, facts: dict[str, Any]) -> dict[str, Any]:
    also = {"also": [described(reason) for reason in rejected.also]} if rejected.also else {}
    return {**described(rejected), "file": path.name, **facts, **(rejected.facts or {}), **also}
