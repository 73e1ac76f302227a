"""The simulator: orders made a second, in one process, and orders received a second, by the command `produce`.

Without a manifest, whose KPIs take longer to compute than the orders to make. From the time of `produce` that of a
`produce` of one order a channel is taken away: imports, settings, the shop's catalogue, the season.
"""

import itertools
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alone import alone
from ground import Ground, console
from results import Row
from rich.progress import track

from multimarket_async.app import workspace
from multimarket_async.cli.options import load_settings

MEASURE = "simulator"
PER_CHANNEL, QUICK_PER_CHANNEL, RUNS = 10_000, 300, 5


def measure(found: Ground, *, quick: bool) -> list[Row]:
    per_channel = QUICK_PER_CHANNEL if quick else PER_CHANNEL
    made: list[float] = []
    received: list[float] = []
    for _ in track(range(2 if quick else RUNS), MEASURE, console=console):
        made.append(_made(found, per_channel))
        received.append(3 * (per_channel - 1) / (_produce_s(found, per_channel) - _produce_s(found, 1)))
    return [
        Row(MEASURE, "orders made", "orders/s", made),
        Row(MEASURE, "orders made and received", "orders/s", received, at_least=15_000),
    ]


def _made(found: Ground, per_channel: int) -> float:
    feeds = [feed for feed, _ in workspace(load_settings({"data_dir": found.folder / MEASURE})).feeds]
    latest = datetime.now(UTC)
    simulators = [feed.simulate for feed in feeds if feed.simulate]
    for simulate in simulators:  # the first one builds the catalogue
        simulate(1, 0, latest, latest)
    began = time.monotonic()
    for simulate, number in itertools.product(simulators, range(per_channel)):
        simulate(1, number, latest - timedelta(days=730), latest)
    return len(simulators) * per_channel / (time.monotonic() - began)


def _produce_s(found: Ground, per_channel: int) -> float:
    # A folder for each, removed at the end of all: ext4 does not give out an inode again for half a minute after it was
    # freed, and whoever creates files just after many were removed waits for its search.
    data_dir = Path(tempfile.mkdtemp(dir=found.folder))
    began = time.monotonic()
    words = [*found.command("produce", data_dir), "--orders-per-channel", str(per_channel), "--no-manifest"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


if __name__ == "__main__":
    alone(measure)
