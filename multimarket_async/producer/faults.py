"""Deliveries as real ones are: at stated rates repeated, contradicted, late, ahead of time, torn or bad; labelled."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from multimarket_async.domains import (
    DUPLICATE,
    STORED,
    Corruptions,
    Delivery,
    ScheduledFollowUp,
    Simulate,
    SimulateFollowUps,
)
from multimarket_async.errors import WrongSettings

BAD = "bad"  # any of the ways in which the feed's files can be bad
CONFLICT, TORN, LATE, SKEW = "conflict", "torn", "late", "skew"
SHIFTS = {LATE: timedelta(days=-30), SKEW: timedelta(hours=2)}
NO_SHIFT = timedelta()


@dataclass(frozen=True, slots=True)
class Faults:
    """How many deliveries of 1 are struck, by fault: duplicate, conflict, torn, late, skew, bad or a way to be bad."""

    rates: Mapping[str, float]

    @classmethod
    def of(cls, text: str) -> "Faults":
        """From "duplicate=0.02, torn=0.01". Raises WrongSettings."""
        try:
            pairs = [part.rpartition("=") for part in text.split(",") if part.strip()]
            rates = {name.strip(): float(rate) for name, _, rate in pairs}
        except ValueError:
            raise WrongSettings(f"faults = {text!r}: expected rates such as duplicate=0.02, torn=0.01") from None
        if not all(rate >= 0 for rate in rates.values()) or sum(rates.values()) > 1:
            raise WrongSettings(f"faults = {text!r}: rates are shares of all deliveries, 0 to 1 in sum")
        return cls(rates)

    def drawn(self, rng: Random) -> str | None:
        """The fault that strikes, if any."""
        chance = rng.random()
        for fault, rate in self.rates.items():
            chance -= rate
            if chance < 0:
                return fault
        return None


NO_FAULTS = Faults({})


class Source:
    """A feed's made-up deliveries, some of them struck: which ones and how, seed and number decide.

    Raises WrongSettings if a fault is unknown to the feed.
    """

    def __init__(
        self,
        feed: str,
        simulate: Simulate,
        seed: int,
        *,
        faults: Faults,
        corruptions: Corruptions | None,
        later: SimulateFollowUps | None,
    ) -> None:
        self.simulate = simulate
        self._seed = seed
        self._key = f"{seed}:{feed}:fault"
        self._faults = faults
        self._later = later
        self._spoiling = corruptions or Corruptions({}, lambda content: content)
        known = [DUPLICATE, TORN, *SHIFTS, *([CONFLICT, BAD, *self._spoiling.ways] if corruptions else [])]
        for fault in faults.rates:
            if fault not in known:
                raise WrongSettings(_unknown(fault, feed, known))

    @property
    def made_of(self) -> dict[str, str | int]:
        """All that decides what a delivery is, besides its feed, its number and its period."""
        faults = ", ".join(f"{fault}={rate:g}" for fault, rate in self._faults.rates.items())
        lives = {"follow_ups": "yes"} if self._later else {}
        return {**self.simulate.made_of(self._seed), **lives, **({"faults": faults} if faults else {})}

    def life(self, one: Delivery, until: datetime) -> Sequence[ScheduledFollowUp]:
        """The delivery of a document and the follow-ups of it that have come by that instant, as they come."""
        follow_ups = self._later(self._seed, one, until) if self._later and one.expected == STORED else ()
        named = [replace(each, delivery=replace(each.delivery, follows=one.name)) for each in follow_ups]
        return sorted([ScheduledFollowUp(0.0, one), *named], key=lambda each: each.after_s)

    def deliveries(self, number: int, earliest: datetime, latest: datetime) -> tuple[Delivery, Delivery | None]:
        """What is delivered under this number, and what comes a little later because of it."""
        if not self._faults.rates:
            return self.simulate(self._seed, number, earliest, latest), None
        rng = Random(f"{self._key}:{number}")  # noqa: S311 - made-up faults guard no secret
        fault = self._faults.drawn(rng)
        shift = SHIFTS.get(fault or "", NO_SHIFT)
        one = self.simulate(self._seed, number, earliest + shift, latest + shift)
        match fault:
            case None:
                return one, None
            case "duplicate":
                return one, replace(one, expected=DUPLICATE, fault=fault)
            case "conflict":
                other = self._spoiling.contradict(one.content)
                return one, replace(one, content=other, expected=CONFLICT, fault=fault)
            case "torn" | "late" | "skew":
                return replace(one, fault=fault), None
        return self._bad(one, fault, rng), None

    def _bad(self, one: Delivery, fault: str, rng: Random) -> Delivery:
        ways = sorted(self._spoiling.ways)
        kind = ways[int(rng.random() * len(ways))] if fault == BAD else fault
        content, code = self._spoiling.ways[kind](one.content)
        return Delivery(one.name, content, expected=code, fault=kind)


def _unknown(fault: str, feed: str, known: list[str]) -> str:
    close = difflib.get_close_matches(fault, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else f" There are {', '.join(known)}."
    return f"There is no fault {fault} in {feed}.{hint}"
