"""A burst into a replica set of three MongoDB servers, whose primary dies in the middle of it."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pymongo
import pytest

from multimarket_async import app as composition
from multimarket_async.app import Application, side_task
from multimarket_async.clock import beats
from multimarket_async.proving.manifest import Manifest
from multimarket_async.proving.torture.checker import violations
from multimarket_async.proving.torture.generations import Watcher
from multimarket_async.proving.torture.generator import EARLIEST, LATEST, Generator, Planned
from multimarket_async.proving.torture.nemesis import drain, ended
from multimarket_async.proving.torture.worker import MANIFEST, WorkerConfig, empty, start
from multimarket_async.store import Store
from tests.proving.torture.replica_set import LAST_PREFERRED, replica_set

pytestmark = pytest.mark.slow

COUNT_EVERY_S = 0.05
RESUMES_WITHIN_S = 120.0


@dataclass
class FailOver:
    """The result. seconds_without_progress: the longest time in which files waited and none was stored."""

    received: int = 0
    stored: int = 0
    seconds_without_progress: float = 0.0
    violations: list[str] = field(default_factory=list)


async def fail_over(
    folder: Path, seed: int, *, files_per_channel: int = 1000, over_s: float = 6.0, election_timeout_s: float = 10.0
) -> FailOver:
    """Deliver so many files over so many seconds, and kill the primary after a third of them.

    election_timeout_s: after so long without a sign of life from the primary another one is elected; MongoDB's default.
    """
    done = FailOver()
    empty(folder)
    async with replica_set(folder / "mongo", election_timeout_s) as servers:
        config = WorkerConfig(folder, servers.uri, "torture", batch_files=100)
        async with composition.opened(composition.workspace(config.loaded())) as application:
            load = _load(application, seed, files_per_channel, over_s)
            killing = asyncio.get_running_loop().call_later(over_s / 3, servers.kill, 0)
            await _run(application, config, load, done)
            killing.cancel()
    return done


def _load(application: Application, seed: int, files_per_channel: int, over_s: float) -> list[Planned]:
    """Good files, the channels in turn; a feed without a simulator has none."""
    return [
        Planned(feed, feed.simulate(seed, number, EARLIEST, LATEST), at_s=over_s * number / files_per_channel)
        for number in range(files_per_channel)
        for feed, _ in application.feeds
        if feed.simulate
    ]


async def _run(application: Application, config: WorkerConfig, load: Sequence[Planned], done: FailOver) -> None:
    """Deliver the load, wait until everything is collected, check everything."""
    watcher, worker = Watcher(application.store), start(config)
    with Manifest(config.data_dir / MANIFEST, (), {}) as manifest:
        async with side_task(watcher.watch(), "watcher"):
            delivering = asyncio.create_task(Generator(application, manifest).deliver_all(load))
            await _all_collected(application, delivering, done)
            worker.terminate()
            if not await ended(worker, RESUMES_WITHIN_S):
                done.violations.append("the collector did not stop")
            done.violations += await drain(config)
    broken, channels = await violations(application, manifest, watcher)
    done.violations += broken
    done.received, done.stored = len(load), sum(channel.stored for channel in channels)


async def _all_collected(application: Application, delivering: asyncio.Task[None], done: FailOver) -> None:
    """Wait until nothing is delivered and nothing waits; measure how long no file is archived meanwhile."""
    archived, since = 0, time.monotonic()
    async for _ in beats(COUNT_EVERY_S, asyncio.Event()):
        now, waiting = await asyncio.to_thread(_count, application)
        if now != archived or not waiting:
            archived, since = now, time.monotonic()
        stalled_s = time.monotonic() - since
        done.seconds_without_progress = max(done.seconds_without_progress, stalled_s)
        if stalled_s > RESUMES_WITHIN_S:
            done.violations.append(f"collection had not resumed after {RESUMES_WITHIN_S} s")
        if stalled_s > RESUMES_WITHIN_S or (delivering.done() and not waiting):
            return await delivering
    return None


def _count(application: Application) -> tuple[int, int]:
    """Files in the archive, and files that wait."""
    landings = [landing for _, landing in application.feeds]
    archived = sum(1 for landing in landings for _ in landing.archive_files())
    return archived, sum(len(landing.waiting()) for landing in landings)


async def test_a_primary_that_is_killed_costs_time_and_no_order(tmp_path: Path) -> None:
    """No file lost, none counted twice, collection resumes by itself; a short election keeps the test short."""
    done = await fail_over(tmp_path / "set", 1, files_per_channel=200, over_s=3.0, election_timeout_s=2.0)
    assert done.violations == []
    assert (done.received, done.stored) == (600, 600)
    assert done.seconds_without_progress > 0


async def test_a_secondary_that_lags_makes_no_number_stale(tmp_path: Path) -> None:
    """A URI that prefers it changes nothing: what decides, and what is shown, is read from the primary."""
    done = FailOver()
    async with replica_set(tmp_path / "mongo", 10.0) as servers:
        servers.stop_replication()
        config = WorkerConfig(tmp_path, servers.uri + LAST_PREFERRED, "torture", batch_files=20)
        async with composition.opened(composition.workspace(config.loaded())) as application:
            await _run(application, config, _load(application, 1, 20, 1.0), done)
        with pymongo.MongoClient(servers.uri + LAST_PREFERRED) as stale:
            async for _ in beats(COUNT_EVERY_S, asyncio.Event()):
                if len(stale.secondaries) == 2:  # until they are found, it reads from the primary
                    break
            assert stale["torture"]["commandes"].count_documents({}) == 0
    assert (done.violations, done.received, done.stored) == ([], 60, 60)


async def test_an_index_is_made_though_a_member_is_down(tmp_path: Path) -> None:
    """MongoDB by itself would wait until it is back, and the snapshotter with it."""
    async with replica_set(tmp_path / "set", 2.0) as servers, aclosing(Store(servers.uri, "torture")) as store:
        await store.insert_if_absent("commandes", {"_id": 1, "at": 1})
        servers.kill(1)
        async with asyncio.timeout(60):
            await store.define_index("commandes", "at")
