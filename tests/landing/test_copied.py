"""Moves to another file system: a real one, /dev/shm. Each file is there whole, once, whatever it is."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, copied
from multimarket_async.landing.rename import rename_new
from tests.landing.test_directory import DAY
from tests.landing.test_repeats import Killed, refuse_waiting, refused
from tests.tracing import missing

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        missing("needs /dev/shm on a file system of its own")
    with tempfile.TemporaryDirectory(dir=shm) as folder:
        yield Path(folder)


@pytest.fixture
def landing(tmp_path: Path, elsewhere: Path) -> Landing:
    """A feed whose archive and quarantine are on another file system than its landing directory."""
    for name in ("archive", "quarantine"):
        (tmp_path / name).symlink_to(elsewhere)
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_stored_files_are_archived(landing: Landing) -> None:
    """With content and time of writing, under a free name; nothing else is left on either side."""
    for _ in range(2):
        (landing.sources / "1.json").write_bytes(b"[1]")
        os.utime(landing.sources / "1.json", ns=(0, len(names(landing.archived)) + 1))
        assert landing.archive(landing.waiting(), DAY) == [None]
    day = landing.archived / str(DAY)
    assert names(day) == ["1.2.json", "1.json"]
    assert {path.read_bytes() for path in day.iterdir()} == {b"[1]"}
    assert {path.stat().st_mtime_ns for path in day.iterdir()} == {1, 2}
    assert names(landing.sources) == []


def test_a_killed_move_is_completed(landing: Landing) -> None:
    """A copy that was published before the original went is not copied again."""
    day = landing.archived / str(DAY)
    day.mkdir()
    for folder in (landing.sources, day):
        (folder / "1.json").write_bytes(b"[1]")
        os.utime(folder / "1.json", ns=(5, 5))
    assert landing.archive(landing.waiting(), DAY) == [None]
    assert (names(day), names(landing.sources)) == (["1.json"], [])


def test_half_a_copy_is_no_archived_file(landing: Landing) -> None:
    """A process was killed while it copied."""
    day = landing.archived / str(DAY)
    day.mkdir()
    (day / ".0123.part").write_bytes(b"[")
    assert (list(landing.archive_files()), landing.archived_files()) == ([], 0)


def test_bytes_that_come_while_it_is_copied_are_not_lost(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer was not done: the file comes back whole, to be read again."""
    (landing.sources / "1.json").write_bytes(b"[1]")
    publish = copied._publish

    def written_meanwhile(*arguments: object) -> None:
        publish(*arguments)  # type: ignore[arg-type]
        monkeypatch.undo()
        with (landing.sources / "1.json").open("ab") as file:
            file.write(b"[2]")

    monkeypatch.setattr(copied, "_publish", written_meanwhile)
    landing.archive(landing.waiting(), DAY)
    assert (landing.sources / "1.json").read_bytes() == b"[1][2]"


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_bad_files_are_quarantined_and_replayed(landing: Landing, kind: str) -> None:
    """Links and folders too; the reason lies beside them."""
    bad = landing.sources / "bad.json"
    if kind == "file":
        bad.write_bytes(b"{")
    elif kind == "link":
        bad.symlink_to("nowhere")
    else:
        bad.mkdir()
        (bad / "inside").write_bytes(b"x")
    [file] = landing.waiting()
    landing.reject(file, Rejected("bad", "It is bad."), {})
    assert names(landing.sources) == []
    assert names(landing.quarantine.folder) == ["bad.json", "bad.json.reason.json"]


@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_kill_before_the_original_of_a_refused_file_goes_counts_it_once(landing: Landing, earlier: int) -> None:
    """Its copy is in quarantine already; so is one of the same bytes, or two, that came before."""
    gone = os.unlink
    for _ in range(earlier):
        refused(landing, "bad.json")
    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(os, "unlink", lambda path: killed() if str(path).startswith(str(landing.sources)) else gone(path))
        refused(landing, "bad.json")
    assert refuse_waiting(landing) == earlier + 1
    assert (landing.waiting(), landing.quarantine.codes()) == ([], {"bad_price": earlier + 1})
    assert refused(landing, "bad.json") == earlier + 2


def killed() -> None:
    raise Killed


def test_a_target_is_never_overwritten(landing: Landing, elsewhere: Path) -> None:
    """Other content of the name stays, as with a rename."""
    (landing.sources / "1.json").write_bytes(b"[1]")
    (elsewhere / "1.json").write_bytes(b"[2]")
    with pytest.raises(FileExistsError):
        rename_new(landing.sources / "1.json", elsewhere / "1.json")
    assert [path.read_bytes() for path in (landing.sources / "1.json", elsewhere / "1.json")] == [b"[1]", b"[2]"]


def test_inode_numbers_that_follow_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is another inode after its move, as on some network file systems: its content says that it is the same."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    (landing.sources / "1.json").write_bytes(b"[1]")
    lstat, fstat = os.lstat, os.fstat
    monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
    monkeypatch.setattr(os, "lstat", lambda path: _numbered(lstat(path), os.fspath(path)))
    monkeypatch.setattr(
        os, "fstat", lambda number: _numbered(fstat(number), str(Path(f"/proc/self/fd/{number}").readlink()))
    )
    assert landing.archive(landing.waiting(), DAY) == [None]
    assert (names(landing.archived / str(DAY)), names(landing.sources)) == (["1.json"], [])


def _numbered(status: os.stat_result, path: str) -> os.stat_result:
    return os.stat_result((status[0], hash(path) & 0xFFFF, *status[2:]), _times(status))


def _times(status: os.stat_result) -> dict[str, int]:
    return {name: getattr(status, name) for name in ("st_mtime_ns", "st_ctime_ns", "st_atime_ns")}
