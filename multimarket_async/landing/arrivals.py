"""Times at which files came to the archive: one that was changed later may have been written to.

A write sets the time of change of a file (ctime), and nobody can set that back.
"""

import time
from collections.abc import Iterable

from multimarket_async.landing.waiting import WaitingFile

MOST = 200_000  # that come between two looks: 20 MB. What is done to more of them at that time is not noticed.


class Arrivals:
    """Arrivals of this process since the last look at late writes. One thread looks, another one archives."""

    def __init__(self) -> None:
        self._looked_ns = self._unknown_until_ns = time.time_ns()
        self._since, self._before = dict[int, int](), dict[int, int]()  # the current look began

    def note(self, files: Iterable[WaitingFile]) -> None:
        """Note files that were archived just now."""
        now_ns, known = time.time_ns(), self._since
        if len(known) < MOST:
            known.update(dict.fromkeys(map(_identity, files), now_ns))
        else:
            self._unknown_until_ns = now_ns

    def begin(self) -> int:
        """Begin a look; its time, for `end`."""
        noted, self._since = self._since, {}
        self._before |= noted
        return time.time_ns()

    def end(self, began_ns: int) -> None:
        """End a look at all files; one that fails is not ended."""
        self._looked_ns, self._before = began_ns, {}

    def changed(self, file: WaitingFile) -> bool:
        """True if an archived file was changed since the last look, and did not come then."""
        identity, since_ns = _identity(file), max(self._looked_ns, self._unknown_until_ns)
        came_ns = self._since.get(identity) or self._before.get(identity) or 0
        return file.changed_ns > max(since_ns, came_ns)


def _identity(file: WaitingFile) -> int:
    """Of a copy too: its inode is another one."""
    return hash((file.entry, file.bytes, file.written_ns))
