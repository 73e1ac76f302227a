"""From the landing directories to parsed batches: what is due is read together, and bad files are set aside."""

from collections.abc import Mapping
from typing import NamedTuple

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import UNTIL_RELEASED, Backlog, Taken
from multimarket_async.collector.batch import Faulty, Parsed, contents, parse
from multimarket_async.collector.mover import Mover
from multimarket_async.errors import Unavailable
from multimarket_async.landing import WaitingFile
from multimarket_async.settings import Settings

log = structlog.get_logger()


class Batch(NamedTuple):
    """Files that were read together. began: on the monotonic clock, seconds."""

    began: float
    parsed: list[Parsed]


class Intake:
    """The waiting files of all feeds. It knows which are in hand: one thread at a time may use it."""

    def __init__(self, backlogs: Mapping[str, Backlog], mover: Mover, settings: Settings, clock: Clock) -> None:
        self._backlogs = backlogs
        self._mover = mover
        self._settings = settings
        self._clock = clock
        self._unseen: set[str] = set()

    def next_batch(self) -> Batch | None:
        """Read and parsed, the bad files set aside; None if no file is due."""
        began, now = self._clock.monotonic(), self._clock.now()
        self._mover.restore()
        if not (files := self._take()):
            return None
        parsed: list[Parsed] = []
        faulty: list[Faulty] = []
        most_bytes = self._settings.max_file_bytes
        for taken, content in contents(files, most_bytes):
            match parse(taken, content, most_bytes, now):
                case Parsed() as good:
                    parsed.append(good)
                case Faulty() as bad:
                    faulty.append(bad)
                case None:
                    self._backlogs[taken.feed.name].let_go(taken.file)
        self._mover.set_aside(faulty)
        return Batch(began, parsed)

    def _take(self) -> list[Taken]:
        """A batch: an equal share from every channel, then more from those that have more."""
        files, size, channels = self._settings.batch_files, self._settings.batch_bytes, len(self._backlogs)
        batch: list[Taken] = []
        for backlog in self._backlogs.values():
            batch += self._look(backlog, min(max(1, files // channels), files - len(batch)), size // channels + 1)
        for backlog in self._backlogs.values():
            bytes_left = size - sum(taken.file.bytes for taken in batch)
            batch += backlog.take_known(files - len(batch), bytes_left)
        return batch

    def _look(self, backlog: Backlog, most_files: int, most_bytes: int) -> list[Taken]:
        """A folder that cannot be listed holds up no other."""
        try:
            taken = backlog.take(most_files, most_bytes)
        except Unavailable as why:
            if backlog.feed.name not in self._unseen:
                log.warning("feed.unreadable", feed=backlog.feed.name, why=str(why))
            self._unseen.add(backlog.feed.name)
            return []
        self._unseen.discard(backlog.feed.name)
        return taken

    def waiting(self) -> list[WaitingFile]:
        """Every waiting file of every feed."""
        return [file for backlog in self._backlogs.values() for file in backlog.landing.waiting()]

    def leave(self, batch: Batch) -> None:
        """Its files are good, but cannot be stored: not to be taken again until released."""
        for good in batch.parsed:
            self._backlogs[good.taken.feed.name].leave(good.taken.file, UNTIL_RELEASED, "good")

    def forget(self) -> None:
        """Files in hand were not dealt with: look anew."""
        for backlog in self._backlogs.values():
            backlog.forget()

    def release(self) -> None:
        """Take also those that were left."""
        for backlog in self._backlogs.values():
            backlog.release()
