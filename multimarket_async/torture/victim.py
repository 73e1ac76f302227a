"""The victim: the real application, put together as `run` does it, in a process that may die at any instant."""

import multiprocessing
import resource
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
import uvloop

from multimarket_async import app as composition
from multimarket_async import logs
from multimarket_async.app import Application, Workspace
from multimarket_async.clock import Clock
from multimarket_async.domains import settings_models
from multimarket_async.settings import Loaded, MongoDriver, load
from multimarket_async.torture.bugs import BUGS
from multimarket_async.torture.faults import Strike
from multimarket_async.torture.strikes import Points, kill, watched

LOG, STRUCK = "victim.log", "struck.txt"
DIED = 70  # the victim's exit code when it ended by an error of its own
JUMPS_AFTER_S = 0.15
# Haste, so that a round takes about a second; the rest are the defaults that users get.
HASTE: dict[str, Any] = {
    "scan_every_s": 0.02,
    "quiet_period_s": 0.3,
    "snapshot_every_s": 0.04,
    "max_file_bytes": 1 << 16,
    "shutdown_timeout_s": 20.0,
    "log_format": "json",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Orders:
    """What a victim is told. `drain`: collect until nothing waits, publish a last generation, end."""

    data_dir: Path
    mongo_uri: str = field(repr=False)
    database: str
    batch_files: int = 1000
    driver: MongoDriver | None = None
    strikes: tuple[Strike, ...] = ()
    clock_back_s: float = 0.0
    bug: str | None = None
    drain: bool = False

    def loaded(self) -> Loaded:
        """The settings of everybody in a round; of the user's own only the driver counts: a seed replays anywhere."""
        given = {
            "data_dir": self.data_dir,
            "mongo_uri": self.mongo_uri,
            "mongo_database": self.database,
            "mongo_driver": self.driver,
            "batch_files": self.batch_files,
            **HASTE,
        }
        return load(settings_models(), given, {}, Path("/dev/null"))


def empty(folder: Path) -> None:
    """A data folder without anything of an earlier time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


# A server that has imported everything forks each victim: a start takes 20 ms instead of a second.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def start(orders: Orders) -> BaseProcess:
    """A victim at work."""
    process = _processes.Process(target=_main, args=(orders,), daemon=True)
    process.start()
    return process


def _main(orders: Orders) -> None:
    threading.Thread(target=_end_with_harness, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with (orders.data_dir / LOG).open("a", buffering=1, encoding="utf-8") as stream:
        logs.configure("json", stream, None)
        try:
            uvloop.run(_work(orders))
        except Exception as error:
            log.exception("worker.died")
            raise SystemExit(DIED) from error


def _end_with_harness() -> None:
    """Nobody would stop a victim whose harness was killed."""
    if harness := multiprocessing.parent_process():
        harness.join()
        kill()


async def _work(orders: Orders) -> None:
    workspace = composition.workspace(orders.loaded())
    async with _opened(replace(workspace, clock=_clock(orders.clock_back_s)), orders) as application:
        if orders.drain:
            await application.collector().until_empty()
            await application.snapshotter().refresh()
        else:
            stop = composition.stop_on_signals(None)
            await composition.run(application, stop, seconds=None)


@asynccontextmanager
async def _opened(workspace: Workspace, orders: Orders) -> AsyncIterator[Application]:
    async with composition.opened(workspace) as application:
        sick = BUGS[orders.bug](application) if orders.bug else application
        yield watched(sick, Points(orders.strikes, orders.data_dir / STRUCK))


def _clock(back_s: float) -> Clock:
    """Right at first, then set back for good."""
    jumps_at, back = monotonic() + JUMPS_AFTER_S, timedelta(seconds=back_s)

    def now() -> datetime:
        right = datetime.now(UTC)
        return right if monotonic() < jumps_at else right - back

    return Clock(now=now) if back else Clock()
