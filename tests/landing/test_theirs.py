"""Files of other users: what is archived is ours alone, and what they change in quarantine is noticed."""

import asyncio
import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multimarket_async import app
from multimarket_async.app import periodic
from multimarket_async.clock import Clock
from multimarket_async.discovery import settings_models
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, copied, files
from multimarket_async.settings import load
from multimarket_async.tasks import Tasks
from tests.landing.test_directory import DAY

STRANGER = 12345


def owned_by_another(path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file to another user")
    os.chown(path, STRANGER, STRANGER)


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


def open_to_a_group(path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file to another group")
    os.chown(path, -1, STRANGER)
    path.chmod(0o660)


THEIRS = [owned_by_another, open_to_all, open_to_a_group]


@pytest.fixture
def landing(tmp_path: Path, way: str) -> Landing:
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


@pytest.mark.parametrize("theirs", THEIRS)
def test_a_writer_keeps_nothing_of_what_is_archived(landing: Landing, theirs: Callable[[Path], None]) -> None:
    """Neither owner nor mode, nor by a descriptor or a second name; content and time are as they were."""
    path, second = landing.sources / "1.json", landing.sources / "second"
    path.write_bytes(b"[1]")
    os.utime(path, ns=(5, 5))
    theirs(path)
    second.hardlink_to(path)
    with path.open("r+b", buffering=0) as writer:
        assert landing.archive(landing.waiting(), DAY) == [None]
        writer.write(b"[2]")
    [archived] = landing.archive_files()
    status = archived.stat()
    assert (archived.read_bytes(), second.read_bytes(), status.st_mtime_ns) == (b"[1]", b"[2]", 5)
    assert (status.st_uid, status.st_gid, status.st_nlink) == (os.geteuid(), os.getegid(), 1)
    assert not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    assert not path.exists()


def deliver(landing: Landing, content: bytes = b"[1]") -> Path:
    """A file of those that anybody may write to, always of the same time."""
    path = landing.sources / "1.json"
    path.write_bytes(content)
    path.chmod(0o666)
    os.utime(path, ns=(5, 5))
    return path


@pytest.mark.parametrize("second", [b"[2]", b"[1]"])
def test_their_second_file_of_a_name_is_another_one(landing: Landing, second: bytes) -> None:
    """Also of the same content and time: each file is counted."""
    for content in (b"[1]", second):
        deliver(landing, content)
        assert landing.archive(landing.waiting(), DAY) == [None]
        time.sleep(0.01)  # the kernel's clock for files ticks every few milliseconds
    assert sorted(path.read_bytes() for path in landing.archive_files()) == sorted([b"[1]", second])


def test_a_killed_move_of_theirs_is_completed(landing: Landing) -> None:
    """The copy was there, and the original not yet gone."""
    path, day = deliver(landing), landing.archived / str(DAY)
    day.mkdir()
    (day / "1.json").write_bytes(b"[1]")
    os.utime(day / "1.json", ns=(5, 5))
    assert landing.archive(landing.waiting(), DAY) == [None]
    assert (list(day.iterdir()), path.exists()) == ([day / "1.json"], False)


def test_a_full_disk_leaves_theirs_where_it_is(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no reason to archive what its writer can change."""
    path = deliver(landing)
    monkeypatch.setattr(copied, "_copy", full)
    [error] = landing.archive(landing.waiting(), DAY)
    assert (error and error.errno, path.read_bytes(), list(landing.archive_files())) == (errno.ENOSPC, b"[1]", [])


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_written_while_it_is_moved_is_not_archived_by_half(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits again, whole, and no copy is left."""
    path, sync = deliver(landing), copied._sync

    def written_meanwhile(part: str) -> None:
        sync(part)
        with path.open("ab") as file:
            file.write(b"[2]")

    monkeypatch.setattr(copied, "_sync", written_meanwhile)
    assert isinstance(landing.archive(landing.waiting(), DAY)[0], FileNotFoundError)
    assert (path.read_bytes(), [*landing.archived.rglob("*.*")]) == (b"[1][2]", [])


@pytest.mark.parametrize("content", [b"[2]", b"[2, 3]"])
def test_what_is_written_once_it_is_copied_is_no_second_delivery(
    landing: Landing, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original is gone then: what is stored was read before, and is archived once."""
    path, is_copy = deliver(landing), files._is_copy
    with path.open("r+b", buffering=0) as writer:

        def written_before(*arguments: Any) -> bool:
            writer.write(content)
            return is_copy(*arguments)

        monkeypatch.setattr(files, "_is_copy", written_before)
        assert landing.archive(landing.waiting(), DAY) == [None]
    assert [archived.read_bytes() for archived in landing.archive_files()] == [b"[1]"]
    assert landing.waiting() == []


def test_a_copy_that_was_torn_by_its_writer_is_not_archived(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written to while it was read: it waits again."""
    path, pread = deliver(landing), os.pread

    def written_before(descriptor: int, number: int, place: int) -> bytes:
        monkeypatch.undo()
        path.write_bytes(b"[2]")
        return pread(descriptor, number, place)

    monkeypatch.setattr(copied.os, "pread", written_before)
    assert isinstance(landing.archive(landing.waiting(), DAY)[0], FileNotFoundError)
    assert (path.read_bytes(), [*landing.archived.rglob("*.*")]) == (b"[2]", [])


def test_a_file_of_ours_is_renamed(landing: Landing) -> None:
    """Which costs a tenth of a copy."""
    (landing.sources / "1.json").write_bytes(b"[1]")
    (landing.sources / "1.json").chmod(0o660)
    [waiting] = landing.waiting()
    assert landing.archive([waiting], DAY) == [None]
    [archived] = landing.archive_files()
    assert archived.stat().st_ino == waiting.inode


def changed_in_quarantine(landing: Landing) -> Path:
    """A bad file of somebody who then gives it another content of the same length, and sets its time back."""
    path = landing.sources / "1.json"
    path.write_bytes(b'{"a')
    path.chmod(0o666)
    [seen] = landing.waiting()
    facts = {"bytes": seen.bytes, "changed_ns": seen.changed_ns, "sha256": hashlib.sha256(b'{"a').hexdigest()}
    landing.reject(seen, Rejected("truncated", "the text ends too early"), facts)
    [bad] = landing.quarantine.list()
    assert landing.quarantine.changed() == 0
    bad.path.write_bytes(b'{"b')
    os.utime(bad.path, ns=(seen.written_ns, seen.written_ns))
    return bad.path


def test_a_time_that_was_set_back_hides_no_change_in_quarantine(landing: Landing) -> None:
    """Once, and at each later look."""
    changed_in_quarantine(landing)
    assert [landing.quarantine.changed() for _ in range(2)] == [1, 1]


async def test_a_process_looks_at_the_quarantine_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change while it runs is logged within the hour; here, within 10 ms."""
    monkeypatch.setattr(periodic, "LOOK_EVERY_S", 0.01)
    at, stop = app.workspace(load(settings_models(), {"data_dir": tmp_path}, {}, tmp_path / "none")), asyncio.Event()
    looking = asyncio.create_task(periodic.report_changed_files(Tasks(Clock()), at, stop))
    await asyncio.sleep(0)
    await asyncio.to_thread(changed_in_quarantine, at.feeds[0][1])
    said = ""
    while "quarantine.changed" not in said:
        await asyncio.sleep(0.01)
        said += capsys.readouterr().out
    stop.set()
    await looking
