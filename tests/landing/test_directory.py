"""The landing directory: whole or not at all, oldest first, never over another file."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.landing import Landing, WaitingFile
from multimarket_async.landing.waiting import is_ours

DAY = date(2026, 3, 1)
LONGEST = "a" * 250 + ".json"
ODD_NAMES = [
    pytest.param(LONGEST, id="255 bytes"),
    pytest.param(os.fsdecode(b"\xff\xfe.json"), id="not UTF-8"),
    pytest.param("a\nb.json", id="newline"),
    pytest.param("-rf *.json", id="dash, space and star"),
    pytest.param("é😀.json", id="beyond ASCII"),
]


@pytest.fixture
def landing(tmp_path: Path, way: str) -> Landing:
    """An empty landing directory and its archive and quarantine; it is the same in C and in Python."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


def _put(landing: Landing, name: str, content: bytes = b"{}") -> WaitingFile:
    """A file as another program would put it there, as it was when we looked."""
    (landing.sources / name).write_bytes(content)
    return next(file for file in landing.waiting() if file.path.name == name)


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _changed_after(path: Path, moment_ns: int) -> int:
    """Touch it until its time of change differs: the kernel's clock for files ticks every few milliseconds."""
    while path.stat().st_ctime_ns <= moment_ns:
        os.utime(path)
    return path.stat().st_ctime_ns


# --- deliver ----------------------------------------------------------------------------------


async def test_deliver_puts_the_file_there(landing: Landing) -> None:
    """The content arrives under the name, and nothing else is left."""
    path = await landing.deliver("1.json", b"whole")
    assert (path, path.read_bytes()) == (landing.sources / "1.json", b"whole")
    assert _listed(landing.sources) == ["1.json"]


async def test_a_half_written_delivery_is_not_ours(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the rename the file has a name that is not ours: killed there, it never becomes an order."""
    seen: list[tuple[list[str], list[WaitingFile]]] = []

    def killed(*_: object) -> str:
        seen.append((_listed(landing.sources), landing.waiting()))
        raise OSError(errno.EIO, "killed before the rename")

    monkeypatch.setattr("multimarket_async.landing.files.place", killed)
    with pytest.raises(OSError, match="killed"):
        await landing.deliver("1.json", b"whole")
    [(names, waiting)] = seen
    assert (len(names), names[0][0], is_ours(names[0], (".json",)), waiting) == (1, ".", False, [])


async def test_a_delivery_that_fails_leaves_nothing(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk full at the rename: the hidden file goes too."""

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr("multimarket_async.landing.files.place", full)
    with pytest.raises(OSError, match="disk full"):
        await landing.deliver("1.json", b"whole")
    assert _listed(landing.sources) == []


async def test_deliver_never_overwrites_a_waiting_file(landing: Landing) -> None:
    """A second file of the same name waits beside the first."""
    await landing.deliver("1.json", b"first")
    second = await landing.deliver("1.json", b"second")
    assert second.name == "1.2.json"
    assert (landing.sources / "1.json").read_bytes() == b"first"


async def test_deliveries_at_the_same_time_all_arrive(landing: Landing) -> None:
    """Twenty delivers under one name are twenty files."""
    await asyncio.gather(*(landing.deliver("1.json", str(n).encode()) for n in range(20)))
    assert sorted(int(file.path.read_bytes()) for file in landing.waiting()) == list(range(20))


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_deliver_takes_any_name(landing: Landing, name: str) -> None:
    """A name is any bytes but a slash."""
    assert (await landing.deliver(name, b"{}")).name == name


# --- waiting -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".1.json", "1.txt", "1.json.part", "json", ".json"])
def test_other_names_are_not_ours(landing: Landing, name: str) -> None:
    """Hidden files and other endings belong to somebody else and are left alone."""
    (landing.sources / name).write_bytes(b"{}")
    assert landing.waiting() == []


def test_oldest_first(landing: Landing) -> None:
    """The order is that of arrival, not of names or of scandir."""
    moment = 0
    for name in ("m.json", "z.json", "a.json"):
        moment = _changed_after(_put(landing, name).path, moment)
    assert [file.name for file in landing.waiting()] == ["m.json", "z.json", "a.json"]
    assert [file.name for file in landing.waiting(2)] == ["m.json", "z.json"]


def test_a_file_is_as_old_as_its_arrival(landing: Landing) -> None:
    """An old modification time, which any copy may carry along, does not make a file the oldest."""
    first = _put(landing, "1.json")
    second = _put(landing, "2.json")
    _changed_after(second.path, first.changed_ns)
    os.utime(second.path, (0, 0))
    assert [file.name for file in landing.waiting()] == ["1.json", "2.json"]


def test_a_removed_directory_comes_back(landing: Landing) -> None:
    """Somebody removes the landing directory: nothing waits, and sources find it again. To look creates nothing."""
    landing.sources.rmdir()
    assert landing.waiting() == []
    assert not landing.sources.exists()
    landing.restore_directory()
    _put(landing, "1.json")
    assert [file.name for file in landing.waiting()] == ["1.json"]


@pytest.mark.parametrize("above", [0, 1], ids=["itself", "the folder above it"])
def test_a_link_that_leads_nowhere_is_no_empty_directory(landing: Landing, above: int) -> None:
    """As of a file system that is not mounted now: it is unavailable, and works again when it is back."""
    place = [landing.sources, *landing.sources.parents][above]
    target = place.rename(place.with_name("elsewhere"))
    place.symlink_to(target)
    away = target.rename(place.with_name("away"))
    for ask in (landing.waiting, landing.restore_directory):
        with pytest.raises(Unavailable, match="a link in it leads nowhere now"):
            ask()
    away.rename(target)
    landing.restore_directory()
    assert landing.waiting() == []


def test_obstacles_are_told(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories that files of others cannot leave, or to which nothing can be written; none if all is well."""
    assert landing.obstacles() == []
    landing.sources.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert landing.obstacles() == [
        f"{landing.sources} has the sticky bit: files of other users cannot leave it (chmod -t removes it)"
    ]
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != landing.archived)
    assert landing.obstacles()[0] == f"{landing.archived} cannot be written to: files cannot leave or enter it"


def test_prepare_leaves_what_is_there(landing: Landing) -> None:
    """Starting again keeps every file."""
    _put(landing, "1.json")
    landing.prepare()
    assert [file.name for file in landing.waiting()] == ["1.json"]


def test_names_are_shown_as_text(landing: Landing) -> None:
    """Bytes that are not UTF-8 are shown in hexadecimal, so that any log or document can hold the name."""
    assert _put(landing, os.fsdecode(b"caf\xe9.json")).name == "caf\\xe9.json"


def test_a_file_written_to_is_changed(landing: Landing) -> None:
    """Another size, or the same size at another time."""
    before = _put(landing, "1.json", b"12")
    assert _put(landing, "1.json", b"123").unchanged_since(before) is False
    _changed_after(before.path, before.changed_ns)
    assert _put(landing, "1.json", b"12").unchanged_since(before) is False
    same = landing.waiting()[0]
    assert landing.waiting()[0].unchanged_since(same) is True


# --- archive -------------------------------------------------------------------------------


def test_archive_by_day(landing: Landing) -> None:
    """A stored file moves into the folder of its day."""
    assert landing.archive([_put(landing, "1.json", b"content")], DAY) == [None]
    path = landing.archived / "2026-03-01" / "1.json"
    assert (path.read_bytes(), landing.waiting()) == (b"content", [])


def test_archive_never_overwrites(landing: Landing) -> None:
    """The same name three times on one day: three files."""
    for content in (b"first", b"second", b"third"):
        landing.archive([_put(landing, "1.json", content)], DAY)
    archived = {path.name: path.read_bytes() for path in landing.archive_files()}
    assert archived == {"1.json": b"first", "1.2.json": b"second", "1.3.json": b"third"}


def test_archive_of_two_days(landing: Landing) -> None:
    """The archive is listed day by day."""
    landing.archive([_put(landing, "b.json")], date(2026, 3, 2))
    landing.archive([_put(landing, "a.json")], date(2026, 3, 10))
    landing.archive([_put(landing, "c.json")], DAY)
    assert [path.name for path in landing.archive_files()] == ["c.json", "b.json", "a.json"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_archive_takes_any_name_twice(landing: Landing, name: str) -> None:
    """Also the longest name finds a second one."""
    for content in (b"first", b"second"):
        assert landing.archive([_put(landing, name, content)], DAY) == [None]
    archived = {path.name: path.read_bytes() for path in landing.archive_files()}
    assert archived.pop(name) == b"first"
    [(second, content)] = archived.items()
    assert (second.endswith(".2.json"), content) == (True, b"second")


def test_archive_of_a_file_that_is_gone(landing: Landing) -> None:
    """Somebody else was first: it is said, and no file appears."""
    file = _put(landing, "1.json")
    file.path.unlink()
    [error] = landing.archive([file], DAY)
    assert isinstance(error, FileNotFoundError)
    assert list(landing.archive_files()) == []


# --- read ----------------------------------------------------------------------------------


def test_read(landing: Landing) -> None:
    """The bytes as they are; the limit itself is allowed."""
    assert landing.read([_put(landing, "1.json", b"\xff\x00\r\n")], max_bytes=4) == [b"\xff\x00\r\n"]


def test_read_of_a_file_that_is_gone(landing: Landing) -> None:
    """That somebody else took it is no fault of the file."""
    file = _put(landing, "1.json")
    file.path.unlink()
    [error] = landing.read([file], 100)
    assert isinstance(error, FileNotFoundError)


def test_too_large_is_not_read(landing: Landing) -> None:
    """Its size alone rejects it: this one would take all memory."""
    os.truncate(_put(landing, "1.json").path, 2**40)
    [rejected] = landing.read(landing.waiting(), max_bytes=4)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.unfinished) == ("file_too_large", False)
    assert rejected.sentence == f"{2**40} bytes; the limit (max_file_bytes) is 4"


@contextmanager
def _socket_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(path.parent)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
        yield


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/etc/hostname")])
def test_what_is_no_file_is_not_opened(landing: Landing, make: Callable[[Path], object]) -> None:
    """A directory, a pipe, a link named like a file of ours: rejected, and nobody blocks on it."""
    make(landing.sources / "1.json")
    [rejected] = landing.read([landing.waiting()[0]], 100)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.unfinished) == ("not_a_regular_file", False)


def test_a_unix_socket_is_no_file(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a socket."""
    with _socket_at(landing.sources / "1.json", monkeypatch):
        [rejected] = landing.read(landing.waiting(), 100)
    assert isinstance(rejected, Rejected)
    assert rejected.code == "not_a_regular_file"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (os.mkfifo, "still_changing"),
        (Path.mkdir, "unreadable"),
        (lambda path: path.symlink_to("/etc/hostname"), "unreadable"),
    ],
)
def test_what_took_the_place_of_a_file_is_not_read(landing: Landing, make: Callable[[Path], object], code: str) -> None:
    """A file when we looked, something else when we open it: no blocking, no following, and another look later."""
    file = _put(landing, "1.json")
    file.path.unlink()
    make(file.path)
    [rejected] = landing.read([file], 100)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.unfinished) == (code, True)


@pytest.mark.parametrize("now", [b'{"a"', b'{"a": 1}'])
def test_a_file_that_changed_since_is_not_read(landing: Landing, now: bytes) -> None:
    """Shorter or longer than when we looked: its writer is at work."""
    file = _put(landing, "1.json", b'{"a": ')
    file.path.write_bytes(now)
    [rejected] = landing.read([file], 100)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.unfinished) == ("still_changing", True)


@contextmanager
def _no_file_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_out_of_file_descriptors_is_not_the_files_fault(landing: Landing) -> None:
    """EMFILE while reading: try again later."""
    file = _put(landing, "1.json")
    with _no_file_descriptors(), pytest.raises(Unavailable, match="Too many open files"):
        landing.read([file], 100)


def test_out_of_file_descriptors_while_looking(landing: Landing) -> None:
    """EMFILE while listing, where it strikes first in life: try again later."""
    with _no_file_descriptors(), pytest.raises(Unavailable):
        landing.waiting()
