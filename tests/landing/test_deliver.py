"""Files delivered in bulk: each whole or not at all, none overwritten, nothing left behind."""

import os
import subprocess
from pathlib import Path

import pytest

from multimarket_async.landing import compiled, deliver, torn
from tests.tracing import missing, with_faults

CHILD = """
import sys
from pathlib import Path
from multimarket_async.landing import deliver
try:
    deliver(Path(sys.argv[1]), [(f"{n}.json", b"0123456789") for n in range(4)], (".json",))
except OSError as error:
    print(error.strerror)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("way")
def test_every_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    """Empty ones and large ones too."""
    files = {"a.json": b"", "b.json": b"x" * 3_000_000, "\u00e9t\u00e9.json": b"[]"}
    deliver(tmp_path, files.items(), (".json",))
    assert contents(tmp_path) == files


@pytest.mark.usefixtures("way")
def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    """Whatever bears it, a broken link too."""
    (tmp_path / "a.json").write_bytes(b"first")
    (tmp_path / "b.json").symlink_to("nowhere")
    deliver(tmp_path, [("a.json", b"second"), ("a.json", b"third"), ("b.json", b"fourth")], (".json",))
    assert (tmp_path / "b.json").is_symlink()
    (tmp_path / "b.json").unlink()
    assert contents(tmp_path) == {
        "a.json": b"first",
        "a.2.json": b"second",
        "a.3.json": b"third",
        "b.2.json": b"fourth",
    }


@pytest.mark.usefixtures("way")
def test_what_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    """The files before it are delivered whole; the error names the place."""
    with pytest.raises(FileNotFoundError) as stop:
        deliver(tmp_path, [("a.json", b"1"), ("gone/b.json", b"2"), ("c.json", b"3")], (".json",))
    assert str(tmp_path) in str(stop.value.filename)
    assert contents(tmp_path) == {"a.json": b"1"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as stop:
        deliver(tmp_path / "gone", [("a.json", b"1")], (".json",))
    assert stop.value.filename == str(tmp_path / "gone")


def test_a_folder_removed_meanwhile_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def files():
        folder.rmdir()
        yield "a.json", b"1"

    with pytest.raises(OSError, match="folder") as stop:  # ENOENT, or EPERM from some kernels
        deliver(folder, files(), (".json",))
    assert str(stop.value.filename).startswith(str(folder))


def test_a_torn_file_is_written_in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a disk that takes a few bytes at a time."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))
    with torn(tmp_path, "a.json", b"123456789"):
        assert contents(tmp_path) == {"a.json": b"1234"}
    assert contents(tmp_path) == {"a.json": b"123456789"}


# --- Real faults in C ---------------------------------------------------------------------------


def delivered_under(tmp_path: Path, *faults: str) -> tuple[str, int]:
    """The output of the child, and how many of its four files are there: the first ones, whole, and nothing else."""
    if not compiled():
        missing("needs a C compiler, and an installation by it")
    folder = tmp_path / "folder"
    folder.mkdir()
    command = with_faults(faults, tmp_path / "strace.txt", "-c", CHILD, folder)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    found = contents(folder)
    assert found == {f"{n}.json": b"0123456789" for n in range(len(found))}
    return done.stdout.strip() or str(done.returncode), len(found)


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """It is reported once, and the files before are there."""
    faults = "linkat:error=ENOSPC:when=3+", "renameat2:error=ENOSPC"
    assert delivered_under(tmp_path, *faults) == ("No space left on device", 2)


def test_a_file_that_fails_in_c_is_delivered_in_python(tmp_path: Path) -> None:
    """In its turn: none is left out."""
    assert delivered_under(tmp_path, "linkat:error=EIO:when=3") == ("0", 4)


@pytest.mark.parametrize("link", [1, 3])
def test_a_killed_process_has_delivered_the_files_before(tmp_path: Path, link: int) -> None:
    """And nothing of the others, not even a hidden file."""
    said, files = delivered_under(tmp_path, f"linkat:signal=SIGKILL:when={link}")
    assert (said in ("-9", "137"), files) == (True, link - 1)


def test_a_file_system_without_nameless_files(tmp_path: Path) -> None:
    """C tries the first file only; Python delivers all."""
    assert delivered_under(tmp_path, "linkat:error=EOPNOTSUPP") == ("0", 4)
    assert (tmp_path / "strace.txt").read_text().count("linkat(") == 1
