"""The disk use of each feed, measured for `status`, and bounded: a feed that has its share is held."""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from multimarket_async.clock import Clock
from multimarket_async.errors import OperationFailed
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.landing import Landing
from multimarket_async.landing.usage import Usage, UsageReader

GIB = 1 << 30
NEARLY = 0.8  # of the share: said, before it hurts
SCARCE_BYTES = 1 * GIB  # free on the file system of the data folder


class DiskReporter:
    """Measures landing, archive and quarantine of each feed. max_feed_gb: 0 for no limit. file: for `status`."""

    def __init__(self, landings: Iterable[Landing], max_feed_gb: float, file: Path, clock: Clock) -> None:
        self._readers = [UsageReader(landing) for landing in landings]
        self._max_bytes = max_feed_gb * GIB
        self._max_feed_gb = max_feed_gb
        self._file = file
        self._clock = clock

    def report(self) -> None:
        """Measure, hold the feeds that are full, let others go on. Raises OperationFailed for what is scarce."""
        used = {reader.landing: reader.read() for reader in self._readers}
        private_folder(self._file.parent)
        free = shutil.disk_usage(self._file.parent).free
        feeds = {landing.feed: asdict(usage) for landing, usage in used.items()}
        report = {"reported_at": self._clock.now().isoformat(), "free_bytes": free, "feeds": feeds}
        for landing, usage in used.items():
            landing.full = 0 < self._max_bytes <= usage.total
        atomic_write(self._file, json.dumps(report).encode() + b"\n")
        if why := [*self._scarce(used, free)]:
            raise OperationFailed("; ".join(why))

    def _scarce(self, used: dict[Landing, Usage], free: int) -> Iterator[str]:
        if free < SCARCE_BYTES:
            yield f"less than {SCARCE_BYTES / GIB:g} GiB free on the file system of {self._file.parent.parent}"
        limit = f"max_feed_gb = {self._max_feed_gb:g}"
        for landing, usage in used.items():
            if landing.full:
                yield f"{landing.feed} takes {limit} on the disk, and its files wait: make room, or raise the limit"
            elif usage.total > NEARLY * self._max_bytes > 0:
                yield f"{landing.feed} takes more than {NEARLY:.0%} of {limit} on the disk: beyond it, its files wait"
