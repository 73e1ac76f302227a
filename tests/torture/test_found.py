"""What torture found: each with the strike that shows it, and nothing else around it."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app as composition
from multimarket_async.landing import Landing
from multimarket_async.torture.assault import ended
from multimarket_async.torture.faults import Strike
from multimarket_async.torture.invalid import written
from multimarket_async.torture.load import simulated
from multimarket_async.torture.strikes import wrap
from multimarket_async.torture.victim import Orders, start


@pytest.fixture
def orders(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> Orders:
    return Orders(tmp_path, mongo_uri, database.name)


async def exit_code(orders: Orders, strike: Strike) -> int | None:
    """Of a `run` under this strike, which is asked to end after a second."""
    victim = start(replace(orders, strikes=(strike,)))
    await asyncio.sleep(1)
    victim.terminate()
    assert await ended(victim, 20)
    return victim.exitcode


async def test_a_landing_directory_that_cannot_be_listed_ends_no_run(orders: Orders) -> None:
    """It is told, tried again, and at the end nobody knows how much waits: no reason to die of."""
    denied = Strike("denied", "list", "before", "permission denied", times=10**6)
    assert await exit_code(orders, denied) == 0


async def test_a_quarantine_that_cannot_be_listed_ends_no_run(orders: Orders) -> None:
    """The look for mended files at the start is a courtesy; orders go on being stored."""
    denied = Strike("denied", "list quarantine", "before", "permission denied", times=10**6)
    assert await exit_code(orders, denied) == 0


async def test_a_moment_without_descriptors_ends_no_run(orders: Orders) -> None:
    """EMFILE is over in a moment; files wait meanwhile."""
    assert await exit_code(orders, Strike("EMFILE", "list", "before", "no descriptors")) == 0


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def parts_of(orders: Orders) -> Any:
    return composition.opened(composition.workspace(orders.loaded()))


async def test_a_kill_finds_no_unread_file_in_the_archive(parts_of: Any) -> None:
    """Another collector took the file, and its name was used again: the new file is not moved unread.

    Moved and put back it would be archived and not stored, for whoever is killed in between.
    """
    async with parts_of as application:
        feed, landing = application.channels[0]
        orders = [simulated(feed, 1, number) for number in (1, 2)]
        await landing.deliver("ticket.json", written(orders[0]))
        wrap(application.store, "insert", lambda real: _replaced_meanwhile(real, landing, written(orders[1])))
        wrap(landing, "archive", _then_killed)
        with suppress(Killed):
            await application.collector().sweep()
        archived = {hashlib.sha256(path.read_bytes()).hexdigest() for path in landing.archive_files()}
        stored = await application.store.digests(feed.collection, [f"web:{order['order_id']}" for order in orders])
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
