"""doctor: findings say what is missing and what to do, and never show a password."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from multimarket_async.readers.doctor import Finding, examine
from multimarket_async.settings import Settings

PASSWORD = "hush-hush"


class Usage(NamedTuple):
    free: int


async def findings(folder: Path, **settings: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in await examine(Settings(data_dir=folder, **settings))}


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, script: str) -> None:
    (folder / "mongod").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / "mongod").chmod(0o755)


async def test_your_own_mongodb_answers(tmp_path: Path, mongo_uri: str) -> None:
    """Everything is there."""
    found = await findings(tmp_path, mongo_uri=mongo_uri)
    assert [finding.check for finding in found.values() if not finding.ok] == []
    assert found["MongoDB"].found.endswith(" answers")
    assert set(found) == {"Python", "file operations", "domains", "data folder", "disk space", "MongoDB"}


async def test_compiled_file_operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error where they are not, but shown."""
    assert (await findings(tmp_path))["file operations"].found == "compiled"
    monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
    found = (await findings(tmp_path))["file operations"]
    assert found.ok
    assert "install a C compiler" in found.found


async def test_your_own_mongodb_does_not_answer(tmp_path: Path) -> None:
    """Its URI without the password, and the reason."""
    found = (await findings(tmp_path, mongo_uri=f"mongodb://shop:{PASSWORD}@127.0.0.1:1/"))["MongoDB"]
    assert not found.ok
    assert found.found.startswith("mongodb://***@127.0.0.1:1/ does not answer: ")
    assert PASSWORD not in found.found


async def test_the_version_of_the_embedded_mongod(tmp_path: Path, bin_folder: Path) -> None:
    """Of the program that would be started."""
    program(bin_folder, "echo 'db version v6.0.5'; echo more")
    found = (await findings(tmp_path))["MongoDB"]
    assert found == Finding("MongoDB", ok=True, found=f"embedded, db version v6.0.5, {bin_folder}/mongod")


async def test_a_mongod_that_lacks_a_library_is_found(tmp_path: Path, bin_folder: Path) -> None:
    """The message of the loader is shown."""
    program(bin_folder, "echo 'error while loading shared libraries: libcurl.so.4' >&2; exit 127")
    found = (await findings(tmp_path))["MongoDB"]
    assert not found.ok
    assert "libcurl.so.4" in found.found


async def test_a_file_that_is_no_program_is_found(tmp_path: Path, bin_folder: Path) -> None:
    """Built for another machine, say."""
    (bin_folder / "mongod").write_bytes(b"\x7fELFx")
    (bin_folder / "mongod").chmod(0o755)
    assert not (await findings(tmp_path))["MongoDB"].ok


async def test_without_a_mongod_on_path_the_wheels_is_used(tmp_path: Path, bin_folder: Path) -> None:
    """The one that this package brings."""
    found = (await findings(tmp_path))["MongoDB"]
    assert found.ok
    assert "fiftyone" in found.found


async def test_too_little_space_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_uri: str) -> None:
    """With the way out."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=1 << 30))
    found = (await findings(tmp_path, mongo_uri=mongo_uri))["disk space"]
    assert found == Finding(
        "disk space", ok=False, found="1.0 GiB free: make room, or move the data folder with --data-dir"
    )


async def test_a_folder_that_cannot_be_written_to_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_uri: str
) -> None:
    """Root may write anywhere, so the system's answer is played."""
    monkeypatch.setattr("os.access", lambda *_: False)
    found = (await findings(tmp_path, mongo_uri=mongo_uri))["data folder"]
    assert found == Finding("data folder", ok=False, found=f"{tmp_path} cannot be written to: change its owner")


async def test_a_uri_that_is_none_is_a_finding_too(tmp_path: Path) -> None:
    """One wrong check hides no other, and shows no password."""
    found = (await findings(tmp_path, mongo_uri=f"mongodb://shop:p/{PASSWORD}@db.example/"))["MongoDB"]
    assert not found.ok
    assert PASSWORD not in found.found
