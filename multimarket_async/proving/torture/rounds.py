"""Rounds: load and faults, a drain without faults, and the check of everything."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from multimarket_async import app as composition
from multimarket_async.app import Application, side_task
from multimarket_async.proving.manifest import Manifest
from multimarket_async.proving.torture import generator, nemesis
from multimarket_async.proving.torture.checker import floods, violations
from multimarket_async.proving.torture.generations import Watcher
from multimarket_async.proving.torture.generator import Generator, Planned
from multimarket_async.proving.torture.nemesis import Nemesis, drain, replay_refused
from multimarket_async.proving.torture.servers import Mongod, Server, drop_keyspace, mongod, postgres
from multimarket_async.proving.torture.worker import DOMAINS, INJECTED, MANIFEST, WorkerConfig, empty, remove
from multimarket_async.settings import MongoDriver, Settings
from multimarket_async.store import GENERATIONS


@dataclass
class Round:
    """The accounts of a round and every broken promise. folder: the evidence."""

    number: int
    folder: Path
    injected: list[str] = field(default_factory=list)
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    superseded: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    generations: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


async def torture(
    data_dir: Path,
    seed: int,
    numbers: range,
    report: Callable[[Round], None] = lambda _: None,
    *,
    bug: str | None = None,
    driver: MongoDriver | None = None,
    domains: tuple[str, ...] = DOMAINS,
    sinks: tuple[str, ...] = (),
    cassandra: Mapping[str, Any] | None = None,
) -> list[Round]:
    """Run these rounds of this seed on the feeds of these domains that have a simulator, and report each as it ends.

    The files of a round without violations are removed. Raises WrongSettings.

    Their MongoDB stays only as evidence. With a planted bug the first violation is enough. cassandra: settings of the
    server that keyspaces of the rounds are made in.
    """
    rounds: list[Round] = []
    async with mongod(data_dir / "mongo") as server, postgres(data_dir / "postgres", sinks) as warehouse:
        for number in numbers:
            folder = data_dir / f"seed-{seed}-round-{number}"
            config = WorkerConfig(folder, server.uri, f"torture_{seed}_{number}", domains, driver=driver, bug=bug)
            uri = warehouse.uri if warehouse else None
            config = replace(config, sinks=sinks, postgres_uri=uri, cassandra=cassandra or {})
            rounds.append(await _round(config, seed, number, server, warehouse))
            report(rounds[-1])
            if bug and rounds[-1].violations:
                break
    if not any(done.violations for done in rounds):
        await asyncio.to_thread(shutil.rmtree, data_dir / "mongo")
        await asyncio.to_thread(shutil.rmtree, data_dir / "postgres", ignore_errors=True)
    return rounds


async def _round(config: WorkerConfig, seed: int, number: int, server: Mongod, warehouse: Server | None) -> Round:
    began, done = time.monotonic(), Round(number, config.data_dir)
    rng = Random(f"{seed}:{number}")  # noqa: S311 - a fault has to come again
    config = replace(config, batch_files=rng.randint(5, 60))
    empty(config.data_dir)
    await _drop(config, server)
    async with composition.opened(composition.workspace(config.loaded())) as application:
        load = generator.draw(rng, [feed for feed, _ in application.feeds], seed, number)
        feed = rng.choice([feed for feed, _ in application.feeds])
        faults = Nemesis(config, nemesis.draw(rng, config.sinks), feed, server, warehouse)
        await _run(application, load, faults, done)
    if not done.violations:
        await _drop(config, server)
        await asyncio.to_thread(remove, config.data_dir)
    done.seconds = time.monotonic() - began
    return done


async def _drop(config: WorkerConfig, server: Mongod) -> None:
    """Drop the databases of a round."""
    await asyncio.to_thread(server.drop, config.database)
    await drop_keyspace(config.loaded().of(Settings))


async def _run(application: Application, load: Sequence[Planned], faults: Nemesis, done: Round) -> None:
    watcher = Watcher(application.store)
    with Manifest(done.folder / MANIFEST, (), {}) as manifest:
        async with side_task(watcher.watch(), "watcher"):
            await faults.run(Generator(application, manifest).deliver_all(load))
            await asyncio.to_thread(replay_refused, [landing for _, landing in application.feeds])
            done.violations += [*faults.violations, *await drain(faults.config)]
    done.violations += [violation async for violation in _sink_violations(application)]
    broken, feeds = await violations(application, manifest, watcher, await faults.foreign())
    done.violations += [*broken, *floods(done.folder)]
    done.injected = [*_injected(done.folder), *faults.injected]
    done.received, done.generations = sum(map(Counter.total, manifest.expected.values())), watcher.count
    for files in feeds:
        done.stored += files.stored
        done.duplicates += files.duplicate
        done.superseded += files.superseded
        done.quarantined += files.quarantined


async def _sink_violations(application: Application) -> AsyncIterator[str]:
    """A sentence where a sink does not hold exactly the newest generation, whole."""
    newest = await application.store.newest(GENERATIONS) or {}
    for name, (held, differences) in (await composition.compare_sinks(application)).items():
        if held != newest.get("_id"):
            yield f"{name} holds generation {held}; the newest is {newest.get('_id')}"
        for difference in differences:
            yield f"{name}, generation {held}: {difference}"


def _injected(folder: Path) -> list[str]:
    journal = folder / INJECTED
    return list(dict.fromkeys(journal.read_text("utf-8").splitlines())) if journal.exists() else []
