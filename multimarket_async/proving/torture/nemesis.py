"""Nemesis: runs the workers of a round one after the other, and injects faults from outside meanwhile."""

import asyncio
import json
import signal
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from multimarket_async.clock import beats
from multimarket_async.landing.rename import place
from multimarket_async.proving.torture import failpoints
from multimarket_async.proving.torture.failpoints import Failpoint
from multimarket_async.proving.torture.servers import Mongod
from multimarket_async.proving.torture.worker import LOG, WorkerConfig, start

GRACE_S = 0.3  # for a worker to reach its failpoint after the last file was received
AWAY_S = 0.1
STARTS_WITHIN_S, STOPS_WITHIN_S, DRAINS_WITHIN_S = 5.0, 30.0, 90.0
_POLL_S = 0.01

MONGOD_KILLED, MONGOD_PAUSED, DIRECTORY_REMOVED = "mongod killed", "mongod paused", "directory removed"
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
    **dict.fromkeys(COMMAND_FAULTS, 0.08),
}
_FAULTS_WITHIN_S = 0.4
_MOST_COMMANDS = 6  # that fail in a row: the driver tries each once more by itself
_LONGEST_JUMP_S = 20 * 3600  # generations older than a day are thinned out, and every one is checked
_MOST_WORKERS = 3
_CLOCK_SET_BACK, _TOGETHER = 0.15, 0.2  # probabilities


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
    together: a second collector without faults works beside them. last_signal: ends those that are alive in the end.
    """

    workers: tuple[tuple[Failpoint, ...], ...]
    clocks_back_s: tuple[float, ...]
    external: tuple[ExternalFault, ...]
    together: bool
    last_signal: signal.Signals


def draw(rng: Random) -> Plan:
    """The faults of the round that this generator of random numbers belongs to."""
    workers = tuple(failpoints.draw(rng) for _ in range(rng.randint(1, _MOST_WORKERS)))
    clocks = tuple(rng.uniform(1, _LONGEST_JUMP_S) if rng.random() < _CLOCK_SET_BACK else 0.0 for _ in workers)
    together, last_signal = rng.random() < _TOGETHER, rng.choice([signal.SIGKILL, signal.SIGTERM])
    return Plan(workers, clocks, tuple(_external(rng)), together, last_signal)


def _external(rng: Random) -> Iterator[ExternalFault]:
    for name, probability in _PROBABILITIES.items():
        if rng.random() < probability:
            yield ExternalFault(name, rng.uniform(0.05, _FAULTS_WITHIN_S), rng.randint(1, _MOST_COMMANDS))


@dataclass
class Nemesis:
    """The faults of a round at work. injected: their names. sources: the directory that may be removed."""

    config: WorkerConfig
    plan: Plan
    sources: Path
    mongod: Mongod
    injected: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    async def run(self, load: Coroutine[Any, Any, None]) -> None:
        """Run until the load is delivered and the last worker has had its time."""
        delivered = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_workers(delivered), name="workers")
            await self._first_worker_runs()
            for fault in self.plan.external:
                group.create_task(self._inject(fault), name=fault.name)
            await load
            delivered.set()
        await asyncio.to_thread(self.mongod.fail_commands, "off", {})

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
            worker = start(replace(self.config, failpoints=points, clock_back_s=back_s))
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
        if fault.name == MONGOD_KILLED:
            self.mongod.kill()
        elif fault.name == MONGOD_PAUSED:
            await self.mongod.pause()
        elif fault.name == DIRECTORY_REMOVED:
            await _remove_for_a_while(self.sources)
        else:
            data = COMMAND_FAULTS[fault.name]
            await asyncio.to_thread(self.mongod.fail_commands, {"times": fault.commands}, data)


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
