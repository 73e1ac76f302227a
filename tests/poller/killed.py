"""A process that polls and is killed at its n-th operation on files, for every n: python -m tests.poller.killed FOLDER.

Prints a line of JSON for each n: the files after the kill, after a poll that fails, and after one that succeeds.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from multimarket_async.domains import Answer, Http
from multimarket_async.errors import Unavailable
from multimarket_async.landing import rename
from tests.poller.conftest import Bench
from tests.poller.source import Source

MOST_OPERATIONS = 200
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
rename._renameat2 = None  # the other way is seen by audit hooks


async def answered(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
    for name in "abc":
        yield Answer(name, name.encode() * 10)


async def away(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
    raise Unavailable("it is away")
    yield


def kill_at(number: int, folder: str) -> None:
    """Kill this process before its operation of that number on something in the folder."""
    seen = 0

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event.partition(".")[0] in {"open", "os", "shutil"} and any(folder in str(value) for value in arguments):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def polled(folder: Path, number: int) -> bool:
    """One poll, in a process of its own; True if it was killed."""
    child = os.fork()
    if child == 0:
        poller = Bench(folder, Source("")).poller(answered)
        kill_at(number, str(folder))
        asyncio.run(poller.once())
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    for number in range(1, MOST_OPERATIONS):
        data_dir = folder / "data"
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(data_dir)
        bench = Bench(data_dir, Source(""))
        bench.landing.prepare()
        if not polled(data_dir, number):
            return
        rounds = [sorted(map(bytes.decode, bench.contents()))]
        for fetch in (away, answered):
            bench.time.seconds += 1
            asyncio.run(bench.once(fetch))
            rounds.append(sorted(map(bytes.decode, bench.contents())))
        hidden = [*bench.hidden(), *(path.name for path in (data_dir / "polls").glob(".*"))]
        print(json.dumps({"number": number, "rounds": rounds, "hidden": hidden}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
