"""Simulated deliveries with faults: repeated, contradicted, late, ahead of time, torn or bad, and labelled so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from multimarket_async.domains import Feed
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.settings import Settings
from multimarket_async.simulation import DUPLICATE, STORED, Corruptions, Delivery, ScheduledFollowUp

BAD = "bad"  # any of the feed's corruptions
CONFLICT, TORN = "conflict", "torn"
SHIFTS = {"late": timedelta(days=-30), "skew": timedelta(hours=2)}
NO_CORRUPTIONS = Corruptions({}, lambda content: content)


class Source:
    """Simulated deliveries of a feed; seed and number decide which of them have a fault, and which one.

    Raises WrongSettings if the setting `faults` is wrong or names a fault unknown to the feed.
    """

    def __init__(self, feed: Feed, settings: Settings) -> None:
        if feed.simulate is None:
            raise ValueError(f"{feed.name} cannot be simulated")
        self.simulate = feed.simulate
        self._seed = settings.seed
        self._key = f"{settings.seed}:{feed.name}:fault"
        self._follow_ups = feed.simulate_follow_ups if settings.follow_ups else None
        self._corruptions = feed.corruptions or NO_CORRUPTIONS
        self._rates = _rates(settings.faults)
        bad = [BAD, *self._corruptions.invalid] if feed.corruptions else []
        known = [DUPLICATE, TORN, *SHIFTS, *([CONFLICT] if feed.corruptions and contradictable(feed) else []), *bad]
        for fault in self._rates:
            if fault not in known:
                hint = did_you_mean(fault, known) or f" There are {', '.join(known)}."
                raise WrongSettings(f"There is no fault {fault} in {feed.name}.{hint}")

    @property
    def made_of(self) -> dict[str, str | int]:
        """Everything that decides the content of a delivery, besides its feed, its number and its period."""
        faults = ", ".join(f"{fault}={rate:g}" for fault, rate in self._rates.items())
        follow_ups = {"follow_ups": "yes"} if self._follow_ups else {}
        return {**self.simulate.made_of(self._seed), **follow_ups, **({"faults": faults} if faults else {})}

    def with_follow_ups(self, delivery: Delivery, until: datetime) -> Sequence[ScheduledFollowUp]:
        """A delivery and its follow-ups until that instant, in order of arrival."""
        follow_ups = (
            self._follow_ups(self._seed, delivery, until) if self._follow_ups and delivery.expected == STORED else ()
        )
        named = [replace(later, delivery=replace(later.delivery, follows=delivery.name)) for later in follow_ups]
        return sorted([ScheduledFollowUp(0.0, delivery), *named], key=lambda later: later.after_s)

    def deliveries(self, number: int, earliest: datetime, latest: datetime) -> tuple[Delivery, Delivery | None]:
        """The delivery of this number, and the copy or contradiction of it that arrives a little later, if any."""
        if not self._rates:
            return self.simulate(self._seed, number, earliest, latest), None
        rng = Random(f"{self._key}:{number}")  # noqa: S311 - made-up faults guard no secret
        fault = self._draw(rng)
        shift = SHIFTS.get(fault, timedelta())
        delivery = self.simulate(self._seed, number, earliest + shift, latest + shift)
        if fault in (DUPLICATE, CONFLICT):
            content = delivery.content if fault == DUPLICATE else self._corruptions.contradict(delivery.content)
            return delivery, replace(delivery, content=content, expected=fault, fault=fault)
        if fault in ("", TORN, *SHIFTS):
            return replace(delivery, fault=fault or delivery.fault), None
        names = sorted(self._corruptions.invalid)
        name = names[int(rng.random() * len(names))] if fault == BAD else fault
        content, code = self._corruptions.invalid[name](delivery.content)
        return Delivery(delivery.name, content, expected=code, fault=name), None

    def _draw(self, rng: Random) -> str:
        """The fault of a delivery; "" for none."""
        chance = rng.random()
        for fault, rate in self._rates.items():
            chance -= rate
            if chance < 0:
                return fault
        return ""


def contradictable(feed: Feed) -> bool:
    """True where other content under a key rejects the file."""
    return feed.table.mode == "insert" and (feed.records == "one" or feed.on_bad_record == "reject_file")


def _rates(text: str) -> Mapping[str, float]:
    """Shares of all deliveries by fault, from "duplicate=0.02, torn=0.01". Raises WrongSettings."""
    try:
        pairs = [part.rpartition("=") for part in text.split(",") if part.strip()]
        rates = {name.strip(): float(rate) for name, _, rate in pairs}
    except ValueError:
        raise WrongSettings(f"faults = {text!r}: expected rates such as duplicate=0.02, torn=0.01") from None
    if not all(rate >= 0 for rate in rates.values()) or sum(rates.values()) > 1:
        raise WrongSettings(f"faults = {text!r}: rates are shares of all deliveries, 0 to 1 in sum")
    return rates
