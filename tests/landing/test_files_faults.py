"""System calls in C that fail, lie, are held up or are the last: nothing is lost, and no unread file is moved.

The faults are real, injected by strace into a child that collects four files, 0.json to 3.json, in a thread of its
own; `when` counts that thread's calls. The child calls C alone: its answer to a fault is "not done", and Python does
that file (test_files.py).
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.landing import compiled, files
from tests.tracing import missing, with_faults

COLLECTED = """
import json, sys, threading
from datetime import date
from pathlib import Path
from multimarket_async.landing import Landing, files

def collect():
    landing = Landing(Path(sys.argv[1]), "north")
    archive = landing.archived / "2026-03-01"
    archive.mkdir(parents=True)
    source, c, names = str(landing.sources), files._bulk, [f"{n}.json" for n in range(4)]
    with files._opened(source) as at:
        found = c.look(at, source, names)
    waiting = [files.WaitingFile(*fields) for fields in found if fields]
    missing = [name for name, fields in zip(names, found) if not fields]
    print(json.dumps([[file.name for file in waiting], missing]), flush=True)
    with files._opened(source) as at:
        contents = c.read(at, waiting, 100)
    print(json.dumps([content and content.decode() for content in contents]), flush=True)
    with files._opened(source) as at, files._opened(str(archive)) as to:
        moved = c.move(at, to, waiting)
    print(json.dumps([["NO", "YES", "ANOTHER"][answer] for answer in moved]), flush=True)

one = threading.Thread(target=collect)
one.start()
one.join()
"""
NAMES = [f"{n}.json" for n in range(4)]
CONTENTS = {name: f"[{name[0]}]" for name in NAMES}
YES, NO = "YES", "NO"


@pytest.fixture(autouse=True)
def _compiled() -> None:
    """Else there is nothing to inject a fault into."""
    if not compiled():
        missing("needs a C compiler, and an installation by it")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """With the four files."""
    sources = tmp_path / "sources" / "north"
    sources.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (sources / name).write_text(content)
    return tmp_path


def rarer(*faults: str) -> Iterator[Any]:
    """Faults of a second each that end as others do: tried by `make test-slow`."""
    return (pytest.param(fault, marks=pytest.mark.slow) for fault in faults)


def collected(data_dir: Path, *faults: str) -> list[Any]:
    """The files the child saw, read and moved."""
    command = with_faults(faults, data_dir / "strace.txt", "-c", COLLECTED, data_dir)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def there(data_dir: Path) -> dict[str, str]:
    """Contents by path."""
    return {
        str(path.relative_to(data_dir)): path.read_text()
        for folder in ("sources", "archive")
        for path in (data_dir / folder).rglob("*")
        if path.is_file()
    }


def waiting(*names: str) -> dict[str, str]:
    """These wait, and the others are archived."""
    return {
        f"sources/north/{name}" if name in names else f"archive/north/2026-03-01/{name}": content
        for name, content in CONTENTS.items()
    }


def number_of(data_dir: Path, call: str, words: str, time: int = 1) -> int:
    """Which of the thread's calls of this name is the one with these words: so often as it happens, by a trial."""
    log, copy = (data_dir.with_name(f"{data_dir.name}.{name}") for name in ("log", "copy"))
    shutil.copytree(data_dir, copy)
    never = with_faults([f"{call}:error=EIO:when=65535"], log, "-c", COLLECTED, copy)
    subprocess.run(never, check=True, capture_output=True)
    lines = [line.split(" ", 1) for line in log.read_text().splitlines() if f" {call}(" in line]
    numbers = [n for n, (_, line) in enumerate((row for row in lines if row[0] == lines[-1][0]), 1) if words in line]
    return numbers[time - 1]


def test_unharmed(data_dir: Path) -> None:
    """The reference run without faults."""
    assert collected(data_dir, "renameat2:error=EIO:when=99") == [[NAMES, []], list(CONTENTS.values()), [YES] * 4]
    assert there(data_dir) == waiting()


def test_a_look_that_fails_is_not_done(data_dir: Path) -> None:
    second = number_of(data_dir, "newfstatat", "1.json")
    seen, *_ = collected(data_dir, f"newfstatat:error=EIO:when={second}")
    assert seen == [["0.json", "2.json", "3.json"], ["1.json"]]


@pytest.mark.parametrize("fault", ["error=EIO", "retval=2", *rarer("retval=0", "retval=4", "error=EINTR")])
def test_a_read_that_fails_is_not_done(data_dir: Path, fault: str) -> None:
    """Or brings less than was there, or more: Python finds out why."""
    _, read, moved = collected(data_dir, f"readv:{fault}:when=2")
    assert (read, moved) == (["[0]", None, "[2]", "[3]"], [YES] * 4)


@pytest.mark.parametrize("error", ["EMFILE", "ELOOP", *rarer("ENFILE", "EACCES", "ENOMEM", "ENXIO")])
def test_a_file_that_does_not_open_is_not_read(data_dir: Path, error: str) -> None:
    second = number_of(data_dir, "openat", '"1.json"')
    _, read, moved = collected(data_dir, f"openat:error={error}:when={second}")
    assert (read, moved) == (["[0]", None, "[2]", "[3]"], [YES] * 4)


def test_a_file_of_another_owner_is_read(data_dir: Path) -> None:
    """Only to the owner the system grants not to note the time: EPERM, open(2), O_NOATIME."""
    second = number_of(data_dir, "openat", '"1.json"')
    _, read, moved = collected(data_dir, f"openat:error=EPERM:when={second}")
    assert (read, moved) == (list(CONTENTS.values()), [YES] * 4)


def test_a_file_that_may_not_be_opened_is_not_read(data_dir: Path) -> None:
    """Refused twice, it is left to Python."""
    second = number_of(data_dir, "openat", '"1.json"')
    _, read, moved = collected(data_dir, f"openat:error=EPERM:when={second}..{second + 1}")
    assert (read, moved) == (["[0]", None, "[2]", "[3]"], [YES] * 4)


def test_the_last_descriptor_goes_to_the_folder(data_dir: Path) -> None:
    """Nothing is left for the files in C; Python, which needs none for the folder, reads them one by one."""
    folder = str(data_dir / "sources" / "north")
    seen = files.look(folder, NAMES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as lowest_free:
        most = lowest_free.fileno() + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        assert files.read(folder, seen, 100) == [content.encode() for content in CONTENTS.values()]
        with files._opened(folder) as at:
            assert files._bulk.read(at, seen, 100) == [None] * 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "error", ["ENOSPC", "EXDEV", *rarer("EIO", "EACCES", "EROFS", "EINVAL", "ENOSYS", "EEXIST", "EDQUOT")]
)
def test_what_cannot_be_moved_waits(data_dir: Path, error: str) -> None:
    """The others are moved."""
    *_, moved = collected(data_dir, f"renameat2:error={error}:when=2")
    assert (moved, there(data_dir)) == ([YES, NO, YES, YES], waiting("1.json"))


def test_while_the_disk_is_full_nothing_is_moved(data_dir: Path) -> None:
    *_, moved = collected(data_dir, "renameat2:error=ENOSPC:when=2+")
    assert (moved, there(data_dir)) == ([YES, NO, NO, NO], waiting("1.json", "2.json", "3.json"))


def test_a_look_before_the_move_that_fails_moves_nothing(data_dir: Path) -> None:
    first = first_look_of_the_move(data_dir)
    *_, moved = collected(data_dir, f"newfstatat:error=EIO:when={first}")
    assert (moved, there(data_dir)) == ([NO, YES, YES, YES], waiting("0.json"))


def test_a_look_after_the_move_that_fails_takes_the_move_back(data_dir: Path) -> None:
    """Nobody can tell what was moved."""
    first = first_look_of_the_move(data_dir)
    *_, moved = collected(data_dir, f"newfstatat:error=EIO:when={first + 1}")
    assert (moved, there(data_dir)) == ([NO, YES, YES, YES], waiting("0.json"))


def test_a_move_that_cannot_be_taken_back_is_told(data_dir: Path) -> None:
    """The file in the archive may then not be the one that was read."""
    first = first_look_of_the_move(data_dir)
    *_, moved = collected(data_dir, f"newfstatat:error=EIO:when={first + 1}", "renameat2:error=EIO:when=2")
    assert (moved, there(data_dir)) == (["ANOTHER", YES, YES, YES], waiting())


def first_look_of_the_move(data_dir: Path) -> int:
    """The one before the first file is moved: its second."""
    return number_of(data_dir, "newfstatat", '"0.json"', 2)


@pytest.mark.parametrize(
    ("fault", "moved"),
    [
        ("renameat2:signal=SIGKILL:when=1", 0),
        ("renameat2:signal=SIGKILL:when=3", 2),
        ("readv:signal=SIGKILL:when=2", 0),
    ],
)
def test_who_is_killed_has_moved_what_came_before(data_dir: Path, fault: str, moved: int) -> None:
    """Each file is where it was, or where it belongs; nothing is in between."""
    command = with_faults([fault], data_dir / "strace.txt", "-c", COLLECTED, data_dir)
    assert subprocess.run(command, check=False, capture_output=True).returncode in (-signal.SIGKILL, 128 + 9)
    assert there(data_dir) == waiting(*NAMES[moved:])


# --- Another file takes the name meanwhile --------------------------------------------------------


class Stopped:
    """The child, stopped after each call (look) of these numbers, one after the other."""

    def __init__(self, data_dir: Path, *whens: int, call: str = "newfstatat") -> None:
        self._log, self._stops, self._stops_of_main = data_dir / "strace.txt", 0, 0
        fault = f"{call}:signal=SIGSTOP:when={whens[0]}..{whens[-1]}"
        never = [] if call == "newfstatat" else ["newfstatat:error=EIO:when=65535"]  # the main thread's are traced
        command = with_faults([fault, *never], self._log, "-c", COLLECTED, data_dir)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self) -> None:
        """Let it run to its next stop. While it is imported, the main thread comes to these numbers too."""
        self._go_on()
        self._stops += 1
        while True:
            assert self.process.poll() is None, "it never came to that"
            lines = [line.split(maxsplit=1) for line in self._lines() if "SIGSTOP" in line]
            mains = [words for pid, words in lines if pid == self._main()]
            others = [words for pid, words in lines if pid != self._main()]
            if _stops(others) >= self._stops:
                return
            if _stops(mains) > self._stops_of_main:
                self._stops_of_main += 1
                os.kill(int(self._main()), signal.SIGCONT)

    def end(self) -> list[Any]:
        """The files that it found, read and moved."""
        self._go_on()
        return [json.loads(line) for line in self.process.communicate(timeout=300)[0].splitlines()]

    def _go_on(self) -> None:
        if self._stops:
            os.kill(int(self._main()), signal.SIGCONT)

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def _main(self) -> str:
        return self._lines()[0].split()[0]


def _stops(words: list[str]) -> int:
    """The number of times that a thread was sent a stop, and stopped."""
    return min(sum("--- SIGSTOP {" in word for word in words), sum("stopped by" in word for word in words))


@contextmanager
def stopped_at(data_dir: Path, *whens: int, call: str = "newfstatat") -> Iterator[Stopped]:
    """At the first of them."""
    child = Stopped(data_dir, *whens, call=call)
    try:
        child.stop()
        yield child
    finally:
        if child.process.poll() is None:
            child.process.terminate()  # strace kills whom it traces
        child.process.communicate()


def take_the_name(path: Path, content: str) -> None:
    hidden = path.with_name(".new")
    hidden.write_text(content)
    hidden.replace(path)


def test_a_newcomer_between_look_and_move_goes_back_unread(data_dir: Path) -> None:
    first, path = first_look_of_the_move(data_dir), data_dir / "sources" / "north" / "0.json"
    with stopped_at(data_dir, first) as child:
        take_the_name(path, "newcomer")
        *_, moved = child.end()
    assert moved == [NO, YES, YES, YES]
    assert there(data_dir) == {**waiting("0.json"), "sources/north/0.json": "newcomer"}


def test_a_writer_between_look_and_move_gets_its_file_back(data_dir: Path) -> None:
    """It had not ended, as it turns out."""
    first, path = first_look_of_the_move(data_dir), data_dir / "sources" / "north" / "0.json"
    with stopped_at(data_dir, first) as child:
        with path.open("a") as file:
            file.write("more")
        time.sleep(0.05)  # the kernel's clock for files ticks every few milliseconds
        *_, moved = child.end()
    assert moved == [NO, YES, YES, YES]
    assert there(data_dir) == {**waiting("0.json"), "sources/north/0.json": "[0]more"}


def test_what_is_appended_to_as_soon_as_it_is_archived_stays_there(data_dir: Path) -> None:
    """It was stored, and is found as a late write; returned, it would be another delivery."""
    archived = data_dir / "archive" / "north" / "2026-03-01" / "0.json"
    with stopped_at(data_dir, 1, call="renameat2") as child:
        with archived.open("a") as file:
            file.write("more")
        *_, moved = child.end()
    assert moved == [YES] * 4
    assert archived.read_text() == "[0]more"


def test_a_newcomer_whose_name_is_taken_again_is_told(data_dir: Path) -> None:
    """Neither is overwritten: the third one waits, the second one is in the archive, unread, and who asked knows."""
    first, path = first_look_of_the_move(data_dir), data_dir / "sources" / "north" / "0.json"
    with stopped_at(data_dir, first, first + 1) as child:
        take_the_name(path, "second")
        child.stop()
        assert not path.exists()
        path.write_text("third")
        *_, moved = child.end()
    assert moved == ["ANOTHER", YES, YES, YES]
    archived = "archive/north/2026-03-01/0.json"
    assert there(data_dir) == {**waiting(), archived: "second", "sources/north/0.json": "third"}


# --- The interpreter lock ---------------------------------------------------------------------------

WITHOUT_LOCK = """
import os, sys, threading
from multimarket_async.landing import files
from multimarket_async.landing.waiting import WaitingFile

folder = sys.argv[1]
[file] = files.look(folder, ["0.json"])
at = os.open(folder, os.O_RDONLY)
one = threading.Thread(target=files._bulk.read, args=(at, [file], 100), daemon=True)
one.start()
while one.is_alive():
    with open(f"/proc/self/task/{one.native_id}/stat") as stat:
        if stat.read().rpartition(")")[2].split()[0] == "t":
            print("went on while it reads", flush=True)
            os._exit(0)
print("waited until it had read", flush=True)
"""


def test_other_threads_go_on_meanwhile(data_dir: Path) -> None:
    """A read is held up for 20 s by the tracer; who does not wait for it sees it held up."""
    command = with_faults(["readv:delay_enter=20s:when=1"], data_dir / "strace.txt", "-c", WITHOUT_LOCK)
    process = subprocess.Popen([*command, str(data_dir / "sources" / "north")], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "went on while it reads\n"
    finally:
        process.kill()
        process.communicate()
