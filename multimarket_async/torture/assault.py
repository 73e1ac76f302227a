"""Victims one after the other, while files are received and blows fall on their surroundings."""

import asyncio
import json
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from multimarket_async.landing import Landing
from multimarket_async.landing.rename import place
from multimarket_async.torture.faults import DIRECTORY_REMOVED, MONGOD_KILLED, Blow, Faults
from multimarket_async.torture.history import Violation
from multimarket_async.torture.mongod import Mongod
from multimarket_async.torture.victim import LOG, Orders, start

GRACE_S = 0.15  # for a victim to meet its strike after the last file was received
AWAY_S = 0.1
STOPS_WITHIN_S, DRAINS_WITHIN_S = 30.0, 90.0
_POLL_S = 0.01
ERROR = re.compile(r"[ |]*[\w.]+(Error|Unavailable|Continue|Settings|Failure)\b: ")


@dataclass
class Assault:
    """A round's faults at work on its victims."""

    orders: Orders
    faults: Faults
    last_signal: signal.Signals
    landings: Sequence[Landing]
    mongod: Mongod
    struck: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    async def run(self, load: asyncio.Task[None]) -> None:
        """Until the load is received and the last victim has had its time."""
        async with asyncio.TaskGroup() as group:
            for blow in self.faults.blows:
                group.create_task(self._fall(blow), name=blow.name)
            group.create_task(self._victims(load), name="victims")
        await load

    async def _victims(self, load: asyncio.Task[None]) -> None:
        neighbour = [start(self.orders)] if self.faults.together else []
        self.struck += ["two collectors"] if neighbour else []
        for strikes, back_s in zip(self.faults.victims, self.faults.clocks_back_s, strict=True):
            victim = start(replace(self.orders, strikes=strikes, clock_back_s=back_s))
            self.struck += ["clock set back"] if back_s else []
            if not await self._dies(victim, load):
                await self._end(victim, self.last_signal)
                break
            self._judge(victim)
        for one in neighbour:
            await self._end(one, self.last_signal)

    async def _dies(self, victim: BaseProcess, load: asyncio.Task[None]) -> bool:
        """Whether it dies before its time is over."""
        quiet_since = time.monotonic()
        while victim.is_alive():
            if not load.done():
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > GRACE_S:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _end(self, victim: BaseProcess, number: signal.Signals) -> None:
        if number is signal.SIGKILL:
            victim.kill()
            self.struck.append("killed at some instant")
        else:
            victim.terminate()
        if not await ended(victim, STOPS_WITHIN_S):
            self.violations.append(Violation(f"still running {STOPS_WITHIN_S} s after {number.name}"))
        self._judge(victim)

    def _judge(self, victim: BaseProcess) -> None:
        """Killed or asked to end (before it could listen, even), yes; by an error of its own, no."""
        if victim.exitcode not in (0, -signal.SIGKILL, -signal.SIGTERM):
            self.violations.append(died(victim, self.orders.data_dir))

    async def _fall(self, blow: Blow) -> None:
        await asyncio.sleep(blow.at_s)
        self.struck.append(blow.name)
        if blow.name == MONGOD_KILLED:
            self.mongod.kill()
        elif blow.name == DIRECTORY_REMOVED:
            await _removed_for_a_while(self.landings[0].sources)
        else:
            await self.mongod.pause()


async def drain(orders: Orders) -> list[Violation]:
    """A clean victim collects everything and publishes; it has to succeed."""
    victim = start(replace(orders, drain=True))
    if not await ended(victim, DRAINS_WITHIN_S):
        return [Violation(f"the drain was not over after {DRAINS_WITHIN_S} s")]
    return [] if victim.exitcode == 0 else [died(victim, orders.data_dir)]


async def ended(victim: BaseProcess, within_s: float) -> bool:
    """Whether it ends in time; if not, it is killed."""
    deadline = time.monotonic() + within_s
    while victim.is_alive():
        if time.monotonic() > deadline:
            victim.kill()
            await asyncio.to_thread(victim.join)
            return False
        await asyncio.sleep(_POLL_S)
    return True


def died(victim: BaseProcess, data_dir: Path) -> Violation:
    """A victim's end, and the first error its log tells of."""
    ends = [line for line in (data_dir / LOG).read_text("utf-8").splitlines() if '"worker.died"' in line]
    told = json.loads(ends[-1])["exception"].splitlines() if ends else []
    said = next((line.strip(" |") for line in told if ERROR.match(line)), "nothing")
    return Violation(f"a victim died of itself with exit code {victim.exitcode} and said {said!r}")


async def _removed_for_a_while(folder: Path) -> None:
    """Taken away with what is in it, and brought back: collectors may have made a new one meanwhile."""
    away = folder.with_name(f".{folder.name}.away")
    await asyncio.to_thread(folder.rename, away)
    await asyncio.sleep(AWAY_S)
    _bring_back(away, folder)


def _bring_back(away: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in away.iterdir():
        place(str(path), str(folder), path.name)
    away.rmdir()
