"""The process under test, samples of it, and the faults injected into it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.landing.waiting import is_ours

COMMAND = [sys.executable, "-m", "multimarket_async"]
FAULTS_PER_RUN = 8  # at least 15 s apart


@dataclass(frozen=True)
class Sample:
    """A measurement of the process. life: number of earlier starts."""

    at_s: float
    life: int
    age_s: float
    rss_mb: float
    fds: int
    waiting: int


class Subject:
    """`run --no-produce` on a folder, started again when it was killed."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.out = data_dir.parent / "run.log"
        self.life = -1
        self.ended_by_itself: list[int] = []
        self.start()

    def start(self) -> None:
        self.life += 1
        self.born = time.monotonic()
        with self.out.open("ab") as out:
            words = [*COMMAND, "run", "--no-produce", "--data-dir", str(self.data_dir), "--log-format", "json"]
            self.process = subprocess.Popen(words, stdout=out, stderr=out)

    def look_after(self) -> None:
        """Start it again if it ended, as a service manager does; that it ended is a fault of its own."""
        if (code := self.process.poll()) is not None:
            self.ended_by_itself.append(code)
            self.start()

    def sample(self, began: float) -> Sample:
        proc, now = Path(f"/proc/{self.process.pid}"), time.monotonic()
        pages = int((proc / "statm").read_text().split()[1])
        folders = [self.data_dir / "sources" / channel for channel in CHANNELS]
        waiting = sum(is_ours(name, (".json",)) for folder in folders for name in os.listdir(folder))  # noqa: PTH208 - the fastest way
        rss_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return Sample(now - began, self.life, now - self.born, rss_mb, len(os.listdir(proc / "fd")), waiting)  # noqa: PTH208 - the fastest way

    def mongod(self) -> int:
        """The embedded server's process id."""
        file = self.data_dir / "mongo" / "server.json"
        while not file.exists():
            time.sleep(0.05)
        return int(json.loads(file.read_text())["pid"])

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def events(self) -> Iterator[dict[str, Any]]:
        for line in self.out.read_text("utf-8").splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)


# --- Faults ---------------------------------------------------------------------------------


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it was dead already: its owner was, or is just starting another one
        os.kill(pid, number)


def kill_mongod(subject: Subject, _: random.Random) -> Callable[[], None] | None:
    """kill -9; the process restarts it."""
    _signal(subject.mongod(), signal.SIGKILL)
    return None


def stop_mongod(subject: Subject, _: random.Random) -> Callable[[], None] | None:
    """SIGSTOP: it neither answers nor refuses. Returns a function that resumes it."""
    pid = subject.mongod()
    _signal(pid, signal.SIGSTOP)
    return lambda: _signal(pid, signal.SIGCONT)


def kill_process(subject: Subject, _: random.Random) -> Callable[[], None] | None:
    """kill -9 of the process itself; another one starts immediately."""
    subject.process.kill()
    subject.process.wait()
    subject.start()
    return None


def schedule(seconds: float, rng: random.Random) -> list[tuple[float, Callable[..., Any]]]:
    """Faults and their times: two kinds take turns, the process itself is killed once, half-way."""
    number = max(2, min(FAULTS_PER_RUN, int(seconds / 15)))
    kinds = [kill_mongod if turn % 2 else stop_mongod for turn in range(number)]
    kinds[number // 2] = kill_process  # type: ignore[call-overload]
    return [((turn + 0.5 + rng.uniform(-0.2, 0.2)) * seconds / number, kind) for turn, kind in enumerate(kinds)]
