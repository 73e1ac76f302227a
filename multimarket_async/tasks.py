"""Tasks that stop nothing else when they fail: the failure is logged once and shown, and the task is tried again."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog

from multimarket_async.clock import Clock, pause
from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable
from multimarket_async.files_io import atomic_write, private_folder

log = structlog.get_logger()

T = TypeVar("T")

RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0
EXPECTED = (CannotContinue, OperationFailed, Unavailable)  # the message says it all, without a traceback


@dataclass(frozen=True, slots=True)
class FailingTask:
    """A task that fails since then, and why."""

    task: str
    since: datetime
    why: str


class Tasks:
    """The tasks of this process. failing: those that do not work now, by name.

    folder: while a task fails, a file in it says so to other processes.
    """

    def __init__(self, clock: Clock, folder: Path | None = None) -> None:
        self.failing: dict[str, FailingTask] = {}
        self._clock = clock
        self._file = folder / f"failing-{os.getpid()}.json" if folder else None

    def everywhere(self) -> list[FailingTask]:
        """Failing tasks of this process, and of others with the same folder."""
        if self._file is None:
            return [*self.failing.values()]
        others = (file for file in sorted(self._file.parent.glob("failing-*.json")) if file != self._file)
        return [*self.failing.values(), *(task for file in others for task in _read(file))]

    def failed(self, name: str, error: Exception) -> None:
        """Log the failure, once for each reason, and show it."""
        expected = isinstance(error, EXPECTED)
        why = str(error) if expected and str(error) else f"{type(error).__name__}: {error}"
        known = self.failing.get(name)
        if known and known.why == why:
            return
        self.failing[name] = FailingTask(name, known.since if known else self._clock.now(), why)
        log.error("task.failed", task=name, why=why, exc_info=None if expected else error)
        self._write()

    def works(self, name: str) -> None:
        """Log that a task that failed works again."""
        if self.failing.pop(name, None):
            log.info("task.resumed", task=name)
            self._write()

    async def attempt(self, name: str, work: Awaitable[T], *, ends: tuple[type[Exception], ...] = ()) -> T | None:
        """The result of something that may fail; None if it does. ends: errors that are raised instead."""
        try:
            result = await work
        except ends:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tasks go on
            self.failed(name, error)
            return None
        self.works(name)
        return result

    async def keep(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        stop: asyncio.Event,
        *,
        steady_s: float | None = RETRY_MAX_S,
        ends: tuple[type[Exception], ...] = (),
    ) -> None:
        """Run a task until it ends; begin again with a back-off when it fails, until `stop` is set.

        steady_s: it works again when it has run for so long; None: it says so itself. ends: errors that are raised.
        """
        retry_s = RETRY_MIN_S
        while True:
            try:
                with self._steady(name, steady_s):
                    await work()
            except ends:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the other tasks go on
                retry_s = min(2 * retry_s, RETRY_MAX_S) if name in self.failing else RETRY_MIN_S
                self.failed(name, error)
            else:
                return
            await pause(retry_s, stop)
            if stop.is_set():
                return

    @contextmanager
    def _steady(self, name: str, after_s: float | None) -> Iterator[None]:
        timer = None if after_s is None else asyncio.get_running_loop().call_later(after_s, self.works, name)
        try:
            yield
        finally:
            if timer:
                timer.cancel()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Remove the file in the end."""
        try:
            yield
        finally:
            self.failing.clear()
            self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        with suppress(OSError):  # it is in the log, and in the status of this process
            if self.failing:
                tasks = [{**asdict(task), "since": task.since.isoformat()} for task in self.failing.values()]
                private_folder(self._file.parent)
                atomic_write(self._file, json.dumps({"pid": os.getpid(), "tasks": tasks}).encode())
            else:
                self._file.unlink(missing_ok=True)


def _read(file: Path) -> list[FailingTask]:
    """The file of a living process: one that was killed leaves it behind."""
    try:
        content: Mapping[str, Any] = json.loads(file.read_bytes())
        with suppress(PermissionError):  # it lives, under another user
            os.kill(content["pid"], 0)
        return [
            FailingTask(str(task["task"]), datetime.fromisoformat(task["since"]), str(task["why"]))
            for task in content["tasks"]
        ]
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return []
