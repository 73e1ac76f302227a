"""A file is replaced atomically, or not at all."""

import os
from pathlib import Path

import pytest

from multimarket_async.files_io import atomic_write


def test_a_reader_keeps_the_file_it_opened(tmp_path: Path) -> None:
    """A reader sees the old content as a whole, the next reader the new one; nothing else is left in the folder."""
    file = tmp_path / "a.json"
    atomic_write(file, b"old")
    with file.open("rb") as reader:
        atomic_write(file, b"new")
        assert (reader.read(), file.read_bytes()) == (b"old", b"new")
    assert os.listdir(tmp_path) == ["a.json"]  # noqa: PTH208


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """Here a folder has the name."""
    (tmp_path / "a.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        atomic_write(tmp_path / "a.json", b"new")
    assert os.listdir(tmp_path) == ["a.json"]  # noqa: PTH208


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """The umask may forbid more, never allow more."""
    atomic_write(tmp_path / "secret", b"password", private=True)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
