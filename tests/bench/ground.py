"""The ground of the benches: a temporary folder, a mongod of their own in it, real order files, our processes."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pymongo
from pymongo.collection import Collection
from rich.console import Console

from multimarket_async import app, logs
from multimarket_async.cli.options import load_settings
from multimarket_async.domains.orders.channels import CHANNELS

HERE = Path(__file__).resolve().parent
CLI = [sys.executable, "-m", "multimarket_async"]
console = Console(stderr=True)


@dataclass(frozen=True)
class Ground:
    """folder: goes away in the end. uri, client, mongod: the server's address, a connection, its process id."""

    folder: Path
    uri: str
    client: pymongo.MongoClient[dict[str, Any]]
    mongod: int

    def orders(self, per_channel: int) -> Path:
        """A folder with so many orders of every channel, made once by our simulator."""
        made = self.folder / f"orders_{per_channel}"
        if not made.exists():
            subprocess.run(
                [*self.command("produce", made), "--orders-per-channel", str(per_channel)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        return made / "sources"

    def received(self, name: str, per_channel: int) -> Path:
        """A fresh data folder in which these orders wait: hard links, so that dropping costs little."""
        data_dir, orders = self.folder / name, self.orders(per_channel)
        for channel in CHANNELS:
            folder = data_dir / "sources" / channel
            folder.mkdir(parents=True)
            for file in os.listdir(orders / channel):  # noqa: PTH208 - the fastest way
                os.link(orders / channel / file, folder / file)
        return data_dir

    def command(self, name: str, data_dir: Path) -> list[str]:
        return [*CLI, name, "--data-dir", str(data_dir), "--log-format", "json"]

    @contextmanager
    def running(
        self, data_dir: Path, database: str, *options: str, environment: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """`run` on this server and folder, from its first log line on; then it is asked to end."""
        words = [*self.command("run", data_dir), "--mongo-uri", self.uri, *options]
        with process(words, {"MULTIMARKET_MONGO_DATABASE": database, **(environment or {})}) as running:
            assert running.stdout
            until(running.stdout, "run.started")
            drain = threading.Thread(target=running.stdout.read)  # a full pipe would hold it up
            drain.start()
            yield running
            running.send_signal(signal.SIGTERM)
            drain.join()


@contextmanager
def ground() -> Iterator[Ground]:
    """Made, and cleaned up."""
    logs.configure("auto", sys.stderr, None, logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="multimarket_bench_") as name, asyncio.Runner() as runner:
        server = app.embedded(app.workspace(load_settings({"data_dir": Path(name)})).settings, ())
        uri = runner.run(server.start())
        try:
            with pymongo.MongoClient(uri) as client:
                pid = client.admin.command("serverStatus")["pid"]
                yield Ground(Path(name), uri, client, int(pid))
        finally:
            runner.run(server.stop())


@contextmanager
def process(words: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A child with pipes to talk to it; asked to end afterwards, and then made to."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MULTIMARKET_")}
    with subprocess.Popen(words, text=True, env={**ours, **(environment or {})}, **pipes) as child:
        try:
            yield child
            child.send_signal(signal.SIGTERM)
            child.wait(timeout=30)
        finally:
            child.kill()


def until(lines: IO[str], event: str) -> dict[str, Any]:
    """The log entry of this event. Raises EOFError when the process ends without it."""
    for line in lines:
        if f'"{event}"' in line:
            found: dict[str, Any] = json.loads(line)
            return found
    raise EOFError(f"the process ended without {event}")


def cpu_s(pid: int) -> float:
    """Seconds of processor time, user and system, of a process with all its threads: /proc/PID/stat, proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory in use, 10^6 bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_for_documents(collection: Collection[Any], number: int, within_s: float = 300) -> float:
    """When (monotonic clock) so many documents were stored. Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while collection.estimated_document_count() < number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{collection.full_name}: fewer than {number} documents within {within_s} s")
        time.sleep(0.005)
    return time.monotonic()
