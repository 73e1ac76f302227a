"""Bugs that torture has found: each with the failpoint that shows it, and nothing else around it."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app as composition
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing
from multimarket_async.proving.torture.failpoints import Failpoint, wrap
from multimarket_async.proving.torture.generator import EARLIEST, LATEST
from multimarket_async.proving.torture.nemesis import ended, replay_refused
from multimarket_async.proving.torture.servers import OF_OTHERS
from multimarket_async.proving.torture.worker import INJECTED, WorkerConfig, start
from tests.files import read


@pytest.fixture
def config(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> WorkerConfig:
    return WorkerConfig(tmp_path, mongo_uri, database.name)


async def exit_code(config: WorkerConfig, failpoint: Failpoint) -> int | None:
    """Of a `run` with this failpoint, which is asked to end once the fault was injected."""
    worker = start(replace(config, failpoints=(failpoint,)))
    journal = config.data_dir / INJECTED
    async with asyncio.timeout(120):
        while not journal.exists() or not journal.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    worker.terminate()
    assert await ended(worker, 20)
    return worker.exitcode


async def test_a_landing_directory_that_cannot_be_listed_ends_no_run(config: WorkerConfig) -> None:
    """It is logged and tried again; at the end the number of waiting files is unknown, which ends no process."""
    denied = Failpoint("denied", "list", "before", "permission denied", times=10**6)
    assert await exit_code(config, denied) == 0


async def test_a_quarantine_that_cannot_be_listed_ends_no_run(config: WorkerConfig) -> None:
    """The scan for mended files at the start is a courtesy; orders go on being stored."""
    denied = Failpoint("denied", "list quarantine", "before", "permission denied", times=10**6)
    assert await exit_code(config, denied) == 0


async def test_a_moment_without_descriptors_ends_no_run(config: WorkerConfig) -> None:
    """EMFILE is over in a moment; files wait meanwhile."""
    assert await exit_code(config, Failpoint("EMFILE", "list", "before", "no descriptors")) == 0


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def parts_of(config: WorkerConfig) -> Any:
    return composition.opened(composition.workspace(config.loaded()))


async def test_a_kill_finds_no_unread_file_in_the_archive(parts_of: Any) -> None:
    """Another collector took the file, and its name was used again: the new file is not moved unread.

    Moved and put back it would be archived and not stored, for whoever is killed in between.
    """
    async with parts_of as application:
        feed, landing = application.feeds[0]
        first, second = (feed.simulate(1, number, EARLIEST, LATEST).content for number in (1, 2))
        await landing.deliver("ticket.json", first)
        wrap(application.store, "insert", lambda real: _replaced_meanwhile(real, landing, second))
        wrap(landing, "archive", _then_killed)
        with suppress(Killed):
            await application.collector().sweep()
        archived = {hashlib.sha256(path.read_bytes()).hexdigest() for path in landing.archive_files()}
        stored = await application.store.digests(
            feed.table.name, [read(feed, content)[0]["_id"] for content in (first, second)]
        )
        assert archived <= set(stored.values())


def _replaced_meanwhile(real: Any, landing: Landing, content: bytes) -> Any:
    async def insert(collection: str, documents: Any) -> Any:
        outcomes = await real(collection, documents)
        if not any(landing.archived.iterdir()):
            landing.archived.joinpath("2026-05-20").mkdir()
            landing.sources.joinpath("ticket.json").rename(landing.archived / "2026-05-20" / "ticket.json")
            await landing.deliver("ticket.json", content)
        return outcomes

    return insert


def _then_killed(real: Any) -> Any:
    def archive(*given: Any) -> Any:
        real(*given)
        raise Killed

    return archive


def test_each_delivery_that_a_foreign_index_has_refused_comes_back(tmp_path: Path) -> None:
    """The same content was delivered twice: both must be archived, as stored and as a duplicate."""
    landing = Landing(tmp_path, "site_web")
    landing.prepare()
    for name, content in (("1.json", b"{}"), ("again.json", b"{}"), ("2.json", b"[]")):
        (landing.sources / name).write_bytes(content)
        [file] = landing.waiting()
        refused = Rejected("refused_by_mongodb", f"MongoDB refuses 1: E11000 index: {OF_OTHERS}")
        landing.reject(file, refused, {"sha256": hashlib.sha256(content).hexdigest()})
    replay_refused([landing])
    assert sorted(file.path.read_bytes() for file in landing.waiting()) == [b"[]", b"{}", b"{}"]
    assert (landing.quarantine.count(), landing.quarantine.codes()) == (0, {})
