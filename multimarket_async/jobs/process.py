"""The process of a job, seen from its parent: started, waited for, and ended with it."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from multimarket_async.domains import Job
from multimarket_async.errors import OperationFailed
from multimarket_async.jobs.child import NOT_ENOUGH, ORIGIN, SUFFIX, TASK, UNCHANGED
from multimarket_async.results import NotEnough
from multimarket_async.supervised import LIBC, die_with, environment

CHILD = f"{__package__}.child"
# The same sums in the same order: one thread each, and no order of a set that differs from run to run.
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
LONGEST_WHY = 500


def code_digest(job: Job) -> str:
    """A digest of the modules beside that of the job, its own among them, of its queries, and of its packages."""
    digest = hashlib.sha256()
    for part in _code(job):
        digest.update(part)
    return digest.hexdigest()


def _code(job: Job) -> Iterator[bytes]:
    found = find_spec(job.module)
    if found is None or found.origin is None:
        raise OperationFailed(f"its module {job.module} cannot be found")
    yield from (file.read_bytes() for file in sorted(Path(found.origin).parent.glob("*.py")))
    yield from (f"{name} {each.query}".encode() for name, each in sorted(job.inputs.items()))
    yield from (f"{package} {version(package)}".encode() for package in job.packages)


class Computed(NamedTuple):
    """The result of a job: a file a feed, and what it was computed from and by."""

    files: dict[str, bytes]
    origin: dict[str, str | int]


def write_task(job: Job, folder: Path, **task: Any) -> None:
    """Write what the process is to know."""
    declared = {"name": job.name, "tables": job.tables, "grades": job.grades, "module": job.module}
    (folder / TASK).write_text(json.dumps({**declared, "engine": job.engine, **task}), "utf-8")


async def computed(job: Job, folder: Path, **task: Any) -> Computed | None:
    """The result of a job, computed in a process of its own; None of the origin `known`.

    Raises NotEnough, OperationFailed.
    """
    write_task(job, folder, **task)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", CHILD, str(folder), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=environment() | ALONE, preexec_fn=partial(die_with, os.getpid()) if LIBC else None,
    )  # fmt: skip
    try:
        async with asyncio.timeout(job.timeout_s):
            _, errors = await process.communicate()
    except TimeoutError:
        raise OperationFailed(f"it took longer than {job.timeout_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == UNCHANGED:
        return None
    _check(process.returncode, errors.decode(errors="replace").strip())
    return await asyncio.to_thread(_computed, job, folder)


def _computed(job: Job, folder: Path) -> Computed:
    """The files by feed, the job's own last."""
    paths = {name: folder / f"{name}{SUFFIX}" for name in (*job.tables, job.name)}
    files = {name: path.read_bytes() for name, path in paths.items() if path.exists()}
    return Computed(files, json.loads((folder / ORIGIN).read_bytes()))


def _check(code: int | None, errors: str) -> None:
    """Raises NotEnough, OperationFailed."""
    if code == NOT_ENOUGH:
        raise NotEnough(errors)
    if code:
        last = errors.rpartition("\n")[2][:LONGEST_WHY]
        raise OperationFailed(f"it failed (exit code {code}): {last}")
