"""Checks of this machine: its software, its folders and file systems, its limits and its ports."""

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from multimarket_async import descriptors
from multimarket_async.errors import CannotContinue
from multimarket_async.landing import Landing, compiled
from multimarket_async.readers.doctor.findings import FAULT, OK, WARNING, Finding
from multimarket_async.readers.http.address import http_address, listening
from multimarket_async.readers.refusals import refusal
from multimarket_async.settings import FILE, Settings
from multimarket_async.store import LEAST_OPEN_FILES, find_mongod, is_of_wheel

SECRET = re.compile(rb"^\s*\w*(uri|token|password|key)\s*=", re.MULTILINE)  # settings that may hold one
ENOUGH_FREE_BYTES = 2 << 30
ENOUGH_FREE_FILES = 100_000
ENOUGH_OPEN_FILES = 1024
SLOW_FILES = "in Python, at half the speed: install a C compiler and Python's headers, and multimarket-async again"


def examine_machine(settings: Settings, landings: Sequence[Landing], unusable: Sequence[str] = ()) -> list[Finding]:
    """Findings without MongoDB. Blocking."""
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    zones = f"{settings.timezone}, by the rules of tzdata {version('tzdata')}, whatever this machine or MongoDB has"
    places = [settings.data_dir, *(folder for landing in landings for folder in _folders(landing))]
    return [
        Finding("Python", OK, python),
        Finding("file operations", OK, "compiled" if compiled() else SLOW_FILES),
        Finding("domains", OK, f"{', '.join(settings.domains)} on"),
        *(Finding("domains", WARNING, why) for why in unusable),
        Finding("time zone", OK, zones),
        _writable(settings.data_dir),
        *(Finding(landing.feed, FAULT, why) for landing in landings for why in landing.obstacles()),
        *_refusals(landings),
        *_file_systems(landings),
        *_free(places),
        _open_files(settings),
        *_open_to_others(settings, landings),
    ]


def _refusals(landings: Sequence[Landing]) -> Iterator[Finding]:
    """Feeds most of whose files are refused alike."""
    for landing in landings:
        if found := refusal(landing.quarantine.places(), landing.archived_files()):
            yield Finding(landing.feed, WARNING, found.sentence())


def _folders(landing: Landing) -> tuple[Path, Path, Path]:
    return landing.sources, landing.archived, landing.quarantine.folder


def _writable(folder: Path) -> Finding:
    there = _existing(folder)
    if not os.access(there, os.W_OK):
        return Finding("data folder", FAULT, f"{there} cannot be written to: change its owner")
    absent = "" if there == folder else " (not there yet)"
    return Finding("data folder", OK, f"{folder.resolve()}{absent}")


def _file_systems(landings: Sequence[Landing]) -> Iterator[Finding]:
    """Files are moved by renaming them, which is cheap and atomic within a file system."""
    apart = [
        landing.sources
        for landing in landings
        if len({_existing(folder).stat().st_dev for folder in _folders(landing)}) > 1
    ]
    if not apart:
        yield Finding("file systems", OK, "landing, archive and quarantine are on the same one")
    for folder in apart:
        found = f"{folder} is on another one than its archive or quarantine: each file is copied instead of renamed"
        yield Finding("file systems", WARNING, found)


def _open_to_others(settings: Settings, landings: Sequence[Landing]) -> Iterator[Finding]:
    """Folders of an earlier version, or made by hand, that other users of the machine can enter."""
    private = [settings.data_dir / name for name in ("logs", "manifests", "polls", "mongo", "postgres")]
    private += [folder for landing in landings for folder in landing.private]
    others = [folder for folder in private if folder.exists() and folder.stat().st_mode & 0o007]
    if others:
        found = f"can enter {others[0]}, where names and addresses are: chmod 700 {' '.join(map(str, others))}"
        yield Finding("other users", WARNING, found)
    file = FILE.absolute()
    if file.exists() and file.stat().st_mode & 0o044 and SECRET.search(file.read_bytes()):
        yield Finding("other users", WARNING, f"can read {file}, which holds a password or token: chmod 600 {file}")


def _free(folders: Sequence[Path]) -> Iterator[Finding]:
    """Space and inodes of each file system."""
    for folder in {there.stat().st_dev: there for there in map(_existing, reversed(folders))}.values():
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
        scarce = [f"{free / (1 << 30):.1f} GiB"] if free < ENOUGH_FREE_BYTES else []
        if files.f_files and files.f_favail < ENOUGH_FREE_FILES:  # some file systems count none
            scarce.append(f"{files.f_favail} more files")
        advice = f"only {' and '.join(scarce)} free: make room, or move the data folder with --data-dir"
        found = f"{free / (1 << 30):.1f} GiB free"
        yield Finding("disk space", FAULT if scarce else OK, f"{folder}: {advice if scarce else found}")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _open_files(settings: Settings) -> Finding:
    most = descriptors.limit()
    enough, least = f"{most} at a time", LEAST_OPEN_FILES
    advice = f"a process may open {most} files: `ulimit -n {ENOUGH_OPEN_FILES}` before the start allows more"
    if most >= ENOUGH_OPEN_FILES:
        return Finding("open files", OK, enough)
    return Finding("open files", FAULT if most < least and not settings.mongo_uri else WARNING, advice)


def ports(settings: Settings) -> Iterator[Finding]:
    """The port of HTTP, as long as no `run` listens."""
    if url := listening(settings):
        yield Finding("HTTP port", OK, f"a run listens at {url}")
    elif settings.http_port and _is_taken(settings.http_host, settings.http_port):
        found = f"{settings.http_port} is taken by another program: `run` takes the next free one, or set http_port"
        yield Finding("HTTP port", WARNING, found)
    else:
        yield Finding("HTTP port", OK, f"{http_address(settings)} is free")


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def mongod() -> Finding:
    """A mongod that prints its version has its shared libraries, too."""
    try:
        binary = find_mongod()
        printed = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our mongod
    except (CannotContinue, OSError) as trouble:
        return Finding("MongoDB", FAULT, str(trouble), ends=True)
    if printed.returncode:
        return Finding("MongoDB", FAULT, f"{binary} does not start: {printed.stderr.strip()}", ends=True)
    shown = f"embedded, {printed.stdout.splitlines()[0]}, {binary}"
    if not is_of_wheel(binary):
        return Finding("MongoDB", OK, shown)
    return Finding("MongoDB", OK, f"{shown}; past its end of life: for more than trying out, a newer mongod on PATH")
