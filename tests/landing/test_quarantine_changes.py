"""Quarantine is a way back: files that were written to since, attempts that survive a crash."""

import hashlib
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, QuarantinedFile, WaitingFile

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAD = Rejected("truncated", "the text ends too early", "", 1, 4)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """An empty landing directory and its quarantine."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


def quarantined(
    landing: Landing, content: bytes = b'{"a', name: str = "1.json", rejected: Rejected = BAD, **facts: Any
) -> QuarantinedFile:
    """As the collector does it: what it knows of the file is what it saw before it read it."""
    (landing.sources / name).write_bytes(content)
    seen = looked_at(landing, name)
    known = {"bytes": seen.bytes, "changed_ns": seen.changed_ns, "sha256": hashlib.sha256(content).hexdigest()}
    path = landing.quarantine.add(seen.path, rejected, {**known, **facts})
    return next(file for file in landing.quarantine.list() if file.path == path)


def looked_at(landing: Landing, name: str) -> WaitingFile:
    return next(file for file in landing.waiting() if file.name == name)


def test_a_file_left_alone_has_not_changed(landing: Landing) -> None:
    """Nor has one whose time alone was touched, or whose rights: only the content decides."""
    one = quarantined(landing)
    assert not one.changed()
    os.utime(one.path, (2e9, 2e9))
    one.path.chmod(0o600)
    assert not one.changed()


def test_a_writer_that_ends_late_is_noticed(landing: Landing) -> None:
    """It holds the file open, and goes on writing where the file is now."""
    with (landing.sources / "1.json").open("wb", buffering=0) as writer:
        writer.write(b'{"a')
        seen = looked_at(landing, "1.json")
        facts = {"bytes": seen.bytes, "changed_ns": seen.changed_ns, "sha256": hashlib.sha256(b'{"a').hexdigest()}
        landing.quarantine.add(seen.path, BAD, facts)
        [one] = landing.quarantine.list()
        assert not one.changed()
        writer.write(b'": 1}')
        assert one.changed()


@pytest.mark.parametrize("written", [b'{"b', b"{}", b"", b'{"a": 1}'])
def test_any_other_content_is_a_change(landing: Landing, written: bytes) -> None:
    """Shorter, longer, or of the same length within the same tick of the kernel's clock."""
    one = quarantined(landing)
    one.path.write_bytes(written)
    assert one.changed()


def test_a_writer_between_the_look_and_the_move_is_noticed(landing: Landing) -> None:
    """The digest is that of what was read, so what was written after the reading counts."""
    one = quarantined(landing, b'{"b', sha256=hashlib.sha256(b'{"a').hexdigest())
    assert one.changed()


def test_a_file_that_was_never_read(landing: Landing) -> None:
    """Not readable: there is no digest, and its size and its time decide."""
    one = quarantined(landing, rejected=Rejected("unreadable", "it cannot be read", unfinished=True), sha256=None)
    assert not one.changed()
    later_ns = time.time_ns() + 10**9
    os.utime(one.path, ns=(later_ns, later_ns))
    assert one.changed()


@pytest.mark.parametrize("digest", [None, "d1"])
def test_another_size_is_a_change_whatever_the_time_says(landing: Landing, digest: str | None) -> None:
    """A copy that keeps the time of its original, years ago."""
    one = quarantined(landing, sha256=digest)
    one.path.write_bytes(b'{"a": 1}')
    os.utime(one.path, (1e9, 1e9))
    assert one.changed()


@pytest.mark.parametrize("reason", [b"", b"[]", b'{"code": 1, "sentence": "x"}', b'{"code": "x"}'])
def test_a_damaged_reason_is_unknown_and_no_change(landing: Landing, reason: bytes) -> None:
    """Whatever lies in its place: listed, and offered to nobody."""
    one = quarantined(landing)
    one.path.with_name("1.json.reason.json").write_bytes(reason)
    [listed] = landing.quarantine.list()
    assert (listed.reason["code"], listed.changed()) == ("unknown", False)


def test_what_is_no_file_or_gone_has_not_changed(landing: Landing) -> None:
    """A pipe blocks nobody; nor does one that took the file's place."""
    one = quarantined(landing)
    one.path.unlink()
    assert not one.changed()
    os.mkfifo(one.path)
    assert not one.changed()
    one.path.unlink()
    one.path.symlink_to("/etc/hostname")
    assert not one.changed()
    with pytest.raises(OSError, match="symbolic links"):
        one.content()


def test_changed_files_are_counted(landing: Landing) -> None:
    """Two of three."""
    for name, late in (("1.json", b"1"), ("2.json", b""), ("3.json", b"3")):
        one = quarantined(landing, name.encode(), name)
        one.path.write_bytes(one.content() + late)
    assert landing.quarantine.changed() == 2


# --- replay --------------------------------------------------------------------------------


def test_when_a_file_went_back(landing: Landing) -> None:
    """Known by its name, for as long as its history is kept."""
    assert landing.quarantine.replayed_at("1.json") is None
    landing.quarantine.replay(quarantined(landing), NOW)
    assert landing.quarantine.replayed_at("1.json") == "2026-03-01T12:00:00+00:00"


def test_attempts_survive_a_crash_within_replay(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the file went back and before its history was hidden: it comes back, and all attempts with it."""
    landing.quarantine.replay(quarantined(landing), NOW)
    second = quarantined(landing)
    monkeypatch.setattr("multimarket_async.landing.quarantine.Quarantine._history_of", crash)
    with pytest.raises(KeyboardInterrupt):
        landing.quarantine.replay(second, NOW)
    monkeypatch.undo()
    assert len(quarantined(landing).reason["attempts"]) == 2


def crash(*_: object) -> Path:
    raise KeyboardInterrupt


def test_two_replays_at_once_send_a_file_once(landing: Landing) -> None:
    """The second process learns that it is gone."""
    one = quarantined(landing)
    landing.quarantine.replay(one, NOW)
    with pytest.raises(FileNotFoundError):
        landing.quarantine.replay(one, NOW)
    assert [file.name for file in landing.waiting()] == ["1.json"]


def test_a_file_that_comes_back_beside_another_of_its_name_brings_its_history(landing: Landing) -> None:
    """The name it waits under is taken in quarantine when it returns."""
    placed = landing.quarantine.replay(quarantined(landing, b"first"), NOW)
    (landing.quarantine.folder / "1.json").write_bytes(b"laid here by hand")
    back = landing.quarantine.add(placed, BAD, {})
    reason = json.loads(back.with_name(back.name + ".reason.json").read_bytes())
    assert (back.name, [attempt["code"] for attempt in reason["attempts"]]) == ("1.2.json", ["truncated"])


def test_a_disk_full_for_the_reason_leaves_no_rubbish(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The half-written reason goes, the file stays where it was."""
    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(OSError, match="full"):
        quarantined(landing)
    assert list(landing.quarantine.folder.iterdir()) == []
    assert [file.name for file in landing.waiting()] == ["1.json"]


def disk_full(*_: object) -> Path:
    raise OSError(28, "the disk is full")
