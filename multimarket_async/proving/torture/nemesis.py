"""Nemesis: runs the workers of a round one after the other, and injects faults from outside meanwhile."""

import asyncio
import json
import shutil
import signal
import tempfile
import time
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from multimarket_async.clock import beats
from multimarket_async.domains import Feed
from multimarket_async.files_io import atomic_write
from multimarket_async.landing import Landing, QuarantinedFile, deliver
from multimarket_async.landing.reasons import REASON
from multimarket_async.landing.rename import place
from multimarket_async.proving.torture import failpoints
from multimarket_async.proving.torture.failpoints import Failpoint
from multimarket_async.proving.torture.hostile import attack
from multimarket_async.proving.torture.servers import OF_OTHERS, Mongod, Server
from multimarket_async.proving.torture.worker import ARCHIVE, LOG, WorkerConfig, start

GRACE_S = 0.3  # for a worker to reach its failpoint after the last file was received
AWAY_S = 0.1
STARTS_WITHIN_S, STOPS_WITHIN_S, DRAINS_WITHIN_S = 5.0, 30.0, 90.0
_POLL_S = 0.01

MONGOD_KILLED, MONGOD_PAUSED, DIRECTORY_REMOVED = "mongod killed", "mongod paused", "directory removed"
FOREIGN_DOCUMENTS, FOREIGN_INDEX = "foreign documents", "foreign unique index"
HOSTILE_CLIENT = "hostile client"
POSTGRES_KILLED, POSTGRES_PAUSED = "postgres killed", "postgres paused"
ELSEWHERE = "archive on another file system"
OTHER_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - in a folder of its own
WRITES, HOST_UNREACHABLE = ["insert", "update"], 6  # after "shutting down" the driver would not try again for 10 s
# What MongoDB does to commands (data of its fail point failCommand), by name: refused, cut off, or done but unknown.
COMMAND_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "writes refused": {"failCommands": WRITES, "errorCode": HOST_UNREACHABLE},
    "connections closed": {"failCommands": [*WRITES, "aggregate"], "closeConnection": True},
    "outcomes unknown": {
        "failCommands": WRITES,
        "writeConcernError": {"code": HOST_UNREACHABLE, "errmsg": "injected: the outcome is unknown"},
    },
    "reads refused": {"failCommands": ["find", "aggregate", "getMore"], "errorCode": HOST_UNREACHABLE},
}
_PROBABILITIES = {
    MONGOD_KILLED: 0.06,
    MONGOD_PAUSED: 0.12,
    DIRECTORY_REMOVED: 0.15,
    FOREIGN_DOCUMENTS: 0.15,
    FOREIGN_INDEX: 0.15,
    HOSTILE_CLIENT: 0.15,
    **dict.fromkeys(COMMAND_FAULTS, 0.08),
}
_SINK_PROBABILITIES = {POSTGRES_KILLED: 0.3, POSTGRES_PAUSED: 0.3}
_FAULTS_WITHIN_S = 0.4
_MOST_COMMANDS = 6  # that fail in a row: the driver tries each once more by itself
_LONGEST_JUMP_S = 20 * 3600  # generations older than a day are thinned out, and every one is checked
_MOST_WORKERS = 3
_CLOCK_SET_BACK, _TOGETHER, _ELSEWHERE = 0.15, 0.2, 0.15  # probabilities


@dataclass(frozen=True, slots=True)
class ExternalFault:
    """A fault of the worker's surroundings, `at_s` seconds after the load began. commands: how many fail."""

    name: str
    at_s: float
    commands: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of a round.

    workers: the failpoints of each worker, one worker after the other.
    clocks_back_s: how far the clock of each worker is set back while it works.
    together: a second collector without faults works beside them. elsewhere: the archive is on another file system.
    last_signal: ends those that are alive in the end.
    """

    workers: tuple[tuple[Failpoint, ...], ...]
    clocks_back_s: tuple[float, ...]
    external: tuple[ExternalFault, ...]
    together: bool
    elsewhere: bool
    last_signal: signal.Signals


def draw(rng: Random, sinks: Collection[str] = ()) -> Plan:
    """The faults of the round that this generator of random numbers belongs to. sinks: with faults of theirs."""
    plan = _drawn(rng)
    if not failpoints.SINK_KILLS.keys() & set(sinks):
        return plan
    # Of a worker that is killed elsewhere its sinks see little.
    workers = tuple(failpoints.draw_of_sinks(rng, sinks) or worker for worker in plan.workers)
    return replace(plan, workers=workers, external=(*plan.external, *_external(rng, _SINK_PROBABILITIES)))


def _drawn(rng: Random) -> Plan:
    workers = tuple(failpoints.draw(rng) for _ in range(rng.randint(1, _MOST_WORKERS)))
    clocks = tuple(rng.uniform(1, _LONGEST_JUMP_S) if rng.random() < _CLOCK_SET_BACK else 0.0 for _ in workers)
    together, last_signal = rng.random() < _TOGETHER, rng.choice([signal.SIGKILL, signal.SIGTERM])
    return Plan(workers, clocks, tuple(_external(rng)), together, rng.random() < _ELSEWHERE, last_signal)


def _external(rng: Random, probabilities: Mapping[str, float] = _PROBABILITIES) -> Iterator[ExternalFault]:
    for name, probability in probabilities.items():
        if rng.random() < probability:
            yield ExternalFault(name, rng.uniform(0.05, _FAULTS_WITHIN_S), rng.randint(1, _MOST_COMMANDS))


@dataclass
class Nemesis:
    """The faults of a round at work. injected: their names. feed: its directory may be removed, its table disturbed."""

    config: WorkerConfig
    plan: Plan
    feed: Feed
    mongod: Mongod
    postgres: Server | None = None
    injected: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    async def run(self, load: Coroutine[Any, Any, None]) -> None:
        """Run until the load is delivered and the last worker has had its time."""
        delivered = asyncio.Event()
        if self.plan.elsewhere and await asyncio.to_thread(_archive_elsewhere, self.config.data_dir):
            self.injected.append(ELSEWHERE)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_workers(delivered), name="workers")
            await self._first_worker_runs()
            for fault in self.plan.external:
                group.create_task(self._inject(fault), name=fault.name)
            await load
            delivered.set()
        await asyncio.to_thread(self.mongod.fail_commands, "off", {})
        await asyncio.to_thread(self.mongod.accept_documents, *self._table)

    @property
    def _table(self) -> tuple[str, str]:
        """Database and collection that are disturbed."""
        return self.config.database, self.feed.table.name

    async def foreign(self) -> tuple[str, int]:
        """The table, and the number of documents of another hand in it."""
        return self.feed.table.name, await asyncio.to_thread(self.mongod.foreign, *self._table)

    async def _first_worker_runs(self) -> None:
        """Wait, for a while, so that files arrive while they are collected."""
        deadline, log = time.monotonic() + STARTS_WITHIN_S, self.config.data_dir / LOG
        async for _ in beats(_POLL_S, asyncio.Event()):
            if time.monotonic() > deadline or (log.exists() and '"run.started"' in log.read_text("utf-8")):
                return

    async def _run_workers(self, delivered: asyncio.Event) -> None:
        neighbours = [start(self.config)] if self.plan.together else []
        self.injected += ["two collectors"] if neighbours else []
        for points, back_s in zip(self.plan.workers, self.plan.clocks_back_s, strict=True):
            http = any(fault.name == HOSTILE_CLIENT for fault in self.plan.external)
            worker = start(replace(self.config, failpoints=points, clock_back_s=back_s, http=http))
            self.injected += ["clock set back"] if back_s else []
            if not await self._dies(worker, delivered):
                await self._end(worker)
                break
            self._check_exit(worker)
        for neighbour in neighbours:
            await self._end(neighbour)

    async def _dies(self, worker: BaseProcess, delivered: asyncio.Event) -> bool:
        """True if it dies before its time is over."""
        quiet_since = time.monotonic()
        while worker.is_alive():
            if not delivered.is_set():
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > GRACE_S:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _end(self, worker: BaseProcess) -> None:
        number = self.plan.last_signal
        if number is signal.SIGKILL:
            worker.kill()
            self.injected.append("killed at a random instant")
        else:
            worker.terminate()
        if not await ended(worker, STOPS_WITHIN_S):
            self.violations.append(f"still running {STOPS_WITHIN_S} s after {number.name}")
        self._check_exit(worker)

    def _check_exit(self, worker: BaseProcess) -> None:
        """A worker may be killed or asked to end (before it handles signals, even); it may not end by an error."""
        if worker.exitcode not in (0, -signal.SIGKILL, -signal.SIGTERM):
            self.violations.append(failed(worker, self.config.data_dir))

    async def _inject(self, fault: ExternalFault) -> None:
        await asyncio.sleep(fault.at_s)
        self.injected.append(fault.name)
        if fault.name in _SINK_PROBABILITIES:
            await self._disturb_postgres(fault.name)
        elif fault.name == MONGOD_KILLED:
            self.mongod.kill()
        elif fault.name == MONGOD_PAUSED:
            await self.mongod.pause()
        elif fault.name == DIRECTORY_REMOVED:
            await _remove_for_a_while(self.config.data_dir / "sources" / self.feed.name)
        elif fault.name == FOREIGN_DOCUMENTS:
            await asyncio.to_thread(self.mongod.insert_foreign, *self._table)
        elif fault.name == HOSTILE_CLIENT:
            await attack(self.config.data_dir / LOG)
        elif fault.name == FOREIGN_INDEX:
            await self._refuse_for_a_while()
        else:
            data = COMMAND_FAULTS[fault.name]
            await asyncio.to_thread(self.mongod.fail_commands, {"times": fault.commands}, data)

    async def _disturb_postgres(self, name: str) -> None:
        if self.postgres and name == POSTGRES_KILLED:
            self.postgres.kill()
        elif self.postgres:
            await self.postgres.pause()

    async def _refuse_for_a_while(self) -> None:
        """Not where a file has many records: those that are refused would be listed, and the file archived."""
        if not self.feed.has_receipts:
            await asyncio.to_thread(self.mongod.refuse_documents, *self._table)
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(self.mongod.accept_documents, *self._table)


def replay_refused(landings: Iterable[Landing]) -> None:
    """Send back what the foreign index has refused, as its reason says: now that the index is gone."""
    for landing in landings:
        landing.quarantine.recover()
        for file in landing.quarantine.list():
            if file.reason["code"] == "refused_by_mongodb" and OF_OTHERS in file.reason["sentence"]:
                _deliver_others(landing, file)
                landing.quarantine.replay(file, datetime.now(UTC))


def _deliver_others(landing: Landing, file: QuarantinedFile) -> None:
    """Deliver what the file stands for besides itself: a replay sends one, and counts the others as refused."""
    others = [(file.path.name, file.content())] * (file.deliveries - 1)
    reason = file.path.with_name(f"{file.path.name}{REASON}")
    atomic_write(reason, json.dumps({**file.reason, "deliveries": 1}).encode())
    deliver(landing.sources, others, landing.suffixes)


async def drain(config: WorkerConfig) -> Sequence[str]:
    """Let a worker without faults collect everything and publish; it has to succeed."""
    worker = start(replace(config, drain=True))
    if not await ended(worker, DRAINS_WITHIN_S):
        return [f"the drain was not over after {DRAINS_WITHIN_S} s"]
    return [] if worker.exitcode == 0 else [failed(worker, config.data_dir)]


async def ended(worker: BaseProcess, within_s: float) -> bool:
    """True if it ends in time; if not, it is killed."""
    await asyncio.to_thread(worker.join, within_s)
    if not worker.is_alive():
        return True
    worker.kill()
    await asyncio.to_thread(worker.join)
    return False


def failed(worker: BaseProcess, data_dir: Path) -> str:
    """The sentence about a worker that ended by an error of its own, with the error from its log."""
    lines = (data_dir / LOG).read_text("utf-8").splitlines()
    errors = [json.loads(line)["error"] for line in lines if '"worker.died"' in line]
    return f"a worker ended by itself with exit code {worker.exitcode}: {errors[-1] if errors else 'nothing logged'}"


def _archive_elsewhere(data_dir: Path) -> bool:
    """Move the archive to another file system, and leave a link to it; False where there is no other one."""
    if not OTHER_FILE_SYSTEM.is_dir() or OTHER_FILE_SYSTEM.stat().st_dev == data_dir.stat().st_dev:
        return False
    folder = Path(tempfile.mkdtemp(prefix="multimarket-torture-", dir=OTHER_FILE_SYSTEM))
    shutil.move(data_dir / ARCHIVE, folder)
    (data_dir / ARCHIVE).symlink_to(folder / ARCHIVE)
    return True


async def _remove_for_a_while(folder: Path) -> None:
    """Move a directory away with its files, and bring these back: collectors may have made a new one meanwhile."""
    away = folder.with_name(f".{folder.name}.away")
    await asyncio.to_thread(folder.rename, away)
    await asyncio.sleep(AWAY_S)
    await asyncio.to_thread(_bring_back, away, folder)


def _bring_back(away: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in away.iterdir():
        place(str(path), str(folder), path.name, (path.suffix,))
    away.rmdir()
