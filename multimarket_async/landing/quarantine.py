"""Bad files as they were received, each with its reason beside it; and their replay."""

import heapq
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import structlog

from multimarket_async.errors import Rejected
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.landing import repeats
from multimarket_async.landing.quarantined import QuarantinedFile
from multimarket_async.landing.reasons import REASON, UNKNOWN, read, reason_of, whole
from multimarket_async.landing.rejects import REJECTS, Rejects, RejectsWriter
from multimarket_async.landing.rename import LONGEST_NAME_BYTES, free_names, place, rename_new

log = structlog.get_logger()

HISTORY = ("attempts", "deliveries", "first_seen")  # what the reason of a file that comes back goes on with
QUOTING = frozenset(("sentence", "also", "attempts"))  # of a reason: what may hold values of the file
LONGEST = LONGEST_NAME_BYTES - len("." + REASON)


class Quarantine:
    """data/quarantine/<feed>: add, list, replay into the landing directory.

    records: the rejected records of files that were accepted without them.
    """

    def __init__(self, folder: Path, sources: Path, suffixes: tuple[str, ...] = (".json",)) -> None:
        self.folder = folder
        self._sources = sources
        self.records = Rejects(folder, sources, suffixes)
        self._suffixes = suffixes
        self._known: dict[tuple[str, int], dict[str, Any]] = {}
        self._changed: dict[tuple[str, int], bool] = {}

    def add(self, path: Path, rejected: Rejected, facts: dict[str, Any]) -> Path:
        """Move a bad file here, its reason first: a crash in between leaves the file where it was.

        Where its content is here already for the same reason, it gets a hidden name until `settle` has counted it.
        """
        private_folder(self.folder)
        reason = reason_of(path, rejected, _digested(path, rejected, facts))
        refusal = repeats.identity(reason)
        if copied := self._copied_before(path, refusal):
            return copied
        if refusal and (kept := self._kept(refusal)) and not repeats.may_grow(path, unfinished=rejected.unfinished):
            return self._add_again(path, kept, refusal)
        for name in free_names(path.name, self._suffixes, LONGEST):
            if not is_content(name) or _exists(self.folder / name):
                continue
            history = self._history(path.name, name)
            self._write_reason(name, {**reason, **history})
            if refusal:
                repeats.keep(self.folder, refusal, name)
            rename_new(path, self.folder / name)
            if name != path.name and "deliveries" in history:  # or they would be counted twice
                self._history_of(path.name).unlink(missing_ok=True)
            return self.folder / name
        raise AssertionError("free_names never ends")

    def _copied_before(self, path: Path, refusal: str | None) -> Path | None:
        """The copy that a killed process has made of this file, on another file system; now the original goes too."""
        if (status := os.lstat(path)).st_dev == self.folder.stat().st_dev:
            return None
        for copy in self._may_be_copies(path.name, status.st_ctime_ns, refusal):
            with suppress(FileExistsError):  # of other content
                rename_new(path, copy)
                return copy
        return None

    def _may_be_copies(self, received_as: str, changed_ns: int, refusal: str | None) -> Iterator[Path]:
        names = free_names(received_as, self._suffixes, LONGEST)
        for name in takewhile(lambda name: _exists(self.folder / name), names):
            if self._stored_reason(name).get("changed_ns") == changed_ns:
                yield self.folder / name
        if refusal and (kept := self._kept(refusal)):
            pending = repeats.again(self.folder, refusal, repeats.deliveries(self._stored_reason(kept)) + 1)
            yield from [pending] * _exists(pending)

    def _kept(self, refusal: str) -> str | None:
        """The name of the file here of this content and this reason; None if there is none, or it has changed."""
        name = repeats.kept_name(self.folder, refusal)
        if not name or not is_content(name) or "/" in name:
            return None
        kept = QuarantinedFile(self.folder / name, self._reason_for(name))
        same = repeats.identity(kept.reason) == refusal and os.path.lexists(kept.path)
        return name if same and not kept.changed() else None

    def _add_again(self, path: Path, kept: str, refusal: str) -> Path:
        target = repeats.again(self.folder, refusal, repeats.deliveries(self._fold(kept)) + 1)
        rename_new(path, target)
        return target

    def settle(self, path: Path) -> int:
        """Count what `add` has moved to this path, if its content was here; the number of its deliveries."""
        if path.name.endswith(repeats.AGAIN) and (kept := self._kept_for(path)):
            return repeats.deliveries(self._fold(kept))
        return 1

    def recover(self) -> None:
        """Count what a killed process has moved here."""
        for path in self.folder.glob(f".*{repeats.AGAIN}"):
            with repeats.locked(self.folder):
                self.settle(path)

    def _kept_for(self, path: Path) -> str | None:
        return repeats.kept_name(self.folder, repeats.refusal_of(path.name))

    def _fold(self, name: str) -> dict[str, Any]:
        """The reason of a file, which counts what came again before now. Other content of that name goes back."""
        reason = self._stored_reason(name)
        number, refusal = repeats.deliveries(reason), repeats.identity(reason)
        if refusal is None:
            return reason
        repeats.again(self.folder, refusal, number).unlink(missing_ok=True)  # it was counted and not yet removed
        path = repeats.again(self.folder, refusal, number + 1)
        if not _exists(path):
            return reason
        if repeats.digest(path) != reason["sha256"]:
            place(str(path), str(self._sources), name, self._suffixes, LONGEST)
            return reason
        seen = {
            "first_seen": reason.get("first_seen", reason.get("quarantined_at")),
            "last_seen": repeats.moved_at(path),
        }
        reason = {**reason, "deliveries": number + 1, **seen}
        self._write_reason(name, reason)
        repeats.keep(self.folder, refusal, name)  # as young as the last delivery
        path.unlink(missing_ok=True)
        return reason

    def list(self) -> list[QuarantinedFile]:
        """The files in quarantine, oldest first."""
        return sorted(self.each(), key=lambda file: str(file.reason.get("quarantined_at", "")))

    def newest(self, most: int) -> Sequence[QuarantinedFile]:
        """The files that were quarantined last, newest first; reads the reasons of no others."""
        with suppress(FileNotFoundError):
            entries = [entry for entry in os.scandir(self.folder) if is_content(entry.name)]
            last = heapq.nlargest(most, entries, key=_since)
            return [QuarantinedFile(Path(entry.path), self._reason_for(entry.name)) for entry in last]
        return []

    def codes(self) -> Counter[str]:
        """The number of deliveries by code of the reason."""
        return codes_of(self.places())

    def places(self) -> Counter[tuple[str, str]]:
        """The same by code and pointer of the reason. A reason, once read, is not read again.

        Of a file that was replayed, they are those that it stood for besides itself.
        """
        if not self.folder.exists():
            return Counter()
        entries, places = list(os.scandir(self.folder)), Counter[tuple[str, str]]()
        files = {entry.name for entry in entries if is_content(entry.name)}
        reasons = self._reasons(entries)
        pending = any(entry.name.endswith(repeats.AGAIN) for entry in entries)
        for name in files:
            reason = reasons.pop(f"{name}{REASON}", UNKNOWN)
            places[_place(reason)] += repeats.deliveries(self._pending(reason) if pending else reason)
        for name, reason in reasons.items():
            if name.removeprefix(".").removesuffix(REASON) not in files:
                places[_place(reason)] += repeats.deliveries(reason) - 1
        return +places

    def replayed(self) -> Iterator[dict[str, Any]]:
        """The reasons of files that were replayed, each as often as it was delivered besides."""
        for path in self.histories():
            if not _exists(self.folder / path.name[1:].removesuffix(REASON)):
                reason = whole(read(path))
                yield from [reason] * (repeats.deliveries(reason) - 1)

    def _reasons(self, entries: Iterable[os.DirEntry[str]]) -> dict[str, dict[str, Any]]:
        """The reasons by the names of their files, those of replayed files too."""
        known, self._known, found = self._known, {}, dict[str, dict[str, Any]]()
        for entry in entries:
            if entry.name.endswith(REASON):
                key = entry.name, _since(entry)
                found[entry.name] = self._known[key] = known.get(key) or whole(read(Path(entry.path)))
        return found

    def changed(self) -> int:
        """The number of files that were written to since they came here. Each is read again when it changes."""
        known, self._changed = self._changed, {}
        for entry in self._contents():
            key = entry.name, _since(entry)
            file = QuarantinedFile(Path(entry.path), self._reason_for(entry.name))
            self._changed[key] = known[key] if key in known else file.changed()
        return sum(self._changed.values())

    def count(self) -> int:
        """The number of files in quarantine, without reading any."""
        return sum(1 for _ in self._contents())

    def each(self) -> Iterator[QuarantinedFile]:
        """The files in quarantine, in no order; memory holds none of them."""
        for entry in self._contents():
            yield QuarantinedFile(Path(entry.path), self._reason_for(entry.name))

    def _contents(self) -> Iterator[os.DirEntry[str]]:
        if self.folder.exists():
            yield from (entry for entry in os.scandir(self.folder) if is_content(entry.name))

    def rejects(self, name: str, receipt: str) -> AbstractContextManager[RejectsWriter]:
        """Writes the rejected records of an accepted file; see `Rejects.writing`."""
        return self.records.writing(name, receipt)

    def records_rejected(self) -> Counter[str]:
        """The number of rejected records of accepted files, by code."""
        return self.records.codes()

    def replay(self, file: QuarantinedFile, now: datetime) -> Path:
        """Send a file back to the landing directory under the name it had; its history stays."""
        name = file.path.name
        with repeats.locked(self.folder):
            reason = self._fold(name)
            repeats.forget(self.folder, repeats.identity(reason))
            attempt = {key: reason.get(key) for key in ("code", "pointer", "quarantined_at")}
            history = [*reason.get("attempts", []), {**attempt, "replayed_at": now.isoformat()}]
            self._write_reason(name, {**reason, "attempts": history})
            placed = Path(place(str(file.path), str(self._sources), name, self._suffixes, LONGEST))
            # Hidden from now on: found again if the file comes back, and no orphan if it does not.
            self._reason_of(name).replace(self._history_of(placed.name))
        return placed

    def lists(self) -> Sequence[Path]:
        """The lists of rejected records, also those that were replayed."""
        return [*self.folder.glob(f"*{REJECTS}")]

    def histories(self) -> Sequence[Path]:
        """The reasons of files that were replayed."""
        return [path for path in self.folder.glob(f"*{REASON}") if path.name.startswith(".")]

    def remove(self, path: Path) -> None:
        """Remove a file for good, then its reason: a reason alone is no file."""
        repeats.forget(self.folder, repeats.identity(self._stored_reason(path.name)))
        path.unlink(missing_ok=True)
        self._reason_of(path.name).unlink(missing_ok=True)

    def replace(self, path: Path, rest: Path, sha256: str) -> None:
        """Replace a file by what is left of it; of its reason, sentences go that may quote the rest."""
        kept = {name: fact for name, fact in self._reason_for(path.name).items() if name not in QUOTING}
        sentence = "some of its records were erased, and with them the sentence"
        self._write_reason(path.name, {**kept, "sentence": sentence, "bytes": rest.stat().st_size, "sha256": sha256})
        rest.replace(path)

    def replayed_at(self, name: str) -> str | None:
        """The time of the last replay of a file of this name, or of a list of records; None if there was none."""
        if name.endswith(REJECTS):
            return self.records.replayed_at(name)
        attempts = read(self._history_of(name)).get("attempts", [])
        return attempts[-1]["replayed_at"] if attempts else None

    def _history(self, received_as: str, name: str) -> dict[str, Any]:
        """The attempts before this one, and the deliveries. After a crash in `replay` the newest is not hidden yet."""
        files = (self._history_of(received_as), self._history_of(name), self._reason_of(name))
        newest = max(map(read, files), key=lambda reason: len(reason.get("attempts", [])))
        return {fact: newest[fact] for fact in HISTORY if newest.get("attempts") and fact in newest}

    def _write_reason(self, name: str, reason: dict[str, Any]) -> None:
        text = json.dumps(reason, ensure_ascii=False, indent=2) + "\n"
        atomic_write(self._reason_of(name), text.encode("utf-8", "backslashreplace"))

    def _reason_for(self, name: str) -> dict[str, Any]:
        """The reason of a file, with what came again and is not counted in it yet."""
        return self._pending(self._stored_reason(name))

    def _pending(self, reason: dict[str, Any]) -> dict[str, Any]:
        refusal, number = repeats.identity(reason), repeats.deliveries(reason) + 1
        pending = refusal and os.path.lexists(repeats.again(self.folder, refusal, number))
        return {**reason, "deliveries": number} if pending else reason

    def _stored_reason(self, name: str) -> dict[str, Any]:
        return whole(read(self._reason_of(name)))

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


def is_content(name: str) -> bool:
    """True if this is the name of a quarantined file, and not of what lies beside it."""
    return not name.endswith((REASON, REJECTS)) and not name.startswith(".")


def codes_of(places: Counter[tuple[str, str]]) -> Counter[str]:
    """Numbers by code, from those by code and pointer."""
    codes = Counter[str]()
    for (code, _), number in places.items():
        codes[code] += number
    return codes


def _place(reason: dict[str, Any]) -> tuple[str, str]:
    return reason["code"], str(reason.get("pointer") or "")


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


def _digested(path: Path, rejected: Rejected, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts, with the digest of a file that nobody has read, as it is too large; an unfinished one may change."""
    if facts.get("sha256", "") is None and not rejected.unfinished:
        return {**facts, "sha256": repeats.digest(path, repeats.MOST_DIGESTED_BYTES)}
    return facts
