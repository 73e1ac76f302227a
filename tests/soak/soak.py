"""`run` for a long while under a steady load, with faults sprinkled: does anything grow, is anything lost?

A process of its own on a fresh folder collects what another one (this script) delivers: 200 orders a second
over the three channels, some delivered twice, some bad. In between mongod and the process are killed, and
mongod is stopped for seconds. Deliveries are counted here, and compared with what `verify` finds at
the end. Exit code 4 if anything is wrong.

Usage: SOAK_S=600 python tests/soak/soak.py     (also SOAK_RATE=200 orders a second, SOAK_SEED=1, and
SOAK_DIR=/some/empty/folder to keep the data, the log and every sample)
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from load import Load
from rich.console import Console
from rich.table import Table
from subject import COMMAND, Sample, Subject, schedule

from multimarket_async.domains.orders.channels import CHANNELS

FOUND_WRONG = 4
SETTINGS = {"SOAK_S": "600", "SOAK_RATE": "200", "SOAK_SEED": "1"}
SAMPLE_EVERY_S = 3.0
WARM_UP_S, WARM_UP_SHARE = 150.0, 0.25  # of each life of the process: it grows for two minutes, then no more
STOPPED_S = (1.0, 4.0)
MOST_MB_PER_HOUR, MOST_GROWN_MB = 50.0, 8.0  # wrong if over both
MOST_FDS_PER_HOUR, MOST_GROWN_FDS = 60.0, 5.0
MOST_WAITING_S = 3.0  # of load, in the median of the last third
DRAINED_WITHIN_S = 60.0


@dataclass
class Soak:
    """One run: load, faults and samples side by side, in one loop."""

    subject: Subject
    load: Load
    rate: float
    seconds: float
    rng: random.Random
    samples: list[Sample] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)

    def go(self) -> None:
        began = time.monotonic()
        faults, sample_at = schedule(self.seconds, self.rng), 0.0
        resume, resume_at = None, 0.0
        while (now := time.monotonic() - began) < self.seconds:
            while self.load.number < now * self.rate:
                self.load.deliver(self.rng)
            if resume and now > resume_at:
                resume = resume()
            if faults and now > faults[0][0]:
                _, fault = faults.pop(0)
                self.injected[fault.__name__] += 1
                resume, resume_at = fault(self.subject, self.rng), now + self.rng.uniform(*STOPPED_S)
            if now >= sample_at:
                self.subject.look_after()
                self.samples.append(self.subject.sample(began))
                sample_at = now + SAMPLE_EVERY_S
            time.sleep(0.01)
        if resume:
            resume()
        self._drain(began)

    def _drain(self, began: float) -> None:
        deadline = time.monotonic() + DRAINED_WITHIN_S
        while (last := self.subject.sample(began)).waiting and time.monotonic() < deadline:
            time.sleep(0.2)
        self.samples.append(last)


@dataclass(frozen=True)
class Trend:
    """Trend of a number: by least squares, each life of the process about its own mean."""

    per_hour: float
    grown: float  # over the longest life that was watched: over minutes a slope is mostly noise


def settled(soak: Soak) -> list[Sample]:
    """The samples after the first seconds of each life."""
    warm_up_s = min(WARM_UP_S, WARM_UP_SHARE * soak.seconds)
    return [sample for sample in soak.samples if sample.age_s > warm_up_s] or soak.samples


def trend(samples: list[Sample], value: Callable[[Sample], float]) -> Trend:
    """Of this value."""
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        lives.setdefault(sample.life, []).append(sample)
    above = below = 0.0
    for life in lives.values():
        mean_t = sum(sample.at_s for sample in life) / len(life)
        mean_v = sum(map(value, life)) / len(life)
        above += sum((sample.at_s - mean_t) * (value(sample) - mean_v) for sample in life)
        below += sum((sample.at_s - mean_t) ** 2 for sample in life)
    slope = above / below if below else 0.0
    return Trend(slope * 3600, slope * max((life[-1].at_s - life[0].at_s for life in lives.values()), default=0.0))


def found_by_verify(data_dir: Path) -> tuple[dict[str, Any], Counter[tuple[str, str]]]:
    """The report, and the outcomes of the files by feed, as `Load.expected` counts them."""
    completed = subprocess.run(
        [*COMMAND, "verify", "--format", "json", "--data-dir", data_dir], capture_output=True, text=True, check=False
    )
    report = json.loads(completed.stdout)
    found: Counter[tuple[str, str]] = Counter()
    for feed in report["feeds"]:
        found += Counter(
            {
                (feed["feed"], "stored"): feed["stored"],
                (feed["feed"], "duplicate"): feed["duplicate"],
                (feed["feed"], "waiting"): feed["waiting"],
                **{(feed["feed"], code): files for code, files in feed["by_reason"].items()},
            }
        )
    return report, found


def named(soak: Soak, event: str) -> list[dict[str, Any]]:
    """The log events of this name."""
    return [line for line in soak.subject.events() if line["event"] == event]


def verdict(soak: Soak, exit_code: int) -> tuple[dict[str, Any], list[str]]:
    """The figures of the run, and a sentence for each that is wrong."""
    report, found = found_by_verify(soak.subject.data_dir)
    tail = sorted(sample.waiting for sample in soak.samples[-len(soak.samples) // 3 :])
    median = tail[len(tail) // 2]
    mb, fds = (trend(settled(soak), value) for value in (lambda sample: sample.rss_mb, lambda sample: sample.fds))
    missing, surplus = soak.load.expected - found, found - soak.load.expected
    checks = {
        f"verify finds it wrong: {report['differences'][:3]}": not report["right"],
        f"received and not found: {dict(missing)}": bool(missing),
        f"found and not received: {dict(surplus)}": bool(surplus),
        f"memory grows by {mb.per_hour:.1f} MB an hour": mb.per_hour > MOST_MB_PER_HOUR and mb.grown > MOST_GROWN_MB,
        f"open files grow by {fds.per_hour:.1f} an hour": fds.per_hour > MOST_FDS_PER_HOUR
        and fds.grown > MOST_GROWN_FDS,
        f"the queue grows: {median} files wait in the median": median > MOST_WAITING_S * soak.rate,
        f"{soak.samples[-1].waiting} files wait at the end": soak.samples[-1].waiting > 0,
        f"the process ended with {exit_code}": exit_code != 0,
        f"the process ended by itself with {soak.subject.ended_by_itself}": bool(soak.subject.ended_by_itself),
    }
    watched = settled(soak)
    late = named(soak, "latency.breached")
    facts = {
        "seconds": soak.seconds,
        "orders received": soak.load.number,
        "stored": sum(n for (_, outcome), n in found.items() if outcome == "stored"),
        "duplicate": sum(n for (_, outcome), n in found.items() if outcome == "duplicate"),
        "quarantined": sum(n for (_, outcome), n in found.items() if outcome not in ("stored", "duplicate", "waiting")),
        "faults": dict(soak.injected),
        "memory, MB": " to ".join(f"{bound(sample.rss_mb for sample in watched):.1f}" for bound in (min, max)),
        "memory slope, MB/hour": round(mb.per_hour, 1),
        "open files": f"{min(sample.fds for sample in watched)} to {max(sample.fds for sample in watched)}",
        "open files slope, 1/hour": round(fds.per_hour, 1),
        "waiting, median of the last third": median,
        "waiting, most": max(sample.waiting for sample in soak.samples),
        "longest without MongoDB, s": max((event["after_s"] for event in named(soak, "collection.resumed")), default=0),
        "later than the budget, files": sum(event["files"] for event in late),
        "longest wait over it, s": max((event["worst_s"] for event in late), default=None),
    }
    return facts, [sentence for sentence, wrong in checks.items() if wrong]


def main(seconds: float, rate: float, seed: int, kept: Path | None) -> int:
    """Soak, print a table and the result as JSON; 0 if right."""
    with ExitStack() as stack:
        folder = kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        data_dir = folder / "data"
        for channel in CHANNELS:
            (data_dir / "sources" / channel).mkdir(parents=True)
        soak = Soak(Subject(data_dir), Load(data_dir / "sources", seed), rate, seconds, random.Random(seed))
        try:
            soak.go()
            facts, wrong = verdict(soak, soak.subject.end())
        finally:
            if soak.subject.process.poll() is None:
                soak.subject.end()
    (folder / "samples.json").write_text(json.dumps([asdict(sample) for sample in soak.samples])) if kept else None
    table = Table("Figure", "Value", title=f"Soak, seed {seed}, {rate:g} orders/s")
    for figure, value in facts.items():
        table.add_row(figure, str(value))
    console = Console(width=120)
    console.print(table)
    for sentence in wrong:
        console.print(f"WRONG {sentence}", markup=False)
    print(json.dumps({"right": not wrong, "wrong": wrong, **facts}))  # noqa: T201
    return FOUND_WRONG if wrong else 0


if __name__ == "__main__":
    given = os.environ
    folder = Path(given["SOAK_DIR"]) if "SOAK_DIR" in given else None
    seconds, rate, seed = (float(given.get(name, default)) for name, default in SETTINGS.items())
    sys.exit(main(seconds, rate, int(seed), folder))
