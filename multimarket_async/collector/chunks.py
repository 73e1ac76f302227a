"""Chunks of a file: one is read ahead, and several are being stored, while the journal of another is waited for."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Executor
from typing import NamedTuple

from multimarket_async.collector.threads import in_thread
from multimarket_async.domains import RejectedRecord
from multimarket_async.errors import Rejected
from multimarket_async.records import Chunk

CHUNKS_IN_FLIGHT = 3


class Stopped(Exception):
    """Collecting was stopped in the middle of a file, which is taken up again at the next start."""


class Stored(NamedTuple):
    """Outcomes of the stored records of a chunk, and its records that are not stored."""

    outcomes: Counter[str]
    bad: list[RejectedRecord]


class _InFlight(NamedTuple):
    """A chunk in flight: the keys it writes to, and its end."""

    keys: set[str]
    stored: asyncio.Task[Stored]


async def read_ahead(chunks: Generator[Chunk], thread: Executor, enough: Callable[[], bool]) -> AsyncGenerator[Chunk]:
    """The chunks of a file; the next one is read while one is worked on. Raises Rejected, Stopped."""
    reading = _read(thread, chunks)
    try:
        while chunk := await reading:
            if enough():
                raise Stopped
            reading = _read(thread, chunks)
            yield chunk
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await in_thread(thread, chunks.close)


def _read(thread: Executor, chunks: Generator[Chunk]) -> asyncio.Task[Chunk | None]:
    return asyncio.create_task(in_thread(thread, next, chunks, None))


async def in_order(
    chunks: AsyncGenerator[Chunk], store: Callable[[Chunk], Awaitable[Stored]]
) -> AsyncGenerator[Stored]:
    """The outcome of each chunk, in the order of the file, also of those before a chunk that cannot be read.

    Chunks with a common key are stored one after the other.
    """
    in_flight, failure = deque[_InFlight](), None
    try:
        try:
            async for chunk in chunks:
                if len(in_flight) == CHUNKS_IN_FLIGHT:
                    yield await in_flight.popleft().stored
                in_flight.append(_begin(chunk, store, in_flight))
        except Rejected as rejected:
            failure = rejected
        while in_flight:
            yield await in_flight.popleft().stored
        if failure:
            raise failure
    finally:
        for left in in_flight:
            left.stored.cancel()
        await asyncio.gather(*(left.stored for left in in_flight), return_exceptions=True)


def _begin(chunk: Chunk, store: Callable[[Chunk], Awaitable[Stored]], earlier: Iterable[_InFlight]) -> _InFlight:
    keys = {str(document.key) for document in chunk.documents}
    awaited = [other.stored for other in earlier if not other.keys.isdisjoint(keys)]
    return _InFlight(keys, asyncio.create_task(_after(awaited, store, chunk)))


async def _after(
    earlier: Iterable[asyncio.Task[Stored]], store: Callable[[Chunk], Awaitable[Stored]], chunk: Chunk
) -> Stored:
    for stored in earlier:
        await asyncio.shield(stored)
    return await store(chunk)
