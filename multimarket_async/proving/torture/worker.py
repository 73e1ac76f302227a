"""Worker: the real application, composed as `run` does it, in a process that may be killed at any instant."""

import multiprocessing
import resource
import shutil
import threading
from collections.abc import AsyncIterator, Mapping
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
from multimarket_async.discovery import settings_models
from multimarket_async.proving.torture.failpoints import Failpoint, Injector, instrument, kill
from multimarket_async.proving.torture.mutants import MUTANTS
from multimarket_async.settings import Loaded, MongoDriver, Settings, load

LOG, INJECTED, MANIFEST, ARCHIVE = "worker.log", "injected.txt", "manifest.jsonl", "archive"
DIED = 70  # the exit code of a worker that ended by an error of its own
JUMPS_AFTER_S = 0.15
# Short times, so that a round takes about a second; the rest are the defaults that users get.
HASTE: dict[str, Any] = {
    "scan_every_s": 0.02,
    "quiet_period_s": 0.3,
    "snapshot_every_s": 0.04,
    "max_file_bytes": 1 << 16,
    "shutdown_timeout_s": 20.0,
    "until_empty_timeout_s": 60.0,
    "http_port": 0,
    "log_format": "json",
}
DOMAINS: tuple[str, ...] = Settings.model_fields["domains"].default
MODELS = settings_models()  # once for all workers: they are forked from a server that has imported this

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The configuration of a worker. drain: it collects until nothing waits, publishes a last generation, and ends.

    http: it serves the page and the API. cassandra: settings of yours, by which it is reached.
    """

    data_dir: Path
    mongo_uri: str = field(repr=False)
    database: str
    domains: tuple[str, ...] = DOMAINS
    batch_files: int = 1000
    driver: MongoDriver | None = None
    failpoints: tuple[Failpoint, ...] = ()
    clock_back_s: float = 0.0
    bug: str | None = None
    drain: bool = False
    http: bool = False
    sinks: tuple[str, ...] = ()
    postgres_uri: str | None = field(default=None, repr=False)
    cassandra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def loaded(self) -> Loaded:
        """The settings of all processes of a round; the user's own do not count, but for the driver and the domains."""
        given = {
            "domains": self.domains,
            "data_dir": self.data_dir,
            "mongo_uri": self.mongo_uri,
            "mongo_database": self.database,
            "mongo_driver": self.driver,
            "batch_files": self.batch_files,
            "sinks": self.sinks,
            "postgres_uri": self.postgres_uri,
            "postgres_schema": self.database,
            "cassandra_keyspace": self.database,
            **self.cassandra,
            **HASTE,
        }
        return load(MODELS, given, {}, Path("/dev/null"))


def empty(folder: Path) -> None:
    """Make the folder, without the files of an earlier run."""
    remove(folder)
    folder.mkdir(parents=True)


def remove(folder: Path) -> None:
    """Remove the folder of a round, and its archive where that is on another file system."""
    if (folder / ARCHIVE).is_symlink():
        shutil.rmtree((folder / ARCHIVE).resolve().parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


# A server that has imported everything forks each worker: a start takes 20 ms instead of a second.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def start(config: WorkerConfig) -> BaseProcess:
    """Start a worker."""
    process = _processes.Process(target=_main, args=(config,), daemon=True)
    process.start()
    return process


def _main(config: WorkerConfig) -> None:
    threading.Thread(target=_end_with_harness, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with (config.data_dir / LOG).open("a", buffering=1, encoding="utf-8") as stream:
        logs.configure("json", stream, None)
        try:
            uvloop.run(_work(config))
        except Exception as error:
            log.exception("worker.died", error=_chain(error))
            raise SystemExit(DIED) from error


def _chain(error: BaseException) -> str:
    """The error and those before it: closing the event loop may have failed because of the first one."""
    return repr(error) + (f" after {_chain(error.__context__)}" if error.__context__ else "")


def _end_with_harness() -> None:
    """End when the harness was killed: nobody else would stop the worker."""
    if harness := multiprocessing.parent_process():
        harness.join()
        kill()


async def _work(config: WorkerConfig) -> None:
    workspace = composition.workspace(config.loaded())
    async with _opened(replace(workspace, clock=_clock(config.clock_back_s)), config) as application:
        if config.drain:
            snapshotter = application.snapshotter()
            await snapshotter.refresh()  # so that the last generation is computed from what changes after it
            await application.late_writes().look()
            await application.collector().until_empty()
            await snapshotter.refresh()
            await snapshotter.aclose()
            await composition.sink_once(application)
        else:
            stop = composition.stop_on_signals(None)
            await composition.run(application, stop, seconds=None, http=config.http)


@asynccontextmanager
async def _opened(workspace: Workspace, config: WorkerConfig) -> AsyncIterator[Application]:
    async with composition.opened(workspace) as application:
        mutant = MUTANTS[config.bug](application) if config.bug else application
        yield instrument(mutant, Injector(config.failpoints, config.data_dir / INJECTED))


def _clock(back_s: float) -> Clock:
    """A clock that is right at first, and is then set back for good."""
    jumps_at, back = monotonic() + JUMPS_AFTER_S, timedelta(seconds=back_s)

    def now() -> datetime:
        right = datetime.now(UTC)
        return right if monotonic() < jumps_at else right - back

    return Clock(now=now) if back else Clock()
