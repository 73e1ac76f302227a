"""Bad files: quarantined as they came, with the reason, and sent back with their history."""

import json
import os
import resource
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, Quarantine
from multimarket_async.landing.quarantined import MOST_BYTES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAD = Rejected("syntax_error", "a comma is missing", "/items/0", 3, 7)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """An empty landing directory and its quarantine."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


def _quarantine(landing: Landing, name: str, content: bytes = b"bad", rejected: Rejected = BAD, **facts: Any) -> Path:
    path = landing.sources / name
    path.write_bytes(content)
    return landing.quarantine.add(path, rejected, facts)


def _reason(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.with_name(path.name + ".reason.json").read_bytes()))


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_as_it_came_and_the_reason_beside_it(landing: Landing) -> None:
    """Its bytes are untouched; who finds it finds why."""
    path = _quarantine(landing, "1.json", b"\xff bad", sha256="d1")
    assert (path.read_bytes(), landing.waiting()) == (b"\xff bad", [])
    assert _reason(path) == {
        "code": "syntax_error",
        "sentence": "a comma is missing",
        "pointer": "/items/0",
        "line": 3,
        "column": 7,
        "file": "1.json",
        "sha256": "d1",
    }
    assert [name for name in _listed(landing.quarantine.folder) if name[0] != "."] == ["1.json", "1.json.reason.json"]


def test_the_facts_of_the_rejection_are_written_down(landing: Landing) -> None:
    """Whatever helps to mend it, such as both digests of a conflict."""
    conflict = Rejected("conflict", "stored already", facts={"sha256_stored": "d1", "sha256_delivered": "d2"})
    reason = _reason(_quarantine(landing, "1.json", rejected=conflict))
    assert (reason["sha256_stored"], reason["sha256_delivered"]) == ("d1", "d2")


def test_all_reasons_are_written_down(landing: Landing) -> None:
    """The first as before; the others in a list, each with its place."""
    also = (Rejected("no_city", "it is missing", "/city"), Rejected("late", "it is late", "", 1, 2))
    reason = _reason(_quarantine(landing, "1.json", rejected=Rejected("a", "first", also=also)))
    assert (reason["code"], reason["sentence"]) == ("a", "first")
    assert reason["also"] == [
        {"code": "no_city", "sentence": "it is missing", "pointer": "/city", "line": None, "column": None},
        {"code": "late", "sentence": "it is late", "pointer": "", "line": 1, "column": 2},
    ]


def test_the_reason_comes_first(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the move the reason is there already: no file in quarantine is ever without one."""
    there: list[str] = []
    monkeypatch.setattr(
        "multimarket_async.landing.quarantine.rename_new", lambda *_: there.extend(_listed(landing.quarantine.folder))
    )
    _quarantine(landing, "1.json")
    assert there == ["1.json.reason.json"]


def test_a_crash_between_reason_and_move_is_repaired(landing: Landing) -> None:
    """A reason without a file: the file waits still, and the next attempt writes the reason anew and moves it."""
    (landing.quarantine.folder / "1.json.reason.json").write_text('{"code": "of_the_crash"}')
    assert landing.quarantine.list() == []
    path = _quarantine(landing, "1.json")
    assert (path.name, _reason(path)["code"]) == ("1.json", "syntax_error")
    assert _listed(landing.quarantine.folder) == ["1.json", "1.json.reason.json"]


def test_a_disk_too_full_for_the_reason_keeps_the_file_where_it_is(landing: Landing) -> None:
    """Without its reason written nothing moves, and no half reason is left."""
    (landing.sources / "1.json").touch()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            landing.quarantine.add(landing.sources / "1.json", BAD, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in landing.waiting()] == ["1.json"]
    assert _listed(landing.quarantine.folder) == []


def test_a_second_file_of_the_name_stands_beside_the_first(landing: Landing) -> None:
    """Neither file nor reason is overwritten."""
    first = _quarantine(landing, "1.json", b"first", Rejected("a", "first"))
    second = _quarantine(landing, "1.json", b"second", Rejected("b", "second"))
    assert (first.name, first.read_bytes(), _reason(first)["code"]) == ("1.json", b"first", "a")
    assert (second.name, second.read_bytes(), _reason(second)["code"]) == ("1.2.json", b"second", "b")
    assert _reason(second)["file"] == "1.json"


def test_a_file_named_like_a_reason_is_not_taken_for_one(landing: Landing) -> None:
    """x.json.reason.json, bad, beside x.json, bad: two files, two reasons, whichever comes first."""
    imposter = _quarantine(landing, "x.json.reason.json", b"imposter")
    honest = _quarantine(landing, "x.json", b"honest")
    assert (imposter.name, imposter.read_bytes()) == ("x.json.reason.2.json", b"imposter")
    assert (honest.read_bytes(), _reason(honest)["file"]) == (b"honest", "x.json")
    assert sorted(file.reason["file"] for file in landing.quarantine.list()) == ["x.json", "x.json.reason.json"]


@pytest.mark.parametrize("bytes_long", [242, 243, 255])
def test_long_names_leave_room_for_the_reasons_name(landing: Landing, bytes_long: int) -> None:
    """Up to the longest legal name a file gets its reason, and each name in quarantine is legal."""
    name = "a" * (bytes_long - 5) + ".json"
    for _ in range(2):
        assert _reason(_quarantine(landing, name))["file"] == name
    assert len(landing.quarantine.list()) == 2


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff.json"), "a\nb.json", '"quoted".json'])
def test_odd_names(landing: Landing, name: str) -> None:
    """The reason file is JSON whatever the name, and holds the very name."""
    path = _quarantine(landing, name)
    assert (path.name, _reason(path)["file"]) == (name, name)


def test_a_sentence_that_is_not_text(landing: Landing) -> None:
    """A lone surrogate in a sentence or a pointer does not keep the reason from being written."""
    path = _quarantine(landing, "1.json", rejected=Rejected("bad_key", "half a character: \ud800", "/\ud800"))
    assert _reason(path)["pointer"] == "/\ud800"


def test_directories_and_links_are_quarantined_too(landing: Landing) -> None:
    """An entry that is no file moves as it is: a directory with its contents, a link as a link."""
    folder = landing.sources / "1.json"
    folder.mkdir()
    (folder / "inside").write_bytes(b"kept")
    link = landing.sources / "2.json"
    link.symlink_to("/etc/hostname")
    landing.quarantine.add(folder, BAD, {})
    landing.quarantine.add(link, BAD, {})
    assert (landing.quarantine.folder / "1.json" / "inside").read_bytes() == b"kept"
    assert (landing.quarantine.folder / "2.json").readlink() == Path("/etc/hostname")


def test_a_removed_quarantine_comes_back(landing: Landing) -> None:
    """Somebody removes the folder: the next bad file finds it again."""
    landing.quarantine.folder.rmdir()
    assert landing.quarantine.list() == []
    assert _quarantine(landing, "1.json").read_bytes() == b"bad"


def test_list_is_oldest_first(landing: Landing) -> None:
    """By when they were quarantined, not by name."""
    _quarantine(landing, "a.json", quarantined_at="2026-03-02")
    _quarantine(landing, "b.json", quarantined_at="2026-03-01")
    assert [file.path.name for file in landing.quarantine.list()] == ["b.json", "a.json"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"\xff{")])
def test_a_file_whose_reason_is_lost_is_still_listed(landing: Landing, damage: Any) -> None:
    """Nothing in quarantine is invisible."""
    path = _quarantine(landing, "1.json")
    damage(path.with_name("1.json.reason.json"))
    [one] = landing.quarantine.list()
    assert (one.path, one.reason["code"]) == (path, "unknown")


# --- replay --------------------------------------------------------------------------------


def test_replay_sends_the_file_back(landing: Landing) -> None:
    """It waits again under its name, and quarantine shows nothing of it."""
    _quarantine(landing, "1.json", b"mended")
    [one] = landing.quarantine.list()
    path = landing.quarantine.replay(one, NOW)
    assert (path, path.read_bytes()) == (landing.sources / "1.json", b"mended")
    assert landing.quarantine.list() == []
    assert [name for name in _listed(landing.quarantine.folder) if not name.startswith(".")] == []


def test_replay_never_overwrites_a_waiting_file(landing: Landing) -> None:
    """A new file of the same name waits: both wait."""
    _quarantine(landing, "1.json", b"old")
    (landing.sources / "1.json").write_bytes(b"new")
    path = landing.quarantine.replay(landing.quarantine.list()[0], NOW)
    assert (path.name, path.read_bytes()) == ("1.2.json", b"old")
    assert (landing.sources / "1.json").read_bytes() == b"new"


def test_a_file_that_comes_back_brings_its_history(landing: Landing) -> None:
    """Twice replayed, three times bad: its reason tells of both attempts."""
    for code, day in (("first", "2026-03-01"), ("second", "2026-03-02")):
        _quarantine(landing, "1.json", rejected=Rejected(code, "bad", "/x"), quarantined_at=day)
        landing.quarantine.replay(landing.quarantine.list()[0], NOW)
    reason = _reason(_quarantine(landing, "1.json", rejected=Rejected("third", "bad")))
    replayed_at = "2026-03-01T12:00:00+00:00"
    assert reason["code"] == "third"
    assert reason["attempts"] == [
        {"code": "first", "pointer": "/x", "quarantined_at": "2026-03-01", "replayed_at": replayed_at},
        {"code": "second", "pointer": "/x", "quarantined_at": "2026-03-02", "replayed_at": replayed_at},
    ]


def test_replay_of_a_file_whose_reason_is_lost(landing: Landing) -> None:
    """It can be sent back all the same."""
    _quarantine(landing, "1.json").with_name("1.json.reason.json").unlink()
    assert landing.quarantine.replay(landing.quarantine.list()[0], NOW).name == "1.json"


def test_replay_of_a_long_name_that_is_taken(landing: Landing) -> None:
    """The longest name quarantine gives, replayed beside a waiting file of that name."""
    name = "a" * 237 + ".json"
    _quarantine(landing, name)
    (landing.sources / name).write_bytes(b"new")
    landing.quarantine.replay(landing.quarantine.list()[0], NOW)
    assert _listed(landing.quarantine.folder)[0].startswith(".")


def test_two_processes_of_one_number_do_not_mix_their_reasons(landing: Landing) -> None:
    """Two containers on one volume may have the same process id: each writes its own hidden file."""
    theirs = landing.quarantine.folder / f".{os.getpid()}.part"
    theirs.write_text("half a reason of another process")
    _quarantine(landing, "1.json")
    assert theirs.read_text() == "half a reason of another process"


def test_two_processes_quarantine_a_file_once(landing: Landing) -> None:
    """The second process learns that it is gone, and the file of the first keeps its reason."""
    other = Quarantine(landing.quarantine.folder, landing.sources)
    path = _quarantine(landing, "1.json")
    with pytest.raises(FileNotFoundError):
        other.add(landing.sources / "1.json", Rejected("late", "came second"), {})
    assert [(file.path, file.reason["code"]) for file in landing.quarantine.list()] == [(path, "syntax_error")]


def test_a_reason_of_an_earlier_version_is_read(landing: Landing) -> None:
    """It says `set_aside_at`, in its attempts too; a data folder written before must work."""
    path = _quarantine(landing, "1.json")
    file = path.with_name("1.json.reason.json")
    attempt = {"code": "truncated", "pointer": "", "set_aside_at": "2025-01-01", "replayed_at": "2025-01-02"}
    earlier = {"code": "truncated", "sentence": "It ends.", "set_aside_at": "2025-01-03", "attempts": [attempt]}
    file.write_text(json.dumps(earlier))
    [one] = landing.quarantine.list()
    assert (one.reason["quarantined_at"], one.reason["attempts"][0]["quarantined_at"]) == ("2025-01-03", "2025-01-01")
    landing.quarantine.replay(one, NOW)
    (landing.sources / "1.json").rename(landing.sources / "2.json")
    assert landing.quarantine.replayed_at("1.json") == NOW.isoformat()


@pytest.mark.slow
def test_a_file_of_any_size_is_looked_at_in_little_memory(landing: Landing) -> None:
    """It is there because it was too large."""
    big = _quarantine(landing, "big.json", bytes=1 << 30, sha256="0" * 64)
    with big.open("r+b") as file:
        file.truncate(1 << 30)
    [found] = landing.quarantine.list()
    tracemalloc.start()
    try:
        assert (found.changed(), len(found.content())) == (True, MOST_BYTES)
        assert tracemalloc.get_traced_memory()[1] < 2 * MOST_BYTES
    finally:
        tracemalloc.stop()
