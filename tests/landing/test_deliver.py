"""Files delivered in bulk: each whole or not at all, none overwritten, nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from multimarket_async.landing import compiled, deliver, files
from tests.tracing import missing, with_faults

KILLED = """
import os, signal, sys
from pathlib import Path
from multimarket_async.landing import files
files._bulk = None
write = os.write
def killed(descriptor, content):
    write(descriptor, content[:3])
    os.kill(os.getpid(), signal.SIGKILL)
files.os.write = killed
files.deliver(Path(sys.argv[1]), [("a.json", b"[1, 2, 3]")])
"""


CHILD = """
import sys
from pathlib import Path
from multimarket_async.landing import deliver
try:
    deliver(Path(sys.argv[1]), [(f"{n}.json", b"0123456789") for n in range(4)])
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture(params=["compiled", "linked", "renamed"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three, whatever this file system offers."""
    if request.param == "compiled" and not compiled():
        missing("needs a C compiler, and an installation by it")
    if request.param != "compiled":
        monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
    if request.param == "renamed":
        monkeypatch.setattr(files, "_has_nameless_files", lambda _: False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("_way")
def test_every_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    """Empty ones and large ones too."""
    files = {"a.json": b"", "b.json": b"x" * 3_000_000, "\u00e9t\u00e9.json": b"[]"}
    deliver(tmp_path, files.items())
    assert contents(tmp_path) == files


@pytest.mark.usefixtures("_way")
def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    """Whatever bears it, a broken link too."""
    (tmp_path / "a.json").write_bytes(b"first")
    (tmp_path / "b.json").symlink_to("nowhere")
    deliver(tmp_path, [("a.json", b"second"), ("a.json", b"third"), ("b.json", b"fourth")])
    assert (tmp_path / "b.json").is_symlink()
    (tmp_path / "b.json").unlink()
    assert contents(tmp_path) == {
        "a.json": b"first",
        "a.2.json": b"second",
        "a.3.json": b"third",
        "b.2.json": b"fourth",
    }


@pytest.mark.usefixtures("_way")
def test_what_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    """Those before it are there, whole; the error names the place."""
    with pytest.raises(FileNotFoundError) as stop:
        deliver(tmp_path, [("a.json", b"1"), ("gone/b.json", b"2"), ("c.json", b"3")])
    assert str(tmp_path) in str(stop.value.filename)
    assert contents(tmp_path) == {"a.json": b"1"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as stop:
        deliver(tmp_path / "gone", [("a.json", b"1")])
    assert stop.value.filename == str(tmp_path / "gone")


def test_a_folder_removed_meanwhile_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def files():
        folder.rmdir()
        yield "a.json", b"1"

    with pytest.raises(OSError, match=r"a\.json") as stop:  # ENOENT, or EPERM from some kernels
        deliver(folder, files())
    assert str(stop.value.filename).startswith(str(folder))


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without a name")
def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    """In the middle of a file: not even a hidden one."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert contents(tmp_path) == {}


def test_a_disk_that_takes_a_part_is_given_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
    monkeypatch.setattr(files.os, "write", lambda descriptor, content: write(descriptor, content[:4]))
    deliver(tmp_path, [("a.json", b"123456789")])
    assert contents(tmp_path) == {"a.json": b"123456789"}


# --- Real faults on the compiled way ------------------------------------------------------------


def delivered_under(fault: str, tmp_path: Path) -> tuple[str, int]:
    """What the child said, and how many of its four files are there: the first ones, whole, and nothing else."""
    if not compiled():
        missing("needs a C compiler, and an installation by it")
    folder = tmp_path / "folder"
    folder.mkdir()
    command = with_faults([fault], tmp_path / "strace.txt", "-c", CHILD, folder)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    found = contents(folder)
    assert found == {f"{n}.json": b"0123456789" for n in range(len(found))}
    return done.stdout.strip() or str(done.returncode), len(found)


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """Told once, and what came before is there."""
    assert delivered_under("linkat:error=ENOSPC:when=3+", tmp_path) == ("No space left on device", 2)


def test_what_fails_once_is_done_the_careful_way(tmp_path: Path) -> None:
    """In its turn: none is left out."""
    assert delivered_under("linkat:error=EIO:when=3", tmp_path) == ("0", 4)


@pytest.mark.parametrize("link", [1, 3])
def test_a_killed_process_has_delivered_what_came_before(tmp_path: Path, link: int) -> None:
    """And nothing of what did not."""
    said, files = delivered_under(f"linkat:signal=SIGKILL:when={link}", tmp_path)
    assert (said in ("-9", "137"), files) == (True, link - 1)
