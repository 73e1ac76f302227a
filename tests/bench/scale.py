"""The same burst where much has been collected before: files in the same day's archive, orders in the same collection.

The older orders are copies of a real one under other numbers, with the index that the KPIs keep on them. After each
burst its files and orders are taken away, so that the next one meets the same.
"""

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alone import alone
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from burst import PER_CHANNEL, QUICK_PER_CHANNEL, collector_run
from ground import Ground, console
from pymongo.collection import Collection
from results import Row, ratios
from rich.progress import track

from multimarket_async.domains.orders.channels import CHANNELS

MEASURE = "scale"
SIZES, QUICK_SIZES, PAIRS = (0, 100_000, 1_000_000), (0, 3_000), 5
BATCH = 5_000
LINKS = 30_000  # ext4 allows 65,000 names for one file
NUMBERS = 9 * 10**9  # as long as those of our simulator's first seed, and none of them


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Rates at each size, and how the largest compares with none."""
    sizes, per_channel = (QUICK_SIZES, QUICK_PER_CHANNEL) if quick else (SIZES, PER_CHANNEL)
    samples = _samples(found)
    for size in sizes:
        _fill_archive(found.folder / _name(size), size)
        _fill_collection(found.client[_name(size)].commandes, samples, size)
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in track(range(2 if quick else PAIRS), MEASURE, console=console):
        for size in sizes:
            rates[size].append(_run(found, size, per_channel))
    rows = [Row(MEASURE, f"collector, {size:,} before", "files/s", rates[size]) for size in sizes]
    return [*rows, ratios(MEASURE, f"{sizes[-1]:,} : empty", rates[sizes[-1]], rates[0], 0.9)]


def _run(found: Ground, size: int, per_channel: int) -> float:
    data_dir, commandes = found.folder / _name(size), found.client[_name(size)].commandes
    shutil.rmtree(data_dir / "sources", ignore_errors=True)
    found.received(data_dir.name, per_channel)
    rate = collector_run(found, data_dir, _name(size)).rate_s
    for canal in CHANNELS.values():  # those of the simulator's first seed
        commandes.delete_many({"_id": {"$gte": f"{canal}:1", "$lt": f"{canal}:2"}})
    for file in found.orders(per_channel).glob("*/*.json"):
        (_day(data_dir, file.parent.name) / file.name).unlink()
    assert commandes.count_documents({}) == size
    return rate


def _name(size: int) -> str:
    return f"{MEASURE}_{size}"


def _day(data_dir: Path, channel: str) -> Path:
    return data_dir / "archive" / channel / f"{datetime.now(UTC):%Y-%m-%d}"


def _samples(found: Ground) -> list[bytes]:
    """An order of each channel as the collector stores it, BSON."""
    database = f"{MEASURE}_samples"
    collector_run(found, found.received(database, 1), database)
    raw = CodecOptions(document_class=RawBSONDocument)
    return [document.raw for document in found.client[database].get_collection("commandes", codec_options=raw).find()]


def _fill_archive(data_dir: Path, size: int) -> None:
    """So many files in today's folders: few files, under many names each."""
    folders = [_day(data_dir, channel) for channel in CHANNELS]
    for folder in folders:
        folder.mkdir(parents=True)
    for number in track(range(size), f"{size:,} files", console=console):
        if number % LINKS == 0:
            content = data_dir / f"content_{number}"
            content.write_bytes(b"{}")
        os.link(content, f"{folders[number % len(folders)]}/{NUMBERS + number}.json")


def _fill_collection(commandes: Collection[Any], samples: list[bytes], size: int) -> None:
    for start in track(range(0, size, BATCH), f"{size:,} orders", console=console):
        numbers = range(start, min(start + BATCH, size))
        commandes.insert_many([_copy(samples[number % len(samples)], number) for number in numbers], ordered=False)
    commandes.create_index("ingestion.partition")


def _copy(sample: bytes, number: int) -> RawBSONDocument:
    """The same order under another number; it is in there as text, as long as this one."""
    own = re.search(rb":(\d{10})\0", sample)
    assert own
    return RawBSONDocument(sample.replace(own[1], str(NUMBERS + number).encode()))


if __name__ == "__main__":
    alone(measure)
