"""Round after round: load and faults, a clean drain, and then everything is looked at."""

import asyncio
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from multimarket_async import app as composition
from multimarket_async.app import Application, side_task
from multimarket_async.settings import MongoDriver
from multimarket_async.torture import faults, generations, load
from multimarket_async.torture.assault import Assault, drain
from multimarket_async.torture.generations import Witness
from multimarket_async.torture.history import Violation
from multimarket_async.torture.loglines import floods
from multimarket_async.torture.looks import violations
from multimarket_async.torture.mongod import Mongod, mongod
from multimarket_async.torture.victim import HASTE, STRUCK, Orders, empty
from multimarket_async.torture.writers import Writers, pauses


@dataclass
class Round:
    """What was done in a round, what came of it, and every broken promise. folder: the evidence."""

    number: int
    folder: Path
    struck: list[str] = field(default_factory=list)
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    generations: int = 0
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)


async def torture(
    data_dir: Path,
    seed: int,
    numbers: range,
    tell: Callable[[Round], None] = lambda _: None,
    *,
    bug: str | None = None,
    driver: MongoDriver | None = None,
) -> list[Round]:
    """These rounds of this seed, each told as it ends; what belongs to one without violations is removed.

    Their MongoDB stays only as evidence. With a planted bug the first violation is enough.
    """
    rounds: list[Round] = []
    async with mongod(data_dir / "mongo") as server:
        for number in numbers:
            folder = data_dir / f"seed-{seed}-round-{number}"
            rounds.append(await _round(folder, seed, number, server, bug=bug, driver=driver))
            tell(rounds[-1])
            if bug and rounds[-1].violations:
                break
    if not any(one.violations for one in rounds):
        await asyncio.to_thread(shutil.rmtree, data_dir / "mongo")
    return rounds


async def _round(
    folder: Path, seed: int, number: int, server: Mongod, *, bug: str | None, driver: MongoDriver | None
) -> Round:
    began, rng = time.monotonic(), Random(f"{seed}:{number}")  # noqa: S311 - a fault has to come again
    empty(folder)
    name, batch_files = f"torture_{seed}_{number}", rng.randint(5, 60)
    orders = Orders(folder, server.uri, name, batch_files=batch_files, driver=driver, bug=bug)
    done = Round(number, folder)
    await asyncio.to_thread(server.forget, orders.database)
    async with composition.opened(composition.workspace(orders.loaded())) as application:
        await _fight(application, orders, Draw(application, seed, number, rng), server, done)
    if not done.violations:
        await asyncio.to_thread(server.forget, orders.database)
        await asyncio.to_thread(shutil.rmtree, folder)
    done.seconds = time.monotonic() - began
    return done


class Draw:
    """All that is left to chance in a round, drawn before anything runs."""

    def __init__(self, application: Application, seed: int, number: int, rng: Random) -> None:
        landings = [landing for _, landing in application.channels]
        self.parcels = load.draw(rng, [feed for feed, _ in application.channels], seed, number)
        self.faults = faults.draw(rng)
        self.last_signal = rng.choice([signal.SIGKILL, signal.SIGTERM])
        self.landings = rng.sample(landings, len(landings))
        self.pauses = [pauses(rng, parcel, HASTE["quiet_period_s"]) for parcel in self.parcels]


async def _fight(application: Application, orders: Orders, draw: Draw, server: Mongod, done: Round) -> None:
    """The load under its faults, a clean drain, and the look at everything."""
    assault = Assault(orders, draw.faults, draw.last_signal, draw.landings, server)
    writers, witness = Writers(application.channels, application.store), Witness(application.store)
    async with side_task(witness.watch(), "witness"):
        await assault.run(asyncio.create_task(writers.deliver_all(draw.parcels, draw.pauses)))
        done.violations += assault.violations + await drain(orders)
    done.struck = [*_struck(orders.data_dir), *assault.struck]
    ledger = await generations.ledger_of(application.store)
    witness.compare(ledger)
    found, channels = await violations(application, writers.history, ledger)
    done.violations += [*witness.violations, *found, *floods(orders.data_dir)]
    done.received, done.generations = len(writers.history.received), len(ledger)
    for channel in channels:
        done.stored += channel.stored
        done.duplicates += channel.duplicates
        done.quarantined += channel.quarantined


def _struck(folder: Path) -> list[str]:
    journal = folder / STRUCK
    return list(dict.fromkeys(journal.read_text("utf-8").splitlines())) if journal.exists() else []
