"""Inside the victim: its real application, with the operations that are to be struck wrapped from outside."""

import errno
import os
import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from multimarket_async.app import Application
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.torture.faults import Strike

SOON_S = 0.002  # about what an insert takes
WITHOUT_DESCRIPTORS_S = 0.15
_ERRORS = {"disk full": errno.ENOSPC, "permission denied": errno.EACCES}

Moment = Literal["before", "after"]


class Points:
    """Counts the calls of each operation and strikes when one's turn has come."""

    def __init__(self, strikes: Sequence[Strike], journal: Path) -> None:
        self._strikes = strikes
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._calls: Counter[tuple[str, Moment]] = Counter()

    def reach(self, operation: str, moment: Moment) -> None:
        """Say that this moment of this operation is here."""
        self._calls[operation, moment] += 1
        call = self._calls[operation, moment]
        for strike in self._strikes:
            here = (strike.operation, strike.moment) == (operation, moment)
            if here and strike.call <= call < strike.call + strike.times:
                self._strike(strike)

    def _strike(self, strike: Strike) -> None:
        # One write without a buffer: it is told even if this is the last thing the process does.
        os.write(self._journal, f"{strike.name}\n".encode())
        match strike.action:
            case "kill":
                kill()
            case "kill soon":
                threading.Timer(SOON_S, kill).start()
            case "no descriptors":
                _no_descriptors()
            case "mongodb away":
                raise Unavailable("injected: MongoDB is away")
            case "disk full" | "permission denied":
                number = _ERRORS[strike.action]
                raise OSError(number, os.strerror(number), f"injected: {strike.name}")


def kill() -> None:
    """As the kernel or an operator would: nothing is flushed, closed or said."""
    os.kill(os.getpid(), signal.SIGKILL)


def _no_descriptors() -> None:
    """A real EMFILE for whoever opens anything in the next moments."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    later = threading.Timer(WITHOUT_DESCRIPTORS_S, resource.setrlimit, (resource.RLIMIT_NOFILE, (soft, hard)))
    later.daemon = True
    later.start()


def watched(application: Application, points: Points) -> Application:
    """The same parts; each operation that can be struck says so before and after."""
    operations = (
        ("insert", "insert"),
        ("update_with_pipeline", "follow up"),
        ("compare_and_swap", "measure"),
        ("insert_if_absent", "publish"),
    )
    for method, operation in operations:
        wrap(application.store, method, partial(_asynchronous, operation, points))
    _watch_listing(application.settings.data_dir, points)
    return replace(
        application, channels=tuple(_channel(feed, landing, points) for feed, landing in application.channels)
    )


def _watch_listing(data_dir: Path, points: Points) -> None:
    """The system call itself, in this process: what it raises has to be met by whoever calls it."""
    real, operations = os.scandir, {data_dir / "sources": "list", data_dir / "quarantine": "list quarantine"}

    def scandir(folder: Any = ".") -> Any:
        if isinstance(folder, Path) and folder.parent in operations:
            points.reach(operations[folder.parent], "before")
        return real(folder)

    os.scandir = scandir  # type: ignore[assignment]  # overloaded by the type of the path


def _channel(feed: Feed, landing: Landing, points: Points) -> tuple[Feed, Landing]:
    wrap(landing, "waiting", partial(_plain, "scan", points))
    wrap(landing, "archive", partial(_plain, "archive", points))
    wrap(landing.quarantine, "add", partial(_plain, "set aside", points))
    # The only way to the instant between the reason and the move.
    wrap(landing.quarantine, "_write_reason", partial(_plain, "reason", points))
    return replace(feed, parse=_plain("parse", points, feed.parse)), landing


def wrap(part: object, method: str, around: Callable[[Any], Callable[..., Any]]) -> None:
    """Replace a method of this one object by what `around` makes of it."""
    setattr(part, method, around(getattr(part, method)))


def _plain(operation: str, points: Points, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        points.reach(operation, "before")
        result = real(*given, **named)
        points.reach(operation, "after")
        return result

    return call


def _asynchronous(operation: str, points: Points, real: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*given: Any, **named: Any) -> Any:
        points.reach(operation, "before")
        result = await real(*given, **named)
        points.reach(operation, "after")
        return result

    return call
