"""One suite for every driver: what is asked of the store is the same, whichever is behind it."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.settings import MongoDriver
from multimarket_async.store import Store
from tests.conftest import DRIVERS


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> MongoDriver:
    """Each of them."""
    driver: MongoDriver = request.param
    return driver


@pytest.fixture
async def store(mongo_uri: str, database: Database[Any], driver: MongoDriver) -> AsyncIterator[Store]:
    """A store on an empty database."""
    async with aclosing(Store(mongo_uri, database.name, driver)) as store:
        yield store


class Remains:
    """Sockets and tasks opened since, and still there."""

    def __init__(self) -> None:
        self._sockets, self._tasks = _sockets(), _tasks()

    async def none(self) -> bool:
        """True if nothing of it is left, for long; Motor's threads need a moment to close what they have."""
        deadline = time.monotonic() + 60
        while _sockets() - self._sockets or _tasks() - self._tasks:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
            gc.collect()
        return True


def _tasks() -> set["asyncio.Task[Any]"]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def _sockets() -> set[str]:
    with os.scandir("/proc/self/fd") as descriptors:
        return set(_targets(descriptors))


def _targets(descriptors: Iterator[os.DirEntry[str]]) -> Iterator[str]:
    for descriptor in descriptors:
        try:
            target = os.readlink(descriptor.path)  # noqa: PTH115 - the text is wanted
        except FileNotFoundError:  # the directory's own
            continue
        if target.startswith("socket:"):
            yield target


@pytest.fixture
async def remains() -> Remains:
    """From now on."""
    return Remains()
