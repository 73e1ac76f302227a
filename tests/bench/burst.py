"""A waiting burst, files per second: the collector against the least that any program must do.

Both store the same order files in the same mongod with w=majority, j=true and move them away;
runs alternate, so that both meet the same machine. Usage: python tests/bench/burst.py [files] [pairs]
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import bson
import pymongo
import uvloop
from bson.raw_bson import RawBSONDocument
from pymongo.write_concern import WriteConcern
from rich.console import Console
from rich.progress import track

from multimarket_async.app import Parts, burst, opened, places
from multimarket_async.cli.options import load_settings

FILES, PAIRS = 9_000, 5


async def collector_rate(parts: Parts, files: int) -> float:
    """Validated, stored, archived."""
    await burst(parts.producers(), files // len(parts.channels))
    began = time.perf_counter()
    await parts.collector().until_empty()
    return files / (time.perf_counter() - began)


async def floor_rate(parts: Parts, uri: str, files: int) -> float:
    """Open, read, close; insert documents encoded beforehand, 1,000 at a time; rename. Nothing is looked at."""
    await burst(parts.producers(), files // len(parts.channels))
    folders = [landing.sources for _, landing in parts.channels]
    return await asyncio.to_thread(_floor, uri, folders, files)


def _floor(uri: str, folders: list[Path], files: int) -> float:
    encoded = [RawBSONDocument(bson.encode({"_id": f"{time.time_ns()}:{n}", "order": "x" * 450})) for n in range(files)]
    with pymongo.MongoClient(uri) as client, tempfile.TemporaryDirectory(dir=folders[0].parent) as away:
        collection = client.bench.get_collection("floor", write_concern=WriteConcern("majority", j=True))
        paths = [os.path.join(folder, name) for folder in folders for name in os.listdir(folder) if name[0] != "."]  # noqa: PTH118, PTH208 - the fastest way
        began = time.perf_counter()
        for start in range(0, files, 1000):
            for path in paths[start : start + 1000]:
                descriptor = os.open(path, os.O_RDONLY)
                os.read(descriptor, 65536)
                os.close(descriptor)
            collection.insert_many(encoded[start : start + 1000], ordered=False)
            for number, path in enumerate(paths[start : start + 1000], start):
                os.rename(path, f"{away}/{number}")  # noqa: PTH104 - the fastest way
        return files / (time.perf_counter() - began)


async def main(files: int, pairs: int) -> None:
    """Alternate, then tell medians and spread as a table and as JSON."""
    rates: dict[str, list[float]] = {"collector": [], "floor": []}
    with tempfile.TemporaryDirectory() as folder:
        async with opened(places(load_settings({"data_dir": folder}))) as parts:
            assert parts.server
            uri = await parts.server.start()
            for _ in track(range(pairs), description="pairs", console=Console(stderr=True)):
                rates["collector"].append(await collector_rate(parts, files))
                rates["floor"].append(await floor_rate(parts, uri, files))
    result = {
        name: {"median": round(statistics.median(found)), "all": [round(rate) for rate in found]}
        for name, found in rates.items()
    }
    for name, found in result.items():
        print(f"{name:>10}: {found['median']:>7,} files/s (from {min(found['all']):,} to {max(found['all']):,})")  # noqa: T201
    print(json.dumps({"files": files, "pairs": pairs, **result}))  # noqa: T201


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    uvloop.run(main(*(arguments + [FILES, PAIRS][len(arguments) :])))
