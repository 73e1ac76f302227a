"""A whole `run` with live producers: processor time a minute, and memory as orders go through it.

Its mongod is apart. The orders come in steps, each waited for: a step is a burst on the live flow.
"""

import subprocess
import time
from pathlib import Path

from alone import alone
from ground import Ground, console, cpu_s, resident_mb, wait_for_documents
from results import Row
from rich.progress import track

MEASURE = "idle"
SETTLED_S, MINUTES, MINUTE_S = 5.0, 2, 60.0
ORDERS, STEPS = 100_000, 10


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """CPU as a share of one core; memory at the start, and how much it has grown in the end."""
    minutes, minute_s, orders, steps = (1, 5.0, 3_000, 1) if quick else (MINUTES, MINUTE_S, ORDERS, STEPS)
    data_dir = found.folder / MEASURE
    with found.running(data_dir, MEASURE) as running:
        time.sleep(SETTLED_S)
        shares = [_share(running.pid, minute_s) for _ in track(range(minutes), "idle minutes", console=console)]
        start_mb = resident_mb(running.pid)
        for _ in track(range(steps), f"{orders:,} orders", console=console):
            _through(found, data_dir, orders // steps // 3 + 1)
        time.sleep(SETTLED_S)
        grown_mb = resident_mb(running.pid) - start_mb
    return [
        Row(MEASURE, "CPU of run, of a core", "%", shares, at_most=2),
        Row(MEASURE, "memory of run at the start", "MB", [start_mb]),
        Row(MEASURE, f"memory growth over {orders:,} orders", "MB", [grown_mb], at_most=20),
    ]


def _share(pid: int, seconds: float) -> float:
    began, cpu = time.monotonic(), cpu_s(pid)
    time.sleep(seconds)
    return (cpu_s(pid) - cpu) / (time.monotonic() - began) * 100


def _through(found: Ground, data_dir: Path, per_channel: int) -> None:
    before = found.client[MEASURE].commandes.estimated_document_count()
    produce = [*found.command("produce", data_dir), "--orders-per-channel", str(per_channel)]
    subprocess.run(produce, check=True, stdout=subprocess.DEVNULL)
    wait_for_documents(found.client[MEASURE].commandes, before + 3 * per_channel)


if __name__ == "__main__":
    alone(measure)
