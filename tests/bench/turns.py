"""Programs that take turns: each is a process that gets ready, is told to go, and is timed until its work is done."""

import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ground import HERE, console, cpu_s, process, wait_for_documents
from pymongo.collection import Collection
from results import ROOT

PATHWAY_HOME = ROOT / "build" / "pathway"


@dataclass(frozen=True)
class Run:
    """rate_s: files or records a second. cpu_us: processor time for each, microseconds, without mongod."""

    rate_s: float
    cpu_us: float


def timed(
    words: list[object],
    number: int,
    counted_in: Collection[Any] | None = None,
    environment: dict[str, str] | None = None,
) -> Run:
    """A script of this folder at work on so many files or records.

    It says when it was done, or is done as soon as so many documents are in `counted_in`.
    """
    program, script, *arguments = map(str, words)
    with process([program, str(HERE / script), *arguments], environment) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "ready\n", f"{script} did not get ready"
        cpu, began = cpu_s(child.pid), time.monotonic()
        child.stdin.write("\n")
        child.stdin.flush()
        counted = counted_in is not None and wait_for_documents(counted_in, number)
        ended = counted or float(child.stdout.readline())
        return Run(number / (ended - began), (cpu_s(child.pid) - cpu) / number * 1e6)


def pathway() -> Path | None:
    """A Python that has Pathway, installed now if need be; None, and a line that says so, where it cannot be had."""
    python = PATHWAY_HOME / "bin" / "python"
    if python.exists() and _succeeds(python, "-c", "import pathway"):
        return python
    console.print(f"installing pathway into {PATHWAY_HOME} (1.6 GB), once")
    venv.create(PATHWAY_HOME, with_pip=True, clear=True)
    if _succeeds(python, "-m", "pip", "install", "pathway") and _succeeds(python, "-c", "import pathway"):
        return python
    console.print("pathway is left out: it cannot be installed here")
    return None


def ours(script: str, *arguments: object) -> list[object]:
    """The words that start a script of this folder in our own environment."""
    return [sys.executable, script, *arguments]


def _succeeds(*words: str | Path) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
