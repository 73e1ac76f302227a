"""Packed days of an archive: counted, read as they were, and whole after a kill at any step."""

import shutil
import tarfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from multimarket_async.landing import Landing, pack, packs

DAYS = ("2026-05-01", "2026-05-02", "2026-05-20")
BEFORE = date(2026, 5, 10)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """Two files on each of three days."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    for day in DAYS:
        (landing.archived / day).mkdir()
        for name in ("1.json", "2.json"):
            (landing.archived / day / name).write_text(f"[{day} {name}]")
    return landing


def contents(landing: Landing, room: Path) -> list[tuple[str, bytes, int]]:
    room.mkdir()
    files = [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in landing.archive_files(room)]
    shutil.rmtree(room)
    return sorted(files)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_older_days_are_packed(landing: Landing, tmp_path: Path) -> None:
    """Each file as before, with its time to the nanosecond; younger days and what is packed stay as they are."""
    (landing.archived / DAYS[0] / ".DS_Store").touch()
    before = contents(landing, tmp_path / "room")
    done = pack(landing.archived, BEFORE)
    assert (done.days, done.files) == (2, 4)
    assert names(landing.archived) == [f"{day}.2-files.tar.gz" for day in DAYS[:2]] + [DAYS[2]]
    assert contents(landing, tmp_path / "room") == before
    assert landing.archived_files() == 6
    assert pack(landing.archived, BEFORE).files == 0


def test_a_file_of_a_packed_day_that_comes_late(landing: Landing, tmp_path: Path) -> None:
    """A clock was set back: it is packed beside the others, whatever its name."""
    pack(landing.archived, BEFORE)
    (landing.archived / DAYS[0]).mkdir()
    for name in ("1.json", "2.json"):
        (landing.archived / DAYS[0] / name).write_text("[late]")
    before = contents(landing, tmp_path / "room")
    assert pack(landing.archived, BEFORE).files == 2
    assert names(landing.archived)[:2] == [f"{DAYS[0]}.2-files.tar.gz", f"{DAYS[0]}.2.2-files.tar.gz"]
    assert (contents(landing, tmp_path / "room"), landing.archived_files()) == (before, 8)


@pytest.mark.parametrize("step", ["_write", "_publish", "rmtree"])
def test_it_is_killed(landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """No file counts twice meanwhile, and none is lost: the next call completes it."""
    before = contents(landing, tmp_path / "room")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil if step == "rmtree" else packs, step, killed)
    with pytest.raises(KeyboardInterrupt):
        pack(landing.archived, BEFORE)
    monkeypatch.undo()
    assert landing.archived_files() <= 6
    pack(landing.archived, BEFORE)
    assert contents(landing, tmp_path / "room") == before
    assert landing.archived_files() == 6
    assert not [name for name in names(landing.archived) if name.startswith(".")]


def test_a_pack_that_cannot_be_read_again_removes_nothing(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files stay, and the pack goes."""
    write: Callable[..., None] = packs._write
    monkeypatch.setattr(packs, "_write", lambda part, files: write(part, files[:1]))
    with pytest.raises(OSError, match="nothing was removed"):
        pack(landing.archived, BEFORE)
    assert names(landing.archived) == [*DAYS]


def test_tar_gives_the_files_back(landing: Landing, tmp_path: Path) -> None:
    """To be collected again, for example."""
    pack(landing.archived, BEFORE)
    with tarfile.open(landing.archived / f"{DAYS[0]}.2-files.tar.gz") as tar:
        tar.extractall(landing.sources, filter="data")
    assert [path.name for path in landing.waiting_files()] in (["1.json", "2.json"], ["2.json", "1.json"])
