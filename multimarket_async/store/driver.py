"""The drivers that the store can be had with, and the little in which they differ.

Motor hands every call to a thread, PyMongo's own asyncio client does it in the event loop. What the
store asks of a client, both call the same and take the same; what differs is what a call gives.
"""

import asyncio
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from multimarket_async.settings import MongoDriver

Document: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncIOMotorClient[Document] | AsyncMongoClient[Document]
Collection: TypeAlias = AsyncIOMotorCollection[Document] | AsyncCollection[Document]

CLIENTS: Mapping[MongoDriver, type[Client]] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}


async def settled(answer: Any) -> Any:
    """What a call gives: of `aggregate` and `close` PyMongo makes coroutines, Motor does not."""
    return await answer if inspect.isawaitable(answer) else answer


@contextmanager
def cancellable() -> Iterator[None]:
    """End where a cancellation came that the driver did not pass on.

    PyMongo sends with `asyncio.wait_for`, which before Python 3.12 keeps a cancellation to itself when it comes
    as the sending ends (https://github.com/python/cpython/issues/86296). Whoever cancelled would wait for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
