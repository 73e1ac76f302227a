"""What may go wrong in a round: strikes inside the victim, blows from outside; drawn from the round's seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

Action = Literal["kill", "kill soon", "disk full", "permission denied", "no descriptors", "mongodb away"]


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens to an operation of the victim, before or after its real call.

    call: the first call struck, counted from 1. times: how many in a row.
    """

    name: str
    operation: str
    moment: Literal["before", "after"]
    action: Action
    call: int = 1
    times: int = 1


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens to the victim's surroundings, so long after the round began."""

    name: str
    at_s: float


@dataclass(frozen=True, slots=True)
class _Point:
    """A named place in the victim; `within`: the latest call that may be the first struck."""

    name: str
    operation: str
    moment: Literal["before", "after"]
    action: Action
    within: int
    times: int = 1


KILLS = (
    _Point("after scan", "scan", "after", "kill", 12),
    _Point("after read", "parse", "before", "kill", 40),
    _Point("before insert", "insert", "before", "kill", 3),
    _Point("during insert", "insert", "before", "kill soon", 3),
    _Point("inserted, not acknowledged", "insert", "after", "kill", 3),
    _Point("before follow-up", "follow up", "before", "kill", 3),
    _Point("during follow-up", "follow up", "before", "kill soon", 3),
    _Point("followed up, not acknowledged", "follow up", "after", "kill", 3),
    _Point("acknowledged, not archived", "archive", "before", "kill", 1),
    _Point("half archived", "archive", "after", "kill", 40),
    _Point("before set aside", "set aside", "before", "kill", 3),
    _Point("reason written, file not moved", "reason", "after", "kill", 3),
    _Point("after set aside", "set aside", "after", "kill", 3),
    _Point("during snapshot", "measure", "before", "kill soon", 3),
    _Point("before publishing", "publish", "before", "kill", 3),
    _Point("during publishing", "publish", "before", "kill soon", 3),
    _Point("after publishing", "publish", "after", "kill", 3),
)
TROUBLES = (
    _Point("disk full: archive", "archive", "before", "disk full", 20, 15),
    _Point("disk full: reason", "reason", "before", "disk full", 3, 3),
    _Point("disk full: set aside", "reason", "after", "disk full", 3, 3),
    _Point("permission denied: archive", "archive", "before", "permission denied", 20, 15),
    _Point("permission denied: list", "list", "before", "permission denied", 12, 6),
    _Point("permission denied: list quarantine", "list quarantine", "before", "permission denied", 2),
    _Point("no descriptors: list", "list", "before", "no descriptors", 12),
    _Point("no descriptors: read", "scan", "after", "no descriptors", 12),
    _Point("mongodb away: insert", "insert", "before", "mongodb away", 3, 2),
    _Point("outcome unknown: insert", "insert", "after", "mongodb away", 3, 2),
    _Point("mongodb away: follow-up", "follow up", "before", "mongodb away", 3, 2),
    _Point("outcome unknown: follow-up", "follow up", "after", "mongodb away", 3, 2),
    _Point("mongodb away: snapshot", "measure", "before", "mongodb away", 3, 2),
    _Point("outcome unknown: publishing", "publish", "after", "mongodb away", 3),
)
MONGOD_KILLED, MONGOD_PAUSED, DIRECTORY_REMOVED = "mongod killed", "mongod paused", "directory removed"
_BLOWS = {MONGOD_KILLED: 0.06, MONGOD_PAUSED: 0.12, DIRECTORY_REMOVED: 0.15}
_BLOWS_WITHIN_S = 0.4
_LONGEST_JUMP_S = 20 * 3600  # generations older than a day are thinned out, and every one is checked
_MOST_VICTIMS = 3
_KILLED, _TROUBLED, _CLOCK_SET_BACK, _TOGETHER = 0.8, 0.5, 0.15, 0.2  # how often, of 1


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of a round.

    victims: the strikes on each victim, one victim after the other.
    clocks_back_s: how far the clock of each victim is set back while it works.
    together: the first victim works beside a second, unharmed collector.
    """

    victims: tuple[tuple[Strike, ...], ...]
    clocks_back_s: tuple[float, ...]
    blows: tuple[Blow, ...]
    together: bool


def draw(rng: Random) -> Faults:
    """The faults of the round that this generator belongs to."""
    victims = tuple(tuple(_strikes(rng)) for _ in range(rng.randint(1, _MOST_VICTIMS)))
    clocks = tuple(rng.uniform(1, _LONGEST_JUMP_S) if rng.random() < _CLOCK_SET_BACK else 0.0 for _ in victims)
    blows = tuple(
        Blow(name, rng.uniform(0.05, _BLOWS_WITHIN_S)) for name, chance in _BLOWS.items() if rng.random() < chance
    )
    return Faults(victims, clocks, blows, together=rng.random() < _TOGETHER)


def _strikes(rng: Random) -> Iterator[Strike]:
    """At most one kill, which ends the victim, and at times some trouble before it."""
    if rng.random() < _KILLED:
        yield _strike(rng, KILLS)
    if rng.random() < _TROUBLED:
        yield _strike(rng, TROUBLES)


def _strike(rng: Random, points: tuple[_Point, ...]) -> Strike:
    point = rng.choice(points)
    call, times = rng.randint(1, point.within), rng.randint(1, point.times)
    return Strike(point.name, point.operation, point.moment, point.action, call, times)
