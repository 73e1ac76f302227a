"""Checks of this machine: what `run` needs, and what to do where it is missing."""

import asyncio
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.landing import compiled
from multimarket_async.settings import Settings, as_text
from multimarket_async.store import Store, find_mongod

ENOUGH_FREE_BYTES = 2 << 30
SLOW_FILES = "in Python, at half the speed: install a C compiler and Python's headers, and multimarket-async again"


@dataclass(frozen=True)
class Finding:
    """The result of a check; if it is not ok, or a warning, `found` says what to do."""

    check: str
    ok: bool
    found: str
    warning: bool = False


async def examine(settings: Settings, unusable: Sequence[str] = ()) -> list[Finding]:
    """Everything that must be in place before `run` can work. unusable: faults of domains that are off."""
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    files = "compiled" if compiled() else SLOW_FILES
    uri = settings.mongo_uri
    return [
        Finding("Python", ok=True, found=python),
        Finding("file operations", ok=True, found=files),
        Finding("domains", ok=True, found=f"{', '.join(settings.domains)} on"),
        *(Finding("domains", ok=True, found=why, warning=True) for why in unusable),
        _writable(settings.data_dir),
        _free(settings.data_dir),
        await (_your_mongodb(uri, settings) if uri else asyncio.to_thread(_mongod)),
    ]


def _writable(folder: Path) -> Finding:
    ok = os.access(folder, os.W_OK)
    return Finding(
        "data folder", ok, str(folder.resolve()) if ok else f"{folder} cannot be written to: change its owner"
    )


def _free(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    enough = free >= ENOUGH_FREE_BYTES
    advice = "" if enough else ": make room, or move the data folder with --data-dir"
    return Finding("disk space", enough, f"{free / (1 << 30):.1f} GiB free{advice}")


async def _your_mongodb(uri: SecretStr, settings: Settings) -> Finding:
    shown = as_text(uri)
    try:
        async with aclosing(Store(uri.get_secret_value(), settings.mongo_database, settings.mongo_driver)) as store:
            await store.ping()
    except (Unavailable, CannotContinue) as trouble:
        return Finding("MongoDB", ok=False, found=f"{shown} does not answer: {trouble}")
    return Finding("MongoDB", ok=True, found=f"{shown} answers")


def _mongod() -> Finding:
    """A mongod that prints its version has its shared libraries, too."""
    try:
        binary = find_mongod()
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our mongod
    except (CannotContinue, OSError) as trouble:
        return Finding("MongoDB", ok=False, found=str(trouble))
    if version.returncode:
        return Finding("MongoDB", ok=False, found=f"{binary} does not start: {version.stderr.strip()}")
    return Finding("MongoDB", ok=True, found=f"embedded, {version.stdout.splitlines()[0]}, {binary}")
