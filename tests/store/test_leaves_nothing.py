"""A closed store leaves no socket and no task behind, however it ended, with every driver."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from multimarket_async.errors import Unavailable
from multimarket_async.settings import MongoDriver
from multimarket_async.store import Store, encode
from multimarket_async.store.driver import cancellable
from tests.store.conftest import Remains

# PyMongo (4.20) delivers a socket that it was connecting when it is cancelled, by us or by its own `close`. The
# garbage collector closes it, and Python reports that: https://jira.mongodb.org/browse/PYTHON-5867
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
DATABASE = "left_behind"  # none of a fixture's, whose own client opens sockets when it likes
TWO = [encode({"_id": key, "ingestion": {"sha256": "d"}}) for key in ("1", "2")]


async def _insert(store: Store) -> None:
    await store.insert("readings", TWO)


async def _aggregate(store: Store) -> None:
    async with aclosing(store.aggregate("readings", [])) as rows:
        async for _ in rows:
            pass


async def test_used_and_closed(remains: Remains, mongo_uri: str, driver: MongoDriver) -> None:
    """Several connections at once, an aggregation not read to its end."""
    async with aclosing(Store(mongo_uri, DATABASE, driver)) as store:
        await store.insert("readings", [encode({"_id": number}) for number in range(300)])
        await asyncio.gather(*(store.ping() for _ in range(10)))
        async with aclosing(store.aggregate("readings", [])) as rows:
            await anext(rows)
    del store, rows
    assert await remains.none()


async def test_closed_twice_or_never_used(remains: Remains, mongo_uri: str, driver: MongoDriver) -> None:
    """Nothing was opened, so nothing is left."""
    store = Store(mongo_uri, "x", driver)
    for _ in range(2):
        await store.aclose()
    assert await remains.none()


async def test_closed_while_nobody_answers(remains: Remains, driver: MongoDriver) -> None:
    """In the middle of its tries to connect."""
    async with aclosing(Store("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", "x", driver)) as store:
        with pytest.raises(Unavailable):
            await store.ping()
    del store  # it holds what it has cancelled
    assert await remains.none()


async def test_a_cancellation_is_not_lost_to_an_error_of_the_driver() -> None:
    """Its pool is paused at the same moment, say: the task would go on as if nobody had asked."""

    async def work() -> None:
        with cancellable():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("connection pool paused") from None

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.slow
@pytest.mark.parametrize("verb", [_insert, _aggregate])
async def test_cancelled_at_any_instant(
    remains: Remains, mongo_uri: str, driver: MongoDriver, verb: Callable[[Store], Awaitable[None]]
) -> None:
    """After each number of turns of the event loop, from the first connection to the answer."""
    turns = 0
    while await _cancelled_after(turns, Store(mongo_uri, DATABASE, driver), verb):
        turns += 1 + turns // 50  # a thread of Motor takes thousands
    assert turns > 3
    assert await remains.none()


async def _cancelled_after(turns: int, store: Store, verb: Callable[[Store], Awaitable[None]]) -> bool:
    """True if it was not done before; then it ends there, and does not go on as if nobody had asked."""
    async with aclosing(store):
        task = asyncio.ensure_future(verb(store))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            return False
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), f"after {turns} turns"
    return True
