"""The two drivers of the store, and where they differ.

Motor runs every call in a thread, PyMongo's own asyncio client in the event loop. The methods that the store
calls have the same names and arguments in both; only some of the return values differ.
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


async def resolve(answer: Any) -> Any:
    """Await a result if it is awaitable: `aggregate` and `close` are coroutines in PyMongo, not in Motor."""
    return await answer if inspect.isawaitable(answer) else answer


@contextmanager
def cancellable() -> Iterator[None]:
    """Raise CancelledError for a cancellation that the driver swallowed, or for which it raises an error of its own.

    PyMongo sends with `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes as the
    sending ends (https://github.com/python/cpython/issues/86296). The canceller would wait for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except Exception as error:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
