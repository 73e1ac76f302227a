"""Suffixes of a feed: its files are taken, others stay, are counted and shown."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, UnknownFiles
from multimarket_async.landing.waiting import is_ours, suffix_of
from multimarket_async.readers.accounting import waiting_in
from tests.landing.test_directory import DAY

pytestmark = pytest.mark.usefixtures("way")
CSV = (".csv", ".csv.gz")


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """The directories of a feed of CSV files."""
    landing = Landing(tmp_path, "bikes", CSV)
    landing.prepare()
    return landing


def put(landing: Landing, *names: str) -> None:
    for name in names:
        (landing.sources / name).write_bytes(b"model,price\n")


def names(landing: Landing) -> list[str]:
    return sorted(file.name for file in landing.waiting())


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.csv", ".csv"),
        ("a.CSV", ".CSV"),
        ("a.Csv.GZ", ".Csv.GZ"),
        ("a.b.csv.gz", ".csv.gz"),
        ("a.gz", ""),
        ("csv", ""),
        ("a.csv.part", ""),
        ("a.csv:Zone.Identifier", ""),
    ],
)
def test_the_suffix_of_a_name(name: str, suffix: str) -> None:
    """The longest one, in small letters and in capitals, spelled as in the name."""
    assert (suffix_of(name, CSV), is_ours(name, CSV)) == (suffix, bool(suffix))


def test_files_of_every_suffix_wait(landing: Landing) -> None:
    """A CSV file is not passed over, whatever the case of its name; a hidden one is not ours."""
    put(landing, "a.csv", "B.CSV", "c.csv.gz", ".d.csv", "e.json")
    assert names(landing) == ["B.CSV", "a.csv", "c.csv.gz"]
    assert sorted(path.name for path in landing.waiting_files()) == names(landing)


async def test_a_taken_name_keeps_its_suffix(landing: Landing) -> None:
    """On delivery, in the archive, in quarantine and on replay: the number goes before both parts."""
    for _ in range(2):
        await landing.deliver("a.csv.gz", b"x")
    assert names(landing) == ["a.2.csv.gz", "a.csv.gz"]
    for _ in range(2):
        assert set(landing.archive(landing.waiting(), DAY)) == {None}
        put(landing, "a.csv.gz")
    assert sorted(path.name for path in landing.archive_files()) == ["a.2.csv.gz", "a.3.csv.gz", "a.csv.gz"]
    for _ in range(2):
        put(landing, "B.CSV")
        landing.quarantine.add(landing.sources / "B.CSV", Rejected("bad", "It is bad."), {})
    assert sorted(file.path.name for file in landing.quarantine.list()) == ["B.2.CSV", "B.CSV"]


def test_other_files_and_folders_stay_and_are_counted(landing: Landing) -> None:
    """Text files, leftovers of Windows and folders; what is hidden is not counted, nor a folder named like a file."""
    put(landing, "notes.txt", "a.csv", "a.csv:Zone.Identifier", ".b.txt")
    (landing.sources / "2026").mkdir()
    (landing.sources / "c.csv").mkdir()
    assert names(landing) == ["a.csv", "c.csv"]
    assert landing.unknown == UnknownFiles(3, "2026")
    assert waiting_in(landing).unknown == UnknownFiles(3, "2026")
    [rejected] = landing.read([file for file in landing.waiting() if file.name == "c.csv"], 99)
    assert isinstance(rejected, Rejected)
    assert rejected.code == "not_a_regular_file"


def test_files_in_flight_are_not_unknown(landing: Landing) -> None:
    """A scan that leaves out some of our files counts the same others."""
    put(landing, "a.csv", "b.csv", "notes.txt")
    waiting = landing.waiting(1, but={str(landing.sources / "a.csv")})
    assert [file.name for file in waiting] == ["b.csv"]
    assert landing.unknown == UnknownFiles(1, "notes.txt")


def test_a_name_that_is_not_text_is_an_example(landing: Landing) -> None:
    """As any JSON can hold it."""
    (Path(landing.sources) / "\udcff.txt").touch()
    landing.waiting()
    assert landing.unknown == UnknownFiles(1, "\\xff.txt")


def test_a_change_of_their_number_is_logged(landing: Landing) -> None:
    """Each number once; none is nothing to warn of, and the same number later is news."""

    def logged(*kept: str) -> list[dict[str, Any]]:
        for path in landing.sources.iterdir():
            path.unlink()
        put(landing, *kept)
        landing.waiting()
        with capture_logs() as lines:
            landing.report_unknown()
            landing.report_unknown()
        return lines

    line = {"event": "files.unknown", "log_level": "warning", "feed": "bikes"}
    assert logged("a.csv") == []
    assert logged("a.txt") == [{**line, "files": 1, "example": "a.txt"}]
    assert logged("b.txt") == []
    assert logged("a.txt", "b.txt") == [{**line, "files": 2, "example": "a.txt"}]
    assert logged() == []
    assert logged("a.txt") == [{**line, "files": 1, "example": "a.txt"}]
