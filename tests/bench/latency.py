"""From "the file is visible" to "the order can be read", under a steady flow, and after a burst on top of it.

A whole `run --no-produce` does the work, KPIs included. Another process delivers the orders, each under a hidden name
and then renamed; the rename makes it visible. Who reads is a third: a change stream, which shows a document only
when a majority has it. So the figures hold the way to an independent reader, and a rename before the clock was read.
"""

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from alone import alone
from ground import Ground
from results import Row, percentile

from multimarket_async.domains.orders.channels import CHANNELS

MEASURE = "latency"
RATE_S, FLOW_S, SLICE_S = 150, 60, 10
BURSTS, BURST_FILES, BURST_EVERY_S = 5, 1_500, 3
LOST_AFTER_S = 60
Drop: TypeAlias = tuple[float, Path, Path]  # when, from the start; the content; the place


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """p50, p99 and max of the flow, by slices of it; the last of a burst."""
    flow_s, bursts = (5, 2) if quick else (FLOW_S, BURSTS)
    data_dir = found.folder / MEASURE
    with found.running(data_dir, MEASURE, "--no-produce"):
        flow, waves = _plan(found, data_dir, flow_s, bursts)
        received, seen = _dropped_and_seen(found, sorted([*flow, *(deliver for wave in waves for deliver in wave)]))
    return _rows(flow, waves, received, seen)


def _plan(found: Ground, data_dir: Path, flow_s: float, bursts: int) -> tuple[list[Drop], list[list[Drop]]]:
    """The flow goes on, evenly, while the bursts come."""
    orders = _orders(found, data_dir)
    waves = [[(flow_s + BURST_EVERY_S * wave, *next(orders)) for _ in range(BURST_FILES)] for wave in range(bursts)]
    until_s = flow_s + BURST_EVERY_S * bursts
    return [(number / RATE_S, *next(orders)) for number in range(int(RATE_S * until_s))], waves


def _orders(found: Ground, data_dir: Path) -> Iterator[tuple[Path, Path]]:
    """One channel after the other, so that every burst has as many of each."""
    orders = found.orders(6_667)
    for files in zip(*(sorted((orders / channel).glob("*.json")) for channel in CHANNELS), strict=True):
        yield from ((file, data_dir / "sources" / file.parent.name / file.name) for file in files)


def _dropped_and_seen(
    found: Ground, plan: list[Drop], database: str = MEASURE
) -> tuple[dict[str, float], dict[str, float]]:
    """When each order became visible, and when it was read, by its key."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    dropper = context.Process(target=_drop, args=(plan, told), daemon=True)
    seen: dict[str, float] = {}
    with found.client[database].commandes.watch([{"$project": {"documentKey": 1}}], max_await_time_ms=500) as changes:
        dropper.start()
        give_up = time.monotonic() + plan[-1][0] + LOST_AFTER_S
        while len(seen) < len(plan):
            if change := changes.try_next():
                seen[change["documentKey"]["_id"]] = time.monotonic()
            elif time.monotonic() > give_up:
                raise TimeoutError(f"{len(plan) - len(seen)} orders were never seen")
    received: dict[str, float] = told.get()
    dropper.join()
    return received, seen


def _drop(plan: list[Drop], told: Any) -> None:
    contents = [content.read_bytes() for _, content, _ in plan]
    received: dict[str, float] = {}
    began = time.monotonic()
    for (at, _, place), content in zip(plan, contents, strict=True):
        hidden = place.with_name(f".{place.name}.part")
        hidden.write_bytes(content)
        time.sleep(max(0.0, began + at - time.monotonic()))
        received[_key(place)] = time.monotonic()
        hidden.rename(place)
    told.put(received)


def _key(place: Path) -> str:
    return f"{CHANNELS[place.parent.name]}:{place.stem}"


def _rows(flow: list[Drop], waves: list[list[Drop]], received: dict[str, float], seen: dict[str, float]) -> list[Row]:
    steady = [deliver for deliver in flow if deliver[0] < min((wave[0][0] for wave in waves), default=0)]
    slices: dict[int, list[float]] = {}
    for at, _, place in steady:
        slices.setdefault(int(at / SLICE_S), []).append((seen[_key(place)] - received[_key(place)]) * 1000)
    after = [_last(wave, seen) - _last(wave, received) for wave in waves]
    every = [wait for waits in slices.values() for wait in waits]
    return [
        Row(MEASURE, f"p50 at {RATE_S} orders/s", "ms", [percentile(waits, 0.5) for waits in slices.values()]),
        Row(MEASURE, f"p99 at {RATE_S} orders/s", "ms", [percentile(waits, 0.99) for waits in slices.values()]),
        Row(MEASURE, "p99, all of the flow", "ms", [percentile(every, 0.99)], at_most=300),
        Row(MEASURE, "max, all of the flow", "ms", [max(every)]),
        Row(MEASURE, f"{BURST_FILES:,} at once on top: last deliver to all stored", "s", after, at_most=1),
    ]


def _last(wave: list[Drop], when: dict[str, float]) -> float:
    return max(when[_key(place)] for _, _, place in wave)


if __name__ == "__main__":
    alone(measure)
