"""Chunks of a file in flight: several at a time, their outcomes in the order of the file."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator

import pytest
from bson.raw_bson import RawBSONDocument

from multimarket_async.collector.chunks import CHUNKS_IN_FLIGHT, Stored, in_order
from multimarket_async.errors import Rejected
from multimarket_async.records import Chunk
from multimarket_async.store import Encoded

EMPTY = RawBSONDocument(b"\5\0\0\0\0")


async def chunks(*keys: str, broken: bool = False) -> AsyncGenerator[Chunk]:
    """A chunk for each of these keys, or for several; broken: the file cannot be read further."""
    for key in keys:
        yield Chunk([Encoded(each, "", EMPTY) for each in key.split()], [], [])
    if broken:
        raise Rejected("not_utf8", "at last")


class Storing:
    """Stores a chunk when told to; `begun`: keys in the order of beginning."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.release: dict[str, asyncio.Event] = {}

    async def store(self, chunk: Chunk) -> Stored:
        key = " ".join(document.key for document in chunk.documents)
        self.begun.append(key)
        await self.release.setdefault(key, asyncio.Event()).wait()
        return Stored(Counter([key]), [])


async def begun(storing: Storing) -> list[str]:
    """The keys that have begun as soon as nothing more happens by itself."""
    for _ in range(10):
        await asyncio.sleep(0)
    return storing.begun


async def collected(storing: Storing, found: AsyncGenerator[Chunk]) -> list[str]:
    return [key async for outcomes, _ in in_order(found, storing.store) for key in outcomes]


async def test_the_next_chunks_are_stored_meanwhile_and_no_more_than_that() -> None:
    """And a later one that ends first is reported second."""
    storing = Storing()
    collecting = asyncio.create_task(collected(storing, chunks("a", "b", "c", "d")))
    assert await begun(storing) == ["a", "b", "c"]
    assert len(storing.begun) == CHUNKS_IN_FLIGHT
    storing.release["b"].set()
    assert await begun(storing) == ["a", "b", "c"]
    storing.release["a"].set()
    assert await begun(storing) == ["a", "b", "c", "d"]
    storing.release["c"].set()
    storing.release["d"].set()
    assert await collecting == ["a", "b", "c", "d"]


async def test_chunks_with_a_common_key_are_stored_one_after_the_other() -> None:
    """The first content of a key is the one that counts."""
    storing = Storing()
    collecting = asyncio.create_task(collected(storing, chunks("a", "a")))
    assert await begun(storing) == ["a"]
    storing.release["a"].set()
    assert await collecting == ["a", "a"]


async def test_one_with_keys_of_two_chunks_in_flight_is_stored_after_both() -> None:
    storing = Storing()
    collecting = asyncio.create_task(collected(storing, chunks("a", "b", "a b")))
    assert await begun(storing) == ["a", "b"]
    storing.release["b"].set()
    assert await begun(storing) == ["a", "b"]
    storing.release["a"].set()
    assert await begun(storing) == ["a", "b", "a b"]
    storing.release["a b"].set()
    assert await collecting == ["a", "b", "a b"]


async def test_what_came_before_a_fault_is_reported_before_it() -> None:
    storing, seen = Storing(), list[str]()
    storing.release = {key: asyncio.Event() for key in "ab"}
    for event in storing.release.values():
        event.set()
    stored = in_order(chunks("a", "b", broken=True), storing.store)
    seen += (await anext(stored)).outcomes
    seen += (await anext(stored)).outcomes
    with pytest.raises(Rejected, match="at last"):
        await anext(stored)
    assert seen == ["a", "b"]
