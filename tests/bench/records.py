"""A waiting file of many records, records per second: the collector, the floor and Pathway, by turns, as in burst.py.

The floor is a loop that inserts the documents that the collector stored, chunk by chunk. Our time ends when all records
are stored with w=majority, j=true, the file has its receipt, and is archived.
"""

import os
import shutil
from collections import defaultdict
from pathlib import Path

import sales
from alone import alone
from burst import COLLECTOR, FLOOR, PATHWAY
from ground import Ground, console
from results import Row, ratios
from rich.progress import track
from turns import Run, ours, pathway, timed

from multimarket_async.records import CHUNK_RECORDS

MEASURE = "records"
RECORDS, PAIRS = 300_000, 5
QUICK_RECORDS, QUICK_PAIRS = 30_000, 2


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Rates, processor time a record, and the two ratios."""
    records, pairs = (QUICK_RECORDS, QUICK_PAIRS) if quick else (RECORDS, PAIRS)
    peer = pathway()
    file = sales.write(found.folder / "sales.csv", records)
    os.utime(file, (0, 0))  # it is quiet
    runs: dict[str, list[Run]] = defaultdict(list)
    for pair in track(range(pairs), MEASURE, console=console):
        runs[COLLECTOR].append(_collector_run(found, file, f"ours_{pair}", records))
        runs[FLOOR].append(_floor_run(found, pair, records))
        if peer:
            runs[PATHWAY].append(_pathway_run(found, peer, file, f"pathway_{pair}", records))
        for name in (f"ours_{pair}", f"floor_{pair}", f"pathway_{pair}"):
            found.client.drop_database(name)
            shutil.rmtree(found.folder / name, ignore_errors=True)
    return _rows({name: runs[name] for name in (COLLECTOR, FLOOR, PATHWAY) if runs[name]})


def _waiting(found: Ground, file: Path, name: str) -> Path:
    """A fresh data folder in which the file waits."""
    folder = found.folder / name / "sources" / "sales"
    folder.mkdir(parents=True)
    os.link(file, folder / file.name)
    return found.folder / name


def _collector_run(found: Ground, file: Path, name: str, records: int) -> Run:
    run = timed(ours("records_collecting.py", _waiting(found, file, name), found.uri, name), records)
    assert found.client[name].sales.count_documents({}) == records
    assert len(list((found.folder / name).glob("archive/sales/*/*.csv"))) == 1
    return run


def _floor_run(found: Ground, pair: int, records: int) -> Run:
    return timed(ours("records_loop.py", found.uri, f"floor_{pair}", f"ours_{pair}", CHUNK_RECORDS), records)


def _pathway_run(found: Ground, python: Path, file: Path, name: str, records: int) -> Run:
    words: list[object] = [python, "records_pathway.py", _waiting(found, file, name), found.uri, name]
    return timed(words, records, found.client[name].sales)


def _rows(runs: dict[str, list[Run]]) -> list[Row]:
    rates = {name: [run.rate_s for run in of] for name, of in runs.items()}
    rows = [Row(MEASURE, name, "records/s", of) for name, of in rates.items()]
    rows += [Row(MEASURE, f"{name}, CPU", "µs/record", [run.cpu_us for run in of]) for name, of in runs.items()]
    rows.append(ratios(MEASURE, "collector : floor", rates[COLLECTOR], rates[FLOOR], 0.6))
    if PATHWAY in rates:
        rows.append(ratios(MEASURE, "collector : pathway", rates[COLLECTOR], rates[PATHWAY], 1.0))
    return rows


if __name__ == "__main__":
    alone(measure)
