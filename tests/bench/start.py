"""From `run` to the first order stored, embedded MongoDB included: without a data folder, and with that of last time.

The operating system has the programs in memory both times.
"""

import time
from pathlib import Path

from alone import alone
from ground import Ground, console, process, until
from results import Row
from rich.progress import track

MEASURE = "start"
RUNS = 5


def measure(found: Ground, *, quick: bool) -> list[Row]:
    cold: list[float] = []
    warm: list[float] = []
    for number in track(range(1 if quick else RUNS), MEASURE, console=console):
        data_dir = found.folder / f"{MEASURE}_{number}"
        cold.append(_first_stored_s(found, data_dir))
        warm.append(_first_stored_s(found, data_dir))
    return [Row(MEASURE, "cold", "s", cold), Row(MEASURE, "warm", "s", warm, at_most=3)]


def _first_stored_s(found: Ground, data_dir: Path) -> float:
    """To the log line that tells of it."""
    began = time.monotonic()
    with process(found.command("run", data_dir)) as running:
        assert running.stdout
        while not until(running.stdout, "batch.collected")["stored"]:
            pass
        return time.monotonic() - began


if __name__ == "__main__":
    alone(measure)
