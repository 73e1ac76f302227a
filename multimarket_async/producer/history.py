"""A history: so many deliveries through all channels, dated over a period, and a digest that tells two runs apart."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from multimarket_async.producer.period import Period
from multimarket_async.producer.producer import Producer, Turns


@dataclass(frozen=True)
class History:
    """What was delivered. The same `made_of`, period and numbers give the same digest, on any machine.

    expected: by feed, how many files must become what.
    """

    expected: Mapping[str, Counter[str]]
    period: Period
    made_of: Mapping[str, str | int]
    digest: str

    @property
    def files(self) -> int:
        """All of them."""
        return sum(one.total() for one in self.expected.values())

    def facts(self) -> dict[str, Any]:
        """All of it, for a line; what must become of the files where they are not simply to be stored."""
        dates = {"earliest": self.period.earliest.isoformat(), "latest": self.period.latest.isoformat()}
        expected = sum(self.expected.values(), Counter[str]())
        otherwise = {"expected": dict(expected)} if set(expected) > {"stored"} else {}
        return {"files": self.files, **dates, **self.made_of, **otherwise, "digest": self.digest}


async def write_backfill(wanted: Mapping[Producer, int], period: Period) -> History:
    """So many files by each producer, at full speed, in turns."""
    turns = Turns()
    async with asyncio.TaskGroup() as group:
        for producer, files in wanted.items():
            group.create_task(producer.burst(files, period, turns), name=producer.name)
    lines = "".join(f"{producer.feed} {producer.digest.hexdigest()}\n" for producer in wanted)
    made_of = {name: value for producer in wanted for name, value in producer.source.made_of.items()}
    expected = {producer.feed: producer.expected.copy() for producer in wanted}
    return History(expected, period, made_of, hashlib.sha256(lines.encode()).hexdigest())


def shared_out(producers: Sequence[Producer], files: int) -> dict[Producer, int]:
    """All these files, by the share of each channel; where no channel has any, the last one gets them."""
    sums = list(accumulate(producer.share for producer in producers))
    bounds = [round(files * part / (sums[-1] or 1)) for part in sums[:-1]]
    return dict(zip(producers, (end - first for first, end in pairwise([0, *bounds, files])), strict=True))
