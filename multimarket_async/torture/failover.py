"""Fail-over: three MongoDB servers, a burst, and the first server is killed in the middle of it."""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from multimarket_async import app as composition
from multimarket_async.app import Application, side_task
from multimarket_async.clock import beats
from multimarket_async.landing import Landing
from multimarket_async.settings import MongoDriver
from multimarket_async.torture import generations
from multimarket_async.torture.assault import drain, ended
from multimarket_async.torture.generations import Witness
from multimarket_async.torture.history import History, Parcel, Received, Violation
from multimarket_async.torture.invalid import written
from multimarket_async.torture.load import simulated
from multimarket_async.torture.looks import violations
from multimarket_async.torture.replica_set import ReplicaSet, replica_set
from multimarket_async.torture.victim import Orders, empty, start

LOOK_EVERY_S = 0.05
RESUMES_WITHIN_S = 120.0


@dataclass
class FailOver:
    """What came of it. seconds_without_progress: the longest time in which files waited and none was stored."""

    folder: Path
    received: int = 0
    stored: int = 0
    seconds_without_progress: float = 0.0
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)


@dataclass(frozen=True)
class Burst:
    """Parcels over so many seconds; after a third of them the primary is killed."""

    servers: ReplicaSet
    parcels: Sequence[Parcel]
    over_s: float

    async def deliver(self, landings: Mapping[str, Landing], history: History) -> None:
        """All of them."""
        doomed = await asyncio.to_thread(self.servers.primary)
        began, files = time.monotonic(), len(self.parcels)
        for number, parcel in enumerate(self.parcels):
            if number == files // 3:
                self.servers.kill(doomed)
            await landings[parcel.feed].deliver(parcel.name, parcel.content)
            history.received.append(Received(parcel))
            await asyncio.sleep(max(0.0, began + self.over_s * number / files - time.monotonic()))


async def fail_over(
    folder: Path,
    seed: int,
    *,
    orders_per_channel: int = 1000,
    over_s: float = 6.0,
    election_timeout_s: float = 10.0,
    driver: MongoDriver | None = None,
) -> FailOver:
    """Drop so many orders over so many seconds, and kill the primary after a third of them.

    election_timeout_s: MongoDB's own default, which says when a silent primary is given up.
    """
    began, done = time.monotonic(), FailOver(folder)
    empty(folder)
    async with replica_set(folder / "mongo", election_timeout_s) as servers:
        orders = Orders(folder, servers.uri, "torture", batch_files=100, driver=driver)
        async with composition.opened(composition.workspace(orders.loaded())) as application:
            burst = Burst(servers, _parcels(application, seed, orders_per_channel), over_s)
            await _follow(application, orders, burst, done)
    done.seconds = time.monotonic() - began
    if not done.violations:
        await asyncio.to_thread(shutil.rmtree, folder)
    return done


def _parcels(application: Application, seed: int, orders_per_channel: int) -> list[Parcel]:
    """Good orders, the channels in turn."""
    parcels = []
    for number in range(orders_per_channel):
        for feed, _ in application.channels:
            order = simulated(feed, seed, number)
            key = f"{order['canal']}:{order['order_id']}"
            parcels.append(Parcel(feed.name, f"{order['order_id']}.json", written(order), key))
    return parcels


async def _follow(application: Application, orders: Orders, burst: Burst, done: FailOver) -> None:
    """The burst, until everything is collected; then the look at everything."""
    history, witness = History(), Witness(application.store)
    victim = start(orders)
    async with side_task(witness.watch(), "witness"), side_task(_watch(application, done), "progress"):
        await burst.deliver({landing.feed: landing for _, landing in application.channels}, history)
        if not await _all_collected(application):
            done.violations.append(Violation(f"collection had not resumed after {RESUMES_WITHIN_S} s"))
        victim.terminate()
        if not await ended(victim, RESUMES_WITHIN_S):
            done.violations.append(Violation("the collector did not stop"))
        done.violations += await drain(orders)
    ledger = await generations.ledger_of(application.store)
    witness.compare(ledger)
    done.violations += witness.violations
    found, channels = await violations(application, history, ledger)
    done.violations += found
    done.received, done.stored = len(history.received), sum(channel.stored for channel in channels)


async def _watch(application: Application, done: FailOver) -> None:
    """How long the archive stood still while files waited."""
    archived, since = 0, time.monotonic()
    async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
        now, waiting = await asyncio.to_thread(_counted, application)
        if now != archived or not waiting:
            archived, since = now, time.monotonic()
        done.seconds_without_progress = max(done.seconds_without_progress, time.monotonic() - since)


def _counted(application: Application) -> tuple[int, int]:
    """Files in the archive, and files that wait."""
    landings = [landing for _, landing in application.channels]
    archived = sum(1 for landing in landings for _ in landing.archive_files())
    return archived, sum(len(landing.waiting()) for landing in landings)


async def _all_collected(application: Application) -> bool:
    deadline = time.monotonic() + RESUMES_WITHIN_S
    async for _ in beats(LOOK_EVERY_S, asyncio.Event()):
        if (await asyncio.to_thread(_counted, application))[1] == 0:
            return True
        if time.monotonic() > deadline:
            return False
    return False
