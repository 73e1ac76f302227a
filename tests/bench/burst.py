"""A waiting burst, files per second: the collector, the bare loop that is the floor, and Pathway, by turns.

All three have been imported and stand ready (ours and the floor connected too; Pathway connects when it runs).
The time begins with "go" and includes listing the three folders. It ends, for the collector and the floor, when the
last file is stored with w=majority, j=true and archived; for Pathway, which archives nothing, when the last document
can be counted. CPU is that of the process, without mongod, whose work does not depend on who asks.
"""

import json
import shutil
from collections import defaultdict
from pathlib import Path

from alone import alone
from ground import Ground, console
from results import Row, ratios
from rich.progress import track
from turns import Run, ours, pathway, timed

MEASURE = "burst"
PER_CHANNEL, PAIRS = 6_667, 5
QUICK_PER_CHANNEL, QUICK_PAIRS = 500, 2
COLLECTOR, FLOOR, PATHWAY = "collector", "floor", "pathway"


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Rates, processor time a file, and the two ratios."""
    per_channel, pairs = (QUICK_PER_CHANNEL, QUICK_PAIRS) if quick else (PER_CHANNEL, PAIRS)
    peer = pathway()
    runs: dict[str, list[Run]] = defaultdict(list)
    for pair in track(range(pairs), MEASURE, console=console):
        runs[COLLECTOR].append(collector_run(found, found.received(f"ours_{pair}", per_channel), f"ours_{pair}"))
        runs[FLOOR].append(_floor_run(found, pair, per_channel))
        if peer:
            runs[PATHWAY].append(_pathway_run(found, peer, pair, per_channel))
        for name in (f"ours_{pair}", f"floor_{pair}", f"pathway_{pair}"):
            _remove(found, name)
    return _rows({name: runs[name] for name in (COLLECTOR, FLOOR, PATHWAY) if runs[name]})


def collector_run(found: Ground, data_dir: Path, database: str, settings: dict[str, str] | None = None) -> Run:
    """Files waiting in this folder, collected into this database. settings: others than the usual ones."""
    files = sum(1 for _ in data_dir.glob("sources/*/*.json"))
    environment = {f"MULTIMARKET_{name}": value for name, value in (settings or {}).items()}
    return timed(ours("collecting.py", data_dir, found.uri, database, files), files, environment=environment)


def _floor_run(found: Ground, pair: int, per_channel: int) -> Run:
    data_dir, files = found.received(f"floor_{pair}", per_channel), 3 * per_channel
    return timed(ours("bare_loop.py", data_dir, found.uri, data_dir.name, files, f"ours_{pair}"), files)


def _pathway_run(found: Ground, python: Path, pair: int, per_channel: int) -> Run:
    lines, data_dir = _on_one_line(found, per_channel), found.folder / f"pathway_{pair}"
    data_dir.mkdir()
    (data_dir / "sources").symlink_to(lines)
    words: list[object] = [python, "pathway_peer.py", data_dir, found.uri, data_dir.name]
    return timed(words, 3 * per_channel, found.client[data_dir.name].commandes)


def _on_one_line(found: Ground, per_channel: int) -> Path:
    """The same orders as Pathway can read them."""
    orders = found.orders(per_channel)
    lines = found.folder / f"lines_{per_channel}"
    for file in [] if lines.exists() else orders.glob("*/*.json"):
        target = lines / file.relative_to(orders)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(json.loads(file.read_bytes()), ensure_ascii=False) + "\n", "utf-8")
    return lines


def _rows(runs: dict[str, list[Run]]) -> list[Row]:
    rates = {name: [run.rate_s for run in of] for name, of in runs.items()}
    rows = [Row(MEASURE, name, "files/s", of) for name, of in rates.items()]
    rows += [Row(MEASURE, f"{name}, CPU", "µs/file", [run.cpu_us for run in of]) for name, of in runs.items()]
    rows.append(ratios(MEASURE, "collector : floor", rates[COLLECTOR], rates[FLOOR], 0.9))
    if PATHWAY in rates:
        rows.append(ratios(MEASURE, "collector : pathway", rates[COLLECTOR], rates[PATHWAY], 1.0))
    return rows


def _remove(found: Ground, name: str) -> None:
    found.client.drop_database(name)
    shutil.rmtree(found.folder / name, ignore_errors=True)


if __name__ == "__main__":
    alone(measure)
