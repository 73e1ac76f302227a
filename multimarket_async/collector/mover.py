"""Every document of a batch is durable now, or never will be: archive its files, or set them aside."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

import structlog

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import Backlog, Taken
from multimarket_async.collector.batch import Faulty, Parsed, verdict
from multimarket_async.collector.tally import Tally
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, Moved, WaitingFile
from multimarket_async.store import Outcome

log = structlog.get_logger()

AGAIN_AFTER_S = 2.0


class Decided(NamedTuple):
    """A file, what is to become of it, and whether it has been moved to the archive already."""

    file: Parsed
    verdict: str | Rejected
    moved: Moved


def archive(files: Sequence[Parsed], outcomes: Sequence[Sequence[Outcome]], day: date) -> list[Decided]:
    """Given what became of the documents of each, move together the files of neighbours that are stored."""
    judged = [(file, verdict(file, of_its)) for file, of_its in zip(files, outcomes, strict=True)]
    decided: list[Decided] = []
    for landing, neighbours in groupby(judged, key=lambda one: one[0].taken.landing):
        together = list(neighbours)
        stored = [file.taken.file for file, what in together if isinstance(what, str)]
        moved = iter(landing.archive_all(stored, day))
        decided += [Decided(one, what, next(moved) if isinstance(what, str) else Moved.NO) for one, what in together]
    return decided


def _what_became(one: Decided) -> tuple[str, str | Rejected, Moved]:
    return one.file.taken.feed.name, one.verdict, one.moved


class Mover:
    """Moves files out of the landing directories, and counts them."""

    def __init__(self, backlogs: Mapping[str, Backlog], tally: Tally, quiet_period_s: float, clock: Clock) -> None:
        self._backlogs = backlogs
        self._tally = tally
        self._quiet_period_s = quiet_period_s
        self._clock = clock
        self._stuck: set[str] = set()
        self._newly_stuck: list[str] = []
        self._astray: list[tuple[Landing, str, str]] = []

    def settle(self, files: Iterable[Decided], day: date, stored_at: float) -> None:
        """Count what was moved, and see to what was not. stored_at: on the monotonic clock, seconds."""
        for (_, decided, moved), alike in groupby(files, key=_what_became):
            if moved == Moved.YES:
                self._count([one.file.taken for one in alike], str(decided), stored_at)
                continue
            for one in alike:
                self._see_to(one, day, stored_at)

    def _see_to(self, one: Decided, day: date, stored_at: float) -> None:
        taken = one.file.taken
        if one.moved == Moved.ANOTHER:
            self._return(taken, taken.landing.archived_as(taken.file, day))
            self._let_go(taken)
        elif isinstance(one.verdict, Rejected):
            self._refuse(taken, one.verdict, one.file.sha256)
        else:
            self._move(taken, one.verdict, lambda: taken.landing.archive(taken.file, day), stored_at)

    def set_aside(self, files: Iterable[Faulty]) -> None:
        """Move bad files to the quarantine, but leave them to writers who may not be done yet."""
        for file in files:
            self._refuse(file.taken, file.rejected, file.sha256)

    def restore(self) -> None:
        """Return what was moved unseen; what cannot be returned now is tried again at every look."""
        astray, self._astray = self._astray, []
        for landing, path, name in astray:
            try:
                landing.restore(path, name)
            except FileNotFoundError:
                continue
            except OSError:
                self._astray.append((landing, path, name))

    def tell_stuck(self) -> None:
        """Log the files that could not be moved since the last call, in one line."""
        if newly := self._newly_stuck:
            log.error("file.move_failed", files=len(newly), first=newly[0])
            self._newly_stuck = []

    def _refuse(self, taken: Taken, rejected: Rejected, sha256: str | None) -> None:
        if rejected.unfinished and self._leave(taken, self._quiet_period_s, rejected.code) < self._quiet_period_s:
            return  # its writer may not be done yet
        facts = {
            "feed": taken.feed.name,
            "bytes": taken.file.bytes,
            "changed_ns": taken.file.changed_ns,
            "sha256": sha256,
            "quarantined_at": self._clock.now().isoformat(),
        }
        done_at = self._clock.monotonic()
        if self._move(taken, rejected.code, lambda: _quarantine(taken, rejected, facts), done_at):
            place = {"pointer": rejected.pointer, "line": rejected.line, "column": rejected.column}
            log.warning("file.quarantined", feed=taken.feed.name, file=taken.file.name, code=rejected.code, **place)

    def _move(self, taken: Taken, outcome: str, move: Callable[[], str], done_at: float) -> bool:
        """Move a file and count it. One that cannot be moved is tried again later and blocks nobody."""
        try:
            moved = self._moved(taken, move)
        except FileNotFoundError:  # somebody else took it, and counts it
            moved = False
        except OSError as error:
            self._cannot_move(taken, error)
            return False
        if moved:
            self._count([taken], outcome, done_at)
        else:
            self._let_go(taken)
        return moved

    def _count(self, moved: Sequence[Taken], outcome: str, done_at: float) -> None:
        """Files of one feed that are where they belong."""
        feed = moved[0].feed.name
        self._stuck.difference_update([taken.file.where for taken in moved] if self._stuck else ())
        self._tally.count(feed, outcome, *[done_at - taken.visible_at for taken in moved])
        self._backlogs[feed].let_go(*[taken.file for taken in moved])

    def _moved(self, taken: Taken, move: Callable[[], str]) -> bool:
        """False where its name is another's by now, who was not looked at."""
        file = taken.file
        if not file.is_at(file.where):
            return False
        target = move()
        if _is_at(file, target):  # the same, a moment later
            return True
        self._return(taken, target)
        return False

    def _return(self, taken: Taken, path: str) -> None:
        """It is not the one that was read."""
        self._astray.append((taken.landing, path, taken.file.entry))
        self.restore()

    def _cannot_move(self, taken: Taken, error: OSError) -> None:
        self._leave(taken, AGAIN_AFTER_S, "stuck")
        if taken.file.where not in self._stuck:
            self._stuck.add(taken.file.where)
            self._newly_stuck.append(f"{taken.feed.name}/{taken.file.name}: {error.strerror}")

    def _let_go(self, taken: Taken) -> None:
        self._backlogs[taken.feed.name].let_go(taken.file)

    def _leave(self, taken: Taken, for_s: float, why: str) -> float:
        return self._backlogs[taken.feed.name].leave(taken.file, for_s, why)


def _quarantine(taken: Taken, rejected: Rejected, facts: dict[str, object]) -> str:
    return os.fspath(taken.landing.quarantine.add(taken.file.path, rejected, facts))


def _is_at(file: WaitingFile, path: str) -> bool:
    try:
        return file.is_at(path)
    except OSError:  # cannot tell: back, to be looked at once more, which is harmless
        return False
