"""Looked up once for everybody: also when it fails, is slow, or somebody goes away."""

import asyncio
from typing import Any

import pytest

from multimarket_async.readers.http.cache import Fresh


class Looked:
    """Counts how often something is looked up; waits until it may end."""

    def __init__(self) -> None:
        self.times = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.times += 1
        await self.may_end.wait()
        if self.error:
            raise self.error
        return self.times


async def asking(looked: Looked, get: Any, most: int = 5) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(get()) for _ in range(most)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    looked.may_end.set()
    return tasks


async def test_many_askers_one_look() -> None:
    """And one who goes away takes nothing from the others."""
    looked = Looked()
    fresh = Fresh(looked, every_s=100)
    first, *others = await asking(looked, fresh.get)
    first.cancel()
    assert [await other for other in others] == [1] * 4
    assert await fresh.get() == 1
    fresh.expire()
    assert (await fresh.get(), looked.times) == (2, 2)


async def test_a_failure_is_told_and_not_kept() -> None:
    """The next one looks again."""
    looked = Looked()
    fresh = Fresh(looked, every_s=100)
    looked.error = KeyError("away")
    for task in await asking(looked, fresh.get, 2):
        with pytest.raises(KeyError):
            await task
    looked.error = None
    assert await fresh.get() == 2


async def test_what_was_expired_meanwhile_is_not_kept() -> None:
    """A look that began before the news does not bury them."""
    looked = Looked()
    fresh = Fresh(looked, every_s=100)
    task = asyncio.create_task(fresh.get())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    fresh.expire()
    looked.may_end.set()
    assert await task == 1
    assert await fresh.get() == 2


async def test_an_old_value_is_given_while_a_new_one_is_looked_up() -> None:
    """A caller may allow stale values."""
    looked = Looked()
    looked.may_end.set()
    fresh = Fresh(looked, every_s=0, stale_s=100)
    assert [await fresh.get(), await fresh.get()] == [1, 1]
    await asyncio.sleep(0)
    assert looked.times == 2
