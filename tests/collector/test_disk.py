"""Disk use: measured for each feed by place, shown everywhere, and bounded before one feed fills the disk for all."""

import os
from pathlib import Path

import pytest

from multimarket_async.clock import Clock
from multimarket_async.collector import DiskReporter
from multimarket_async.collector.backlog import Backlog
from multimarket_async.collector.disk import GIB
from multimarket_async.domains import Feed, Table
from multimarket_async.errors import OperationFailed
from multimarket_async.landing import Landing
from multimarket_async.landing.usage import UsageReader

BLOCK = 4096
SMALL = 10 * BLOCK / GIB


@pytest.fixture
def feeds(tmp_path: Path) -> list[Landing]:
    """Two feeds; the first one takes the blocks of 9 files, of any kind, and of their folders."""
    landings = [Landing(tmp_path, name) for name in ("north", "south")]
    for landing in landings:
        landing.prepare()
    sources, archive, bad = landings[0].sources, landings[0].archived, landings[0].quarantine.folder
    for folder in (archive / "2026-01-01", sources / "inner"):
        folder.mkdir()
    files = [sources / name for name in ("1.json", ".hidden", "other.txt", "inner/2.json")]
    files += [archive / name for name in ("2026-01-01/3.json", "2026-01-02.1-files.tar.gz")]
    files += [bad / name for name in ("4.json", "4.json.reason.json", ".5.json.reason.json")]
    for path in files:
        path.write_bytes(b"x")
    with (bad / "sparse.json").open("wb") as sparse:
        os.truncate(sparse.fileno(), 1 << 40)
    return landings


def test_whatever_lies_there_counts_with_its_blocks(feeds: list[Landing]) -> None:
    """A file of one byte takes a block, a sparse one none; folders take what they take."""
    used = UsageReader(feeds[0]).read()
    assert used.waiting == 4 * BLOCK + (feeds[0].sources / "inner").lstat().st_blocks * 512
    assert (used.archive, used.quarantine) == (2 * BLOCK, 3 * BLOCK)
    assert UsageReader(feeds[1]).read().total == 0


def test_a_day_is_read_again_when_it_changes(feeds: list[Landing]) -> None:
    reader, day = UsageReader(feeds[0]), feeds[0].archived / "2026-01-01"
    before = [reader.read().archive for _ in range(2)]
    (day / "6.json").write_bytes(b"x")
    assert [*before, reader.read().archive] == [2 * BLOCK, 2 * BLOCK, 3 * BLOCK]


def test_a_feed_that_takes_its_share_is_held_until_there_is_room(feeds: list[Landing], tmp_path: Path) -> None:
    """Its files wait, those of the other one do not; and it says so before."""
    backlogs = [Backlog(Feed(landing.feed, Table("readings"), lambda _: []), landing, Clock()) for landing in feeds]
    (feeds[1].sources / "7.json").write_bytes(b"x")
    (feeds[0].sources / "inner/2.json").unlink()
    (feeds[0].sources / "inner").rmdir()
    reporter = DiskReporter(feeds, SMALL, tmp_path / "logs/disk.json", Clock())
    assert why(reporter) == ""  # 8 of 10 blocks
    (feeds[0].sources / "8.json").write_bytes(b"x")
    assert "north takes more than 80% of max_feed_gb" in why(reporter)
    (feeds[0].sources / "9.json").write_bytes(b"x")
    assert "north takes max_feed_gb = 3.8147e-05 on the disk, and its files wait" in why(reporter)
    taken = [[file.name for file in backlog.take_readable(9, 9)] for backlog in backlogs]
    assert taken == [[], ["7.json"]]
    for name in ("8.json", "9.json"):
        (feeds[0].sources / name).unlink()
    assert why(reporter) == ""
    assert [file.name for file in backlogs[0].take_readable(9, 9)] == ["1.json"]


def test_a_disk_that_fills_up_is_said(feeds: list[Landing], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multimarket_async.collector.disk.SCARCE_BYTES", 1 << 60)
    assert "free on the file system" in why(DiskReporter(feeds, 0, tmp_path / "logs/disk.json", Clock()))


def why(reporter: DiskReporter) -> str:
    try:
        reporter.report()
    except OperationFailed as failed:
        return str(failed)
    return ""
