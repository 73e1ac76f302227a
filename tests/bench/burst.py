"""A waiting burst, files per second: the collector, the bare loop that is the floor, and Pathway, by turns.

All three have been imported and stand ready (ours and the floor connected too; Pathway connects when it runs).
The time begins with "go" and includes listing the three folders. It ends, for the collector and the floor, when the
last file is stored with w=majority, j=true and archived; for Pathway, which archives nothing, when the last document
can be counted. CPU is that of the process, without mongod, whose work does not depend on who asks.
"""

import json
import shutil
import subprocess
import sys
import time
import venv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from alone import alone
from ground import HERE, Ground, console, cpu_s, process, wait_for_orders
from results import ROOT, Row, ratios
from rich.progress import track

MEASURE = "burst"
PER_CHANNEL, PAIRS = 6_667, 5
QUICK_PER_CHANNEL, QUICK_PAIRS = 500, 2
COLLECTOR, FLOOR, PATHWAY = "collector", "floor", "pathway"
PATHWAY_HOME = ROOT / "build" / "pathway"


@dataclass(frozen=True)
class Run:
    """files_s: files a second. cpu_us: processor time a file, microseconds."""

    files_s: float
    cpu_us: float


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


def collector_run(found: Ground, data_dir: Path, database: str) -> Run:
    """All that waits in this folder, collected into this database."""
    files = sum(1 for _ in data_dir.glob("sources/*/*.json"))
    return _timed(found, [sys.executable, "collecting.py", data_dir, found.uri, database, files], files)


def _floor_run(found: Ground, pair: int, per_channel: int) -> Run:
    data_dir, files = found.received(f"floor_{pair}", per_channel), 3 * per_channel
    words = [sys.executable, "bare_loop.py", data_dir, found.uri, data_dir.name, files, f"ours_{pair}"]
    return _timed(found, words, files)


def _pathway_run(found: Ground, python: Path, pair: int, per_channel: int) -> Run:
    lines, data_dir = _on_one_line(found, per_channel), found.folder / f"pathway_{pair}"
    data_dir.mkdir()
    (data_dir / "sources").symlink_to(lines)
    words = [python, "pathway_peer.py", data_dir, found.uri, data_dir.name]
    return _timed(found, words, 3 * per_channel, counted_in=data_dir.name)


def _timed(found: Ground, words: list[object], files: int, counted_in: str | None = None) -> Run:
    program, script, *arguments = map(str, words)
    with process([program, str(HERE / script), *arguments]) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "ready\n", f"{script} did not get ready"
        cpu, began = cpu_s(child.pid), time.monotonic()
        child.stdin.write("\n")
        child.stdin.flush()
        ended = wait_for_orders(found, counted_in, files) if counted_in else float(child.stdout.readline())
        return Run(files / (ended - began), (cpu_s(child.pid) - cpu) / files * 1e6)


def _on_one_line(found: Ground, per_channel: int) -> Path:
    """The same orders as Pathway can read them."""
    orders = found.orders(per_channel)
    lines = found.folder / f"lines_{per_channel}"
    for file in [] if lines.exists() else orders.glob("*/*.json"):
        target = lines / file.relative_to(orders)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(json.loads(file.read_bytes()), ensure_ascii=False) + "\n", "utf-8")
    return lines


def pathway() -> Path | None:
    """A Python that has Pathway, installed now if need be; None, and a line that says so, where it cannot be had."""
    python = PATHWAY_HOME / "bin" / "python"
    if python.exists() and _succeeds(python, "-c", "import pathway"):
        return python
    console.print(f"installing pathway into {PATHWAY_HOME} (1.6 GB), once")
    venv.create(PATHWAY_HOME, with_pip=True, clear=True)
    if _succeeds(python, "-m", "pip", "install", "pathway") and _succeeds(python, "-c", "import pathway"):
        return python
    console.print("pathway is left out: it cannot be installed here")
    return None


def _succeeds(*words: str | Path) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _rows(runs: dict[str, list[Run]]) -> list[Row]:
    rates = {name: [run.files_s for run in of] for name, of in runs.items()}
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
