"""A file in quarantine, with its reason."""

import hashlib
import os
import stat
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from multimarket_async.files_io import open_itself
from multimarket_async.landing import repeats
from multimarket_async.landing.waiting import is_ours_alone

MOST_BYTES = 16 << 20  # of a file that is shown: it may be here because it is too large


@dataclass(frozen=True, slots=True)
class QuarantinedFile:
    """One file in quarantine and its reason, as written in <name>.reason.json."""

    path: Path
    reason: dict[str, Any]

    @property
    def deliveries(self) -> int:
        """The number of times that its content was delivered, and refused for the same reason."""
        return repeats.deliveries(self.reason)

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
        if status.st_mtime_ns < judged_ns and is_ours_alone(status):  # others may set that time back
            return False
        # The kernel's clock ticks in milliseconds, and a writer may set any time: only the content decides.
        if digest := self.reason.get("sha256"):
            with self._open() as file:
                return bool(hashlib.file_digest(file, "sha256").hexdigest() != digest)
        return bool(judged_ns and status.st_mtime_ns > judged_ns)

    def content(self, most: int = MOST_BYTES) -> bytes:
        """Its first bytes. Raises OSError."""
        with self._open() as file:
            return file.read(most)

    def _open(self) -> BufferedReader:
        """Open it; neither a link nor a pipe can redirect or block us."""
        return os.fdopen(open_itself(self.path, os.O_RDONLY), "rb")
