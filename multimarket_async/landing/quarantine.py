"""Bad files, set aside as they came, each with its reason beside it; and their way back."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from multimarket_async.errors import Rejected
from multimarket_async.landing.rename import LONGEST_NAME_BYTES, free_names, place, rename_new

REASON = ".reason.json"
LONGEST = LONGEST_NAME_BYTES - len("." + REASON)


@dataclass(frozen=True, slots=True)
class SetAside:
    """One file in quarantine and its reason, as written in <name>.reason.json."""

    path: Path
    reason: dict[str, Any]


class Quarantine:
    """data/quarantine/<feed>: set aside, list, send back to the landing directory."""

    def __init__(self, folder: Path, sources: Path) -> None:
        self.folder = folder
        self._sources = sources

    def set_aside(self, path: Path, rejected: Rejected, facts: dict[str, Any]) -> Path:
        """Move a bad file here, its reason first: a crash in between leaves the file where it was."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in free_names(path.name, LONGEST):
            if name.endswith(REASON) or os.path.lexists(self.folder / name):
                continue
            self._write_reason(name, _reason(path, rejected, facts), keep_history=True)
            rename_new(path, self.folder / name)
            return self.folder / name
        raise AssertionError("free_names never ends")

    def list(self) -> list[SetAside]:
        """What is in quarantine, oldest first."""
        return sorted(self._listed(), key=lambda one: one.reason.get("set_aside_at", ""))

    def count(self) -> int:
        """How many files are in quarantine, without reading any."""
        if not self.folder.exists():
            return 0
        return sum(not entry.name.endswith(REASON) and entry.name[0] != "." for entry in os.scandir(self.folder))

    def _listed(self) -> Iterator[SetAside]:
        if not self.folder.exists():
            return
        for entry in os.scandir(self.folder):
            if not entry.name.endswith(REASON) and not entry.name.startswith("."):
                yield SetAside(Path(entry.path), self._read_reason(entry.name))

    def replay(self, one: SetAside, now: datetime) -> Path:
        """Send a file back to the landing directory under the name it had; its history stays."""
        attempt = {key: one.reason.get(key) for key in ("code", "pointer", "set_aside_at")}
        history = [*one.reason.get("attempts", []), {**attempt, "replayed_at": now.isoformat()}]
        self._write_reason(one.path.name, {**one.reason, "attempts": history})
        placed = place(one.path, self._sources, one.path.name)
        # Hidden from now on: found again if the file comes back, and no orphan if it does not.
        self._reason_of(one.path.name).replace(self._history_of(placed.name))
        return placed

    def _write_reason(self, name: str, reason: dict[str, Any], *, keep_history: bool = False) -> None:
        history = self._history_of(name)
        if keep_history and history.exists():
            reason = {**reason, "attempts": json.loads(history.read_bytes()).get("attempts", [])}
        hidden = self._reason_of(name).with_name(f".{os.getpid()}.part")
        hidden.write_text(json.dumps(reason, ensure_ascii=False, indent=2) + "\n", "utf-8", errors="backslashreplace")
        hidden.replace(self._reason_of(name))

    def _read_reason(self, name: str) -> dict[str, Any]:
        try:
            reason: dict[str, Any] = json.loads(self._reason_of(name).read_bytes())
        except (OSError, ValueError):
            return {"code": "unknown", "sentence": "its reason file is missing or damaged"}
        return reason

    def _reason_of(self, name: str) -> Path:
        return self.folder / f"{name}{REASON}"

    def _history_of(self, name: str) -> Path:
        return self.folder / f".{name}{REASON}"


def _reason(path: Path, rejected: Rejected, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": rejected.code,
        "sentence": rejected.sentence,
        "pointer": rejected.pointer,
        "line": rejected.line,
        "column": rejected.column,
        "file": path.name,
        **facts,
        **(rejected.facts or {}),
    }
