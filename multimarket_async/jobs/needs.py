"""Needs of a job on this machine: its packages and, where Spark computes it, Java and the lake."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from multimarket_async.domains import Job
from multimarket_async.extras import install_command, installed
from multimarket_async.settings import Settings

LEAST_JAVA = 17  # of Spark 4
INSTALL_JAVA = "apt-get install openjdk-17-jre-headless, or brew install openjdk@17"


def lacking(job: Job, settings: Settings) -> list[str]:
    """A phrase for each of them that is not here, with how to get it."""
    return [*_lacking(job, settings)]


def _lacking(job: Job, settings: Settings) -> Iterator[str]:
    if not installed(job.packages):
        yield f"packages that are not installed here: {install_command(job.extra)}"
    if job.engine != "spark":
        return
    if (version := _java()) is None or version < LEAST_JAVA:
        found = f"which is {version}" if version else "which is not installed"
        yield f"Java {LEAST_JAVA} or later, {found} here: {INSTALL_JAVA}"
    if "lake" not in settings.sinks:
        yield "the lake, which is off: sinks = ['lake']"


def _java() -> int | None:
    """The version of the Java that Spark starts; None where there is none. Of an unknown one the least."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which(f"{home}/bin/java" if home else "java")
    if program is None:
        return None
    release = Path(program).resolve().parents[1] / "release"
    text = release.read_text("utf-8") if release.is_file() else ""
    found = re.search(r'JAVA_VERSION="(?:1\.)?([0-9]+)', text)
    return int(found[1]) if found else LEAST_JAVA
