"""Real faults: a child whose system calls are counted, fail, are held up or kill it, by strace (https://strace.io)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """A test that cannot run here is skipped; in CI nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def strace() -> str:
    """The program."""
    program = shutil.which("strace")
    if not program or subprocess.run([program, "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        missing("needs strace (Debian package strace), and leave to trace")
    return program


def with_faults(faults: Sequence[str], log: Path, *command: object) -> list[str]:
    """This Python command with these faults: `inject` expressions of strace, `when` counting in each thread by itself.

    log: where strace writes what it did. With `--seccomp-bpf` strace 6.1 would send signals at the first call only.
    """
    calls = ",".join(sorted({fault.partition(":")[0] for fault in faults}))
    injected = [word for fault in faults for word in ("-e", f"inject={fault}")]
    words = [strace(), "-f", "-o", log, "-e", f"trace={calls}", *injected, sys.executable, *command]
    return list(map(str, words))
