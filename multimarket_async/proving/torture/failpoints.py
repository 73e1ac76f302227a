"""Failpoints: named points in the worker where a fault is injected; drawn from the round's seed."""

import errno
import os
import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Literal

from multimarket_async.app import Application
from multimarket_async.domains import Feed
from multimarket_async.landing import Landing

Moment = Literal["before", "after"]
Action = Literal["kill", "kill soon", "disk full", "permission denied", "no descriptors"]

SOON_S = 0.002  # about as long as an insert takes
WITHOUT_DESCRIPTORS_S = 0.15
_ERRORS = {"disk full": errno.ENOSPC, "permission denied": errno.EACCES}
# Probabilities: a worker is killed at a failpoint, some of its calls fail before; it is killed in a sink.
_KILLED, _FAILING, _KILLED_IN_SINK = 0.8, 0.5, 0.5


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A moment of an operation of the worker, and the fault that is injected there.

    call: the first call that is hit, counted from 1. times: how many calls in a row. Of one that is not drawn yet
    these are the highest numbers that may be drawn.
    """

    name: str
    operation: str
    moment: Moment
    action: Action
    call: int = 1
    times: int = 1

    def hits(self, operation: str, moment: Moment, call: int) -> bool:
        """True if this call reaches it."""
        here = (self.operation, self.moment) == (operation, moment)
        return here and self.call <= call < self.call + self.times


KILLS = (
    Failpoint("after scan", "scan", "after", "kill", 12),
    Failpoint("after read", "parse", "before", "kill", 40),
    Failpoint("before insert", "insert", "before", "kill", 3),
    Failpoint("during insert", "insert", "before", "kill soon", 3),
    Failpoint("inserted, not acknowledged", "insert", "after", "kill", 3),
    Failpoint("before follow-up", "follow up", "before", "kill", 3),
    Failpoint("during follow-up", "follow up", "before", "kill soon", 3),
    Failpoint("followed up, not acknowledged", "follow up", "after", "kill", 3),
    Failpoint("acknowledged, not archived", "archive", "before", "kill", 3),
    Failpoint("half archived", "archive", "after", "kill", 6),
    Failpoint("before quarantine", "quarantine", "before", "kill", 3),
    Failpoint("reason written, file not moved", "reason", "after", "kill", 3),
    Failpoint("after quarantine", "quarantine", "after", "kill", 3),
    Failpoint("during snapshot", "measure", "before", "kill soon", 3),
    Failpoint("before publishing", "publish", "before", "kill", 3),
    Failpoint("during publishing", "publish", "before", "kill soon", 3),
    Failpoint("after publishing", "publish", "after", "kill", 3),
)
ERRORS = (
    Failpoint("disk full: archive", "archive", "before", "disk full", 6, 5),
    Failpoint("disk full: reason", "reason", "before", "disk full", 3, 3),
    Failpoint("disk full: quarantine", "reason", "after", "disk full", 3, 3),
    Failpoint("permission denied: archive", "archive", "before", "permission denied", 6, 5),
    Failpoint("permission denied: list", "list", "before", "permission denied", 12, 6),
    Failpoint("permission denied: list quarantine", "list quarantine", "before", "permission denied", 2),
    Failpoint("no descriptors: list", "list", "before", "no descriptors", 12),
    Failpoint("no descriptors: read", "scan", "after", "no descriptors", 12),
)


SINK_KILLS = {
    "warehouse": (
        Failpoint("before writing to the warehouse", "sink", "before", "kill", 3),
        Failpoint("while writing to the warehouse", "sink", "before", "kill soon", 3),
        Failpoint("all written to the warehouse, not committed", "commit", "before", "kill", 3),
        Failpoint("written to the warehouse, not noted", "sink", "after", "kill", 3),
    ),
    "lake": (
        Failpoint("before writing a table of the lake", "table", "before", "kill", 20),
        Failpoint("while writing a table of the lake", "table", "before", "kill soon", 20),
        Failpoint("a table of the lake committed, not named", "table", "after", "kill", 20),
        Failpoint("all tables of the lake committed, not named", "name", "before", "kill", 3),
        Failpoint("a generation of the lake named, not noted", "name", "after", "kill", 3),
    ),
    "cassandra": (
        Failpoint("before writing to Cassandra", "keyspace", "before", "kill", 3),
        Failpoint("while writing a KPI to Cassandra", "version", "before", "kill soon", 20),
        Failpoint("a KPI written to Cassandra, not named", "version", "after", "kill", 20),
        Failpoint("all written to Cassandra, not named", "held", "before", "kill", 3),
        Failpoint("a generation of Cassandra named, not noted", "held", "after", "kill", 3),
    ),
}


def draw(rng: Random) -> tuple[Failpoint, ...]:
    """The failpoints of a worker: at most one kill, which ends it, and at times an error before it."""
    return tuple(_drawn(rng))


def draw_of_sinks(rng: Random, sinks: Collection[str]) -> tuple[Failpoint, ...]:
    """The failpoints of a worker in its sinks: a kill, at times."""
    failpoint = rng.choice([failpoint for name, kills in SINK_KILLS.items() if name in sinks for failpoint in kills])
    return (replace(failpoint, call=rng.randint(1, failpoint.call)),) if rng.random() < _KILLED_IN_SINK else ()


def _drawn(rng: Random) -> Iterator[Failpoint]:
    for probability, failpoints in ((_KILLED, KILLS), (_FAILING, ERRORS)):
        if rng.random() < probability:
            failpoint = rng.choice(failpoints)
            yield replace(failpoint, call=rng.randint(1, failpoint.call), times=rng.randint(1, failpoint.times))


class Injector:
    """Counts the calls of each operation, and injects the faults of the failpoints that they reach.

    journal: the file in which their names are recorded.
    """

    def __init__(self, failpoints: Sequence[Failpoint], journal: Path) -> None:
        self._failpoints = failpoints
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._calls: Counter[tuple[str, Moment]] = Counter()

    def reach(self, operation: str, moment: Moment) -> None:
        """Count a call that has come to this moment of its operation."""
        self._calls[operation, moment] += 1
        for failpoint in self._failpoints:
            if failpoint.hits(operation, moment, self._calls[operation, moment]):
                self._inject(failpoint)

    @contextmanager
    def around(self, operation: str) -> Iterator[None]:
        """Reach both moments of an operation; also a decorator of functions."""
        self.reach(operation, "before")
        yield
        self.reach(operation, "after")

    def _inject(self, failpoint: Failpoint) -> None:
        # One write without a buffer: it is recorded even if this is the last thing the process does.
        os.write(self._journal, f"{failpoint.name}\n".encode())
        match failpoint.action:
            case "kill":
                kill()
            case "kill soon":
                threading.Timer(SOON_S, kill).start()
            case "no descriptors":
                _no_descriptors()
            case "disk full" | "permission denied":
                number = _ERRORS[failpoint.action]
                raise OSError(number, os.strerror(number), f"injected: {failpoint.name}")


def kill() -> None:
    """End this process as the kernel or an operator would: nothing is flushed, closed or logged."""
    os.kill(os.getpid(), signal.SIGKILL)


def _no_descriptors() -> None:
    """Make every open() of the next moments fail with a real EMFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    restore = threading.Timer(WITHOUT_DESCRIPTORS_S, resource.setrlimit, (resource.RLIMIT_NOFILE, (soft, hard)))
    restore.daemon = True
    restore.start()


def instrument(application: Application, injector: Injector) -> Application:
    """The same parts; each operation with failpoints reports its start and its end to the injector."""
    operations = (
        ("insert", "insert"),
        ("update_with_pipeline", "follow up"),
        ("evaluate", "measure"),
        ("insert_if_absent", "publish"),
    )
    for method, operation in operations:
        wrap(application.store, method, partial(_asynchronous, operation, injector))
    _instrument_listing(application.settings.data_dir, injector)
    if "warehouse" in application.settings.sinks:
        _instrument_warehouse(injector)
    if "lake" in application.settings.sinks:
        _instrument_lake(injector)
    if "cassandra" in application.settings.sinks:
        _instrument_cassandra(injector)
    feeds = (_instrument_channel(feed, landing, injector) for feed, landing in application.feeds)
    return replace(application, feeds=tuple(feeds))


def _instrument_listing(data_dir: Path, injector: Injector) -> None:
    """Replace the system call itself, in this process: every caller has to handle what it raises."""
    real, operations = os.scandir, {data_dir / "sources": "list", data_dir / "quarantine": "list quarantine"}

    def scandir(folder: Any = ".") -> Any:
        if isinstance(folder, str | Path) and (parent := Path(folder).parent) in operations:
            injector.reach(operations[parent], "before")
        return real(folder)

    os.scandir = scandir  # type: ignore[assignment]  # overloaded by the type of the path


def _instrument_warehouse(injector: Injector) -> None:
    """Replace methods of its classes, in this process: the sink is opened later, and again after failures."""
    from multimarket_async.sinks.warehouse.warehouse import Warehouse, Writing  # noqa: PLC0415 - of an extra

    wrap(Warehouse, "write", partial(_asynchronous, "sink", injector))
    wrap(Writing, "end", partial(_asynchronous, "commit", injector))


def _instrument_lake(injector: Injector) -> None:
    from multimarket_async.sinks.lake.delta import Tables  # noqa: PLC0415 - of an extra
    from multimarket_async.sinks.lake.lake import Lake  # noqa: PLC0415

    for method in ("replace", "merge", "note"):
        wrap(Tables, method, injector.around("table"))
    wrap(Lake, "_note", injector.around("name"))


def _instrument_cassandra(injector: Injector) -> None:
    from multimarket_async.sinks.cassandra.keyspace import Keyspace  # noqa: PLC0415 - of an extra
    from multimarket_async.sinks.cassandra.kpis import Kpis  # noqa: PLC0415

    for part, method, operation in (
        (Keyspace, "write", "keyspace"),
        (Kpis, "write", "version"),
        (Keyspace, "_note", "held"),
    ):
        wrap(part, method, partial(_asynchronous, operation, injector))


def _instrument_channel(feed: Feed, landing: Landing, injector: Injector) -> tuple[Feed, Landing]:
    wrap(landing, "waiting", injector.around("scan"))
    wrap(landing, "archive", partial(_archiving, injector))
    wrap(landing.quarantine, "add", injector.around("quarantine"))
    # The only way to the instant between the reason and the move.
    wrap(landing.quarantine, "_write_reason", injector.around("reason"))
    return replace(feed, read=injector.around("parse")(feed.read)), landing


def wrap(part: object, method: str, around: Callable[[Any], Callable[..., Any]]) -> None:
    """Replace a method of this one object, or class, by what `around` makes of it."""
    setattr(part, method, around(getattr(part, method)))


def _archiving(injector: Injector, real: Callable[..., Any]) -> Callable[..., Any]:
    """Archiving does not raise: it answers with an error for each file."""

    def archive(files: Sequence[Any], day: Any) -> Any:
        try:
            return injector.around("archive")(real)(files, day)
        except OSError as error:
            return [error] * len(files)

    return archive


def _asynchronous(operation: str, injector: Injector, real: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **options: Any) -> Any:
        with injector.around(operation):
            return await real(*arguments, **options)

    return call
