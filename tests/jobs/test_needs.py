"""A job on Spark says what it needs besides packages: Java, new enough, and the lake that it reads."""

from pathlib import Path

import pytest

from multimarket_async.domains import Job
from multimarket_async.jobs.needs import lacking
from multimarket_async.settings import Settings

JOB = Job("pieces", "Pieces", {}, "tests.jobs.pieces", ("cronsim",), "spark", engine="spark")
LAKE = Settings(sinks=("lake",))
INSTALL = "apt-get install openjdk-17-jre-headless, or brew install openjdk@17"


def java(folder: Path, release: str) -> str:
    """The home of a Java that says so of itself."""
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.touch(0o755)
    (folder / "release").write_text(release, "utf-8")
    return str(folder)


def test_without_java_and_lake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lacking(JOB, Settings()) == [
        f"Java 17 or later, which is not installed here: {INSTALL}",
        "the lake, which is off: sinks = ['lake']",
    ]


@pytest.mark.parametrize(
    ("release", "found"),
    [
        ('JAVA_VERSION="21.0.2"\n', []),
        ("IMPLEMENTOR=unknown\n", []),
        ('JAVA_VERSION="1.8.0_392"\n', [f"Java 17 or later, which is 8 here: {INSTALL}"]),
    ],
)
def test_the_java_that_spark_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, release: str, found: list[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, release))
    assert lacking(JOB, LAKE) == found


def test_packages_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, ""))
    job = Job("pieces", "Pieces", {}, "tests.jobs.pieces", ("no-such-package",), "spark", engine="spark")
    [phrase] = lacking(job, LAKE)
    assert phrase.startswith("packages that are not installed here: ")
    assert phrase.endswith("-m pip install 'multimarket-async[spark]'")
