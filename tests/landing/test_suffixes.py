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


def test_the_lock_file_of_an_open_workbook_stays(tmp_path: Path) -> None:
    """Excel and Word make it beside the file that they have open, with its suffix, and remove it themselves."""
    landing = Landing(tmp_path, "bikes", (".csv", ".xlsx"))
    landing.prepare()
    put(landing, "orders.xlsx", "~$orders.xlsx", "~$prices.csv", "~orders.csv")
    assert names(landing) == ["orders.xlsx", "~orders.csv"]
    assert landing.unknown == UnknownFiles(2, "~$orders.xlsx")


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
    """Text files, leftovers of Windows, links to folders; not what is hidden, nor a folder named like a file."""
    put(landing, "notes.txt", "a.csv", "a.csv:Zone.Identifier", ".b.txt")
    (landing.sources / "2026").symlink_to(landing.archived)
    (landing.sources / "c.csv").mkdir()
    assert names(landing) == ["a.csv", "c.csv"]
    assert landing.unknown == UnknownFiles(3, "2026")
    assert waiting_in(landing).unknown == UnknownFiles(3, "2026")
    [rejected] = landing.read([file for file in landing.waiting() if file.name == "c.csv"], 99)
    assert isinstance(rejected, Rejected)
    assert rejected.code == "not_a_regular_file"


def test_files_in_folders_wait_too(landing: Landing) -> None:
    """A folder a day, as many systems write them: read, archived and quarantined; what else is in them is counted."""
    for folder in ("2026-11-28", "2026/11/28"):
        (landing.sources / folder).mkdir(parents=True)
    put(landing, "a.csv", "2026-11-28/a.csv", "2026-11-28/notes.txt", "2026/11/28/b.CSV")
    waiting = landing.waiting()
    assert landing.unknown == UnknownFiles(1, "2026-11-28/notes.txt")
    assert sorted(str(path) for path in landing.waiting_files()) == sorted(file.where for file in waiting)
    assert landing.read(waiting, 99) == [b"model,price\n"] * 3
    [bad] = [file for file in waiting if file.name == "b.CSV"]
    landing.reject(bad, Rejected("bad", "It is bad."), {})
    assert landing.archive([file for file in waiting if file != bad], DAY) == [None, None]
    assert sorted(path.name for path in landing.archive_files()) == ["a.2.csv", "a.csv"]
    assert (names(landing), landing.quarantine.count()) == ([], 1)


def test_folders_that_are_too_deep_are_counted(landing: Landing) -> None:
    """A scan ends, whatever lies there."""
    deep = landing.sources.joinpath(*"abcdefghijkl")
    deep.mkdir(parents=True)
    assert (names(landing), landing.unknown.files) == ([], 1)


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
