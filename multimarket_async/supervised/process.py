"""Processes that end with their parent, and are recognised by their command line."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_FLAGS, _PF_EXITING = 5, 0x4  # in /proc/PID/stat, counted after the state
_TEXT_BYTES = 1 << 16
# Loaded before any fork: the child may not take locks that another thread held.
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Run in a child before it becomes the program: it gets this signal when its parent ends, even by kill -9."""
    assert LIBC is not None  # noqa: S101 - only handed to the child where there is one
    LIBC.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # the parent died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def environment() -> dict[str, str]:
    """Ours without our settings, which may hold secrets. Servers abort on a locale that the machine does not have."""
    return {**{name: at for name, at in os.environ.items() if not name.startswith("MULTIMARKET_")}, "LC_ALL": "C"}


def runs(pid: int, program: str, option: str, folder: Path) -> bool:
    """True if this process is that program on this folder, and not another one that got its process id."""
    command = command_line(pid)
    name, _, options = command.partition(f" {option} ")
    return (name.endswith(program) and options.startswith(f"{folder} -")) or (not command and _is_ending(pid))


def command_line(pid: int) -> str:
    """The command line of a process; empty if there is none."""
    if sys.platform != "linux":
        ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a number
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape")
    except OSError:
        return ""


def _is_ending(pid: int) -> bool:
    """True while a process ends: it loses its command line first, its port and files with its last thread."""
    process = Path(f"/proc/{pid}")
    try:
        state, *numbers = (process / "stat").read_text("utf-8").rpartition(")")[2].split()
        threads = sum(1 for _ in (process / "task").iterdir())
    except OSError:
        return False
    exiting = bool(int(numbers[_FLAGS]) & _PF_EXITING)  # a kernel thread has no command line either
    return exiting and (state not in "ZX" or threads > 1)


def tail(file: Path) -> str:
    """The end of a log; empty if there is none."""
    return file.read_bytes()[-_TEXT_BYTES:].decode(errors="replace") if file.exists() else ""
