"""Made-up deliveries: the interface between the simulators of domains and the producers that deliver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Protocol, TypeAlias

STORED, DUPLICATE, SUPERSEDED = "stored", "duplicate", "superseded"  # the outcome of a valid file or record
ACCEPTED = (STORED, DUPLICATE, SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file a source delivers: its name (with a suffix of its feed) and its bytes.

    expected: the outcome that it must have: "stored", "duplicate", or the code under which it is quarantined.
    fault: the fault injected on request; "" is none.
    follows: the name of the delivery of which this is a follow-up; "" where it is none.
    records: their number in a file of a feed of many, whatever becomes of them; None: not stated.
    """

    name: str
    content: bytes
    expected: str = "stored"
    fault: str = ""
    follows: str = ""
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Corruptions:
    """Invalid variants of the deliveries of a feed.

    invalid: by name, from valid bytes to invalid ones and the code of their rejection.
    contradict: from the bytes of a delivery to others under the same key.
    """

    invalid: Mapping[str, Callable[[bytes], tuple[bytes, str]]]
    contradict: Callable[[bytes], bytes]


class Simulate(Protocol):
    """Made-up deliveries of one feed, each by its number: the same bytes on every machine, in any order."""

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime, /) -> Delivery:
        """Delivery `number` of this seed, its event dated between the two instants."""

    @property
    def share(self) -> float:
        """Weight of this feed among all feeds."""

    @property
    def peak(self) -> float:
        """No instant is busier than this."""

    def busyness(self, at: datetime) -> float:
        """Rate of deliveries at that instant, relative to the mean hour."""

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """Inputs that determine a delivery, besides its feed, its number and its period."""


@dataclass(frozen=True, slots=True)
class ScheduledFollowUp:
    """A follow-up that a source delivers `after_s` seconds after its document; before it, where that is negative."""

    after_s: float
    delivery: Delivery


# (seed, delivery of a document, until) -> the follow-ups of it that have arrived by that instant, as they arrive.
SimulateFollowUps: TypeAlias = Callable[[int, Delivery, datetime], Sequence[ScheduledFollowUp]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Deliveries of `demo` for one domain alone, by default: files of each feed, over a period such as "28days".

    polled: from the address at which `demo` serves the domain's API, its feeds as they poll it: the files are the
        answers, so many over the period; None: they are made up, and delivered.
    """

    files_per_feed: int
    period: str
    polled: Callable[[str], Sequence[Any]] | None = None


def keyed(*key: object) -> Random:
    """A source of random numbers of a key; only its `random()` is the same in every version of Python."""
    return Random(":".join(map(str, key)))  # noqa: S311 - made-up data guard no secret


def between(rng: Random, lowest: float, highest: float) -> float:
    """A number of this range."""
    return lowest + rng.random() * (highest - lowest)
