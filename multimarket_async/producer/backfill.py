"""Backfill: a number of deliveries through all feeds, dated over a period, with a digest to compare two runs."""

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
class Backfill:
    """Delivered files. The same `made_of`, period and numbers give the same digest on any machine.

    expected: number of files by outcome.
    """

    expected: Counter[str]
    period: Period
    made_of: Mapping[str, str | int]
    digest: str

    @property
    def files(self) -> int:
        """The number of all files."""
        return self.expected.total()

    def facts(self) -> dict[str, Any]:
        """Facts for a log line, with the expected outcomes if there are others than stored."""
        dates = {"earliest": self.period.earliest.isoformat(), "latest": self.period.latest.isoformat()}
        outcomes = {"expected": dict(self.expected)} if set(self.expected) > {"stored"} else {}
        return {"files": self.files, **dates, **self.made_of, **outcomes, "digest": self.digest}


async def write_backfill(files: Mapping[Producer, int], period: Period) -> Backfill:
    """Deliver a number of files by each producer, at full speed, in turns."""
    turns = Turns()
    async with asyncio.TaskGroup() as group:
        for producer, number in files.items():
            group.create_task(producer.burst(number, period, turns), name=producer.name)
    digests = "".join(f"{producer.feed} {producer.digest.hexdigest()}\n" for producer in files)
    made_of = {name: value for producer in files for name, value in producer.source.made_of.items()}
    expected = sum((producer.expected for producer in files), Counter[str]())
    return Backfill(expected, period, made_of, hashlib.sha256(digests.encode()).hexdigest())


def by_share(producers: Sequence[Producer], files: int) -> dict[Producer, int]:
    """Divide files among producers by their shares; if all shares are 0, the last one gets them."""
    sums = list(accumulate(producer.source.simulate.share for producer in producers))
    bounds = [round(files * part / (sums[-1] or 1)) for part in sums[:-1]]
    return dict(zip(producers, (end - first for first, end in pairwise([0, *bounds, files])), strict=True))
