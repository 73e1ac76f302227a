"""A refused file that is delivered again: kept once, and counted, whatever ends the process in between."""

import errno
import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, repeats
from multimarket_async.landing.expired import alone
from multimarket_async.landing.rename import rename_new

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAD = Rejected("bad_price", "It is no price.", "/price")


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """An empty landing directory and its quarantine."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


def refused(landing: Landing, name: str, content: bytes = b"bad", rejected: Rejected = BAD) -> int:
    """The deliveries of the content of a file that is delivered now, and refused."""
    (landing.sources / name).write_bytes(content)
    return refuse_waiting(landing, rejected)


def refuse_waiting(landing: Landing, rejected: Rejected = BAD) -> int:
    [file] = landing.waiting()
    facts = {"bytes": file.bytes, "changed_ns": file.changed_ns, "quarantined_at": NOW.isoformat()}
    facts["sha256"] = hashlib.sha256(file.path.read_bytes()).hexdigest()
    return landing.reject(file, rejected, facts)


def content_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".kept")


def test_the_same_bytes_are_kept_once_and_counted(landing: Landing) -> None:
    """Under their own name or another; the reason says when they came first and last."""
    assert [refused(landing, name) for name in ("1.json", "1.json", "2.json")] == [1, 2, 3]
    assert content_of(landing.quarantine.folder) == ["1.json", "1.json.reason.json"]
    [kept] = landing.quarantine.list()
    assert (kept.deliveries, landing.quarantine.codes()) == (3, Counter(bad_price=3))
    assert kept.reason["first_seen"] == NOW.isoformat() < kept.reason["last_seen"]
    assert landing.waiting() == []


@pytest.mark.parametrize(
    ("content", "rejected"), [(b"worse", BAD), (b"bad", Rejected("bad_city", "It is no city."))], ids=["bytes", "code"]
)
def test_other_bytes_and_other_reasons_are_kept_for_themselves(
    landing: Landing, content: bytes, rejected: Rejected
) -> None:
    """Each is a refusal of its own, also when they take turns."""
    for _ in range(2):
        refused(landing, "1.json")
        refused(landing, "1.json", content, rejected)
    assert sorted(file.deliveries for file in landing.quarantine.each()) == [2, 2]
    assert landing.quarantine.codes().total() == 4


def test_a_delivery_is_counted_whichever_read_lacks_a_descriptor(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reason that cannot be read now is not one that says nothing: the file waits, or is counted; so are all."""
    refused(landing, "1.json")
    reads, left, real = 0, -1, Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        nonlocal reads, left
        reads, left = reads + 1, left - 1
        if left == 0:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return real(path)

    for failing in itertools.count(1):
        (landing.sources / "1.json").write_bytes(b"bad")
        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        reads, left = 0, failing + 1  # the test reads first
        with suppress(OSError):
            refuse_waiting(landing)
        monkeypatch.undo()
        if landing.waiting():
            refuse_waiting(landing)
        assert landing.quarantine.codes().total() == failing + 1
        if left > 0:
            break
    assert failing > 3


def test_a_count_is_not_made_without_a_reason_that_cannot_be_read(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it remembered as one that says nothing."""
    refused(landing, "1.json")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", raising(errno.EMFILE))
        with pytest.raises(OSError, match="Too many open files"):
            landing.quarantine.codes()
    assert landing.quarantine.codes() == Counter(bad_price=1)


def raising(number: int) -> Callable[[Path], bytes]:
    def read_bytes(path: Path) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    return read_bytes


def test_a_file_that_nobody_reads_is_kept_once_too(landing: Landing) -> None:
    """It is too large, which is where it matters most."""
    for name in ("1.json", "2.json"):
        (landing.sources / name).write_bytes(b"large")
        [file] = landing.waiting()
        landing.reject(file, Rejected("file_too_large", "It is too large."), {"sha256": None})
    assert [file.deliveries for file in landing.quarantine.list()] == [2]


def test_a_file_that_was_corrected_stands_for_its_bytes_no_more(landing: Landing) -> None:
    """The next delivery is kept beside it."""
    refused(landing, "1.json")
    (landing.quarantine.folder / "1.json").write_bytes(b"good")
    assert refused(landing, "1.json") == 1
    assert sorted(file.content() for file in landing.quarantine.each()) == [b"bad", b"good"]


@pytest.mark.parametrize("unfinished", [False, True])
def test_what_its_writer_may_go_on_with_is_kept(landing: Landing, unfinished: bool) -> None:
    """It has the file open: the rest of it must not be lost."""
    refused(landing, "1.json")
    with (landing.sources / "2.json").open("wb", buffering=0) as writer:
        writer.write(b"bad")
        refuse_waiting(landing, Rejected(BAD.code, BAD.sentence, unfinished=unfinished))
        writer.write(b", and more")
    assert sorted(file.content() for file in landing.quarantine.each()) == [b"bad", b"bad, and more"]


def test_where_the_kernel_names_no_writer(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that looks unfinished is kept each time, any other one once."""

    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("multimarket_async.landing.repeats.fcntl.fcntl", refuse)
    half = Rejected("truncated", "It ends too early.", unfinished=True)
    assert [refused(landing, "1.json", b"{", half) for _ in range(2)] == [1, 1]
    assert [refused(landing, "1.json") for _ in range(2)] == [1, 2]


# --- killed in between ---------------------------------------------------------------------


class Killed(BaseException):
    """The end of a process, as far as files are concerned."""


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the process at this call, counted from 0, that changes a name."""
    calls = 0

    def ending(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number + 1:
                raise Killed
            return real(*arguments, **more)

        return call

    for name in ("unlink", "replace"):
        monkeypatch.setattr(Path, name, ending(getattr(Path, name)))
    monkeypatch.setattr("multimarket_async.landing.quarantine.rename_new", ending(rename_new))


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("step", range(12))
def test_a_kill_at_any_step_counts_each_delivery(landing: Landing, copies: int, step: int) -> None:
    """Waiting or counted, and in the end each was counted; no bytes are kept twice."""
    for _ in range(copies - 1):
        refused(landing, "1.json")
    (landing.sources / "again.json").write_bytes(b"bad")
    with pytest.MonkeyPatch.context() as patch:
        killed_at(step, patch)
        with suppress(Killed):
            refuse_waiting(landing)
    assert len(landing.waiting()) + landing.quarantine.codes().total() == copies
    assert len(landing.waiting()) + sum(file.deliveries for file in landing.quarantine.each()) == copies
    if landing.waiting():
        refuse_waiting(landing)
    assert refused(landing, "last.json") == copies + 1
    assert landing.quarantine.codes() == Counter(bad_price=copies + 1)
    [kept] = landing.quarantine.list()
    assert content_of(landing.quarantine.folder) == [kept.path.name, f"{kept.path.name}.reason.json"]


def test_other_bytes_that_were_moved_in_a_moment_of_death_come_back(landing: Landing) -> None:
    """The process ended before it looked again at what it had moved."""
    refused(landing, "1.json")
    [kept] = landing.quarantine.list()
    place = repeats.again(landing.quarantine.folder, repeats.identity(kept.reason) or "", 2)
    place.write_bytes(b"written over it")
    assert refused(landing, "2.json") == 2
    assert [file.path.read_bytes() for file in landing.waiting()] == [b"written over it"]


# --- replay, removal, several processes ----------------------------------------------------


def test_a_replay_forgets_no_delivery(landing: Landing) -> None:
    """One goes back; the others were refused, and stay counted, whatever becomes of it."""
    for name in ("1.json", "2.json", "3.json"):
        refused(landing, name)
    landing.quarantine.replay(landing.quarantine.list()[0], NOW)
    assert (len(landing.waiting()), landing.quarantine.codes()) == (1, Counter(bad_price=2))
    refuse_waiting(landing)
    assert (landing.quarantine.list()[0].deliveries, landing.quarantine.codes()) == (3, Counter(bad_price=3))
    assert refused(landing, "1.json") == 4


def test_a_replayed_file_that_comes_back_under_another_name(landing: Landing) -> None:
    """Its name was taken meanwhile: nothing is counted twice."""
    for _ in range(3):
        refused(landing, "1.json")
    landing.quarantine.replay(landing.quarantine.list()[0], NOW)
    (landing.quarantine.folder / "1.json").write_bytes(b"by somebody")
    refuse_waiting(landing)
    assert landing.quarantine.codes() == Counter(bad_price=3, unknown=1)


def test_a_removed_file_is_kept_when_it_comes_again(landing: Landing) -> None:
    """As by an erasure: of what was removed nothing is known."""
    refused(landing, "1.json")
    landing.quarantine.remove(landing.quarantine.folder / "1.json")
    assert list(landing.quarantine.folder.iterdir()) == []
    assert refused(landing, "1.json") == 1


def test_what_a_killed_process_has_moved_is_counted_on_demand(landing: Landing) -> None:
    """Before an erasure, which has to see every file."""
    refused(landing, "1.json")
    [kept] = landing.quarantine.list()
    hidden = repeats.again(landing.quarantine.folder, repeats.identity(kept.reason) or "", 2)
    hidden.write_bytes(b"bad")
    landing.quarantine.recover()
    assert (hidden.exists(), landing.quarantine.list()[0].deliveries) == (False, 2)


def test_two_processes_keep_it_once(landing: Landing) -> None:
    """Each finds the file of the other one."""
    other = Landing(landing.sources.parent.parent, "north")
    assert [refused(landing, "1.json"), refused(other, "1.json"), refused(landing, "1.json")] == [1, 2, 3]


@pytest.mark.timeout(60)
def test_nobody_waits_for_the_removal_of_old_files(landing: Landing) -> None:
    """It may take long where there are many."""
    refused(landing, "1.json")
    with alone(landing.quarantine.folder) as ours:
        assert ours
        assert refused(landing, "1.json") == 2


def test_a_note_is_as_young_as_its_last_delivery(landing: Landing) -> None:
    """The note of the kept file is not too old before the file is."""
    refused(landing, "1.json")
    [note] = landing.quarantine.folder.glob(".*.kept")
    os.utime(note, (1e9, 1e9))
    refused(landing, "1.json")
    assert note.stat().st_mtime > 1e9


@pytest.mark.parametrize("edited", ["three", -1, True, None])
def test_an_edited_count_counts_one(landing: Landing, edited: object) -> None:
    """A person may write anything into a reason."""
    refused(landing, "1.json")
    file = landing.quarantine.folder / "1.json.reason.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "deliveries": edited}))
    assert (landing.quarantine.list()[0].deliveries, landing.quarantine.codes().total()) == (1, 1)


@pytest.mark.parametrize("name", ["../../outside.json", "", "1.json.reason.json", "\0"])
def test_a_note_that_names_no_file_of_the_quarantine_is_void(landing: Landing, name: str) -> None:
    """Somebody wrote it."""
    refused(landing, "1.json")
    [note] = landing.quarantine.folder.glob(".*.kept")
    note.write_text(name)
    assert refused(landing, "1.json") == 1
    assert len(landing.quarantine.list()) == 2
