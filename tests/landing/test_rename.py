"""Renames that never overwrite, and the names they fall back on."""

import errno
import itertools
import os
import threading
from pathlib import Path

import pytest

from multimarket_async.landing import rename
from multimarket_async.landing.rename import free_names, place, rename_new

JSON = (".json",)


@pytest.fixture(params=["one system call", "checked first"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With renameat2, and as on a system without it."""
    if request.param == "checked first":
        monkeypatch.setattr(rename, "_renameat2", None)


def _names(name: str, longest_bytes: int, how_many: int) -> list[str]:
    return list(itertools.islice(free_names(name, JSON, longest_bytes), how_many))


def test_rename_moves(tmp_path: Path, either_way: None) -> None:
    """A free name is given, and nothing stays behind."""
    (tmp_path / "a").write_bytes(b"1")
    rename_new(tmp_path / "a", tmp_path / "b")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b": b"1"}


def test_rename_never_overwrites(tmp_path: Path, either_way: None) -> None:
    """A taken name is refused, and both files are as they were."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    with pytest.raises(FileExistsError):
        rename_new(tmp_path / "a", tmp_path / "b")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"1", "b": b"2"}


def test_a_dangling_link_is_taken_too(tmp_path: Path, either_way: None) -> None:
    """A name held by a link to nothing is held."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_new(tmp_path / "a", tmp_path / "b")


def test_a_source_that_is_gone_is_said_so(tmp_path: Path, either_way: None) -> None:
    """The second process learns that the file is gone."""
    with pytest.raises(FileNotFoundError):
        rename_new(tmp_path / "a", tmp_path / "b")


def test_a_file_system_without_the_flag_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EINVAL means that the file system knows no such flag, not that the file cannot be moved."""
    monkeypatch.setattr(rename, "_rename_noreplace", lambda _source, _target: errno.EINVAL)
    (tmp_path / "a").write_bytes(b"1")
    rename_new(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"1"


def test_of_many_who_rename_to_one_name_one_wins(tmp_path: Path) -> None:
    """Eight threads want one name: each file ends under a name of its own."""
    sources = [tmp_path / f"source{n}" for n in range(8)]
    for source in sources:
        source.write_bytes(source.name.encode())
    (tmp_path / "there").mkdir()
    threads = [
        threading.Thread(target=place, args=(str(source), str(tmp_path / "there"), "x.json", JSON))
        for source in sources
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {path.name: path.read_text() for path in (tmp_path / "there").iterdir()}
    assert sorted(found) == [
        "x.2.json",
        "x.3.json",
        "x.4.json",
        "x.5.json",
        "x.6.json",
        "x.7.json",
        "x.8.json",
        "x.json",
    ]
    assert sorted(found.values()) == [source.name for source in sources]


def test_place_gives_the_next_free_name(tmp_path: Path) -> None:
    """A second x.json is x.2.json, a third x.3.json."""
    got = []
    for _ in range(3):
        (tmp_path / "new").write_bytes(b"")
        got.append(Path(place(str(tmp_path / "new"), str(tmp_path), "x.json", JSON)).name)
    assert got == ["x.json", "x.2.json", "x.3.json"]


def test_free_names_count_on() -> None:
    """The number goes before the ending, so that the name still ends in .json."""
    assert _names("a.b.json", 255, 3) == ["a.b.json", "a.b.2.json", "a.b.3.json"]


def test_free_names_of_a_name_without_ending() -> None:
    """Whatever the name, the next ones end in .json."""
    assert _names("a", 255, 2) == ["a", "a.2.json"]


def test_the_longest_name_is_kept_and_its_copies_are_cut() -> None:
    """255 bytes are a legal name; with a number it must not grow beyond."""
    longest = "a" * 250 + ".json"
    assert _names(longest, 255, 2) == [longest, "a" * 248 + ".2.json"]


def test_a_name_too_long_here_is_cut_at_once() -> None:
    """A limit of fewer bytes excludes the name itself."""
    assert _names("abcdefgh.json", 12, 1) == ["abcde.2.json"]


def test_a_name_is_measured_in_bytes() -> None:
    """125 times é is 250 bytes: with .json it just fits, one more does not."""
    assert _names("é" * 125 + ".json", 255, 1) == ["é" * 125 + ".json"]
    assert _names("é" * 126 + ".json", 255, 1) == ["é" * 124 + ".2.json"]


def test_a_name_that_is_not_text_keeps_its_bytes() -> None:
    """A file name is any bytes."""
    assert [os.fsencode(name) for name in _names(os.fsdecode(b"\xff.json"), 255, 2)] == [b"\xff.json", b"\xff.2.json"]
