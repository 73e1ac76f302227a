"""The sinks of an application, each in a task of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar

from multimarket_async.app.parts import Application
from multimarket_async.errors import Unavailable
from multimarket_async.sinks import Keeper
from multimarket_async.tasks import EXPECTED, Tasks

T = TypeVar("T")

AWAY_RETRY_S = 0.5


@asynccontextmanager
async def keeping(application: Application, tasks: Tasks) -> AsyncIterator[list[Keeper]]:
    """The keepers of the sinks that are on, closed in the end."""
    keepers = application.keepers(tasks)
    async with AsyncExitStack() as stack:
        for keeper in keepers:
            stack.push_async_callback(keeper.aclose)
        yield keepers


def kept_sinks(
    group: asyncio.TaskGroup, tasks: Tasks, keepers: Iterable[Keeper], stop: asyncio.Event
) -> list[asyncio.Task[None]]:
    """Each sink as a task of its own, which says itself when it works again."""
    return [
        group.create_task(tasks.keep(keeper.name, partial(keeper.run, stop), stop, steady_s=None), name=keeper.name)
        for keeper in keepers
    ]


async def write_last(tasks: Tasks, keepers: Iterable[Keeper]) -> None:
    """Write the last generation; what fails is logged."""
    for keeper in keepers:
        await tasks.attempt(keeper.name, keeper.catch_up())


async def sink(application: Application, stop: asyncio.Event) -> None:
    """Generations to the sinks that are on, until stopped."""
    tasks = application.tasks()
    with tasks.shown():
        async with keeping(application, tasks) as keepers, asyncio.TaskGroup() as group:
            kept_sinks(group, tasks, keepers, stop)


async def sink_once(application: Application) -> dict[str, int | str]:
    """Bring each sink to the newest generation: its number, or why not."""
    async with keeping(application, application.tasks()) as keepers:
        return {keeper.sink: await _written(keeper, application.settings.until_empty_timeout_s) for keeper in keepers}


async def compare_sinks(application: Application, *, write: bool = False) -> dict[str, tuple[int, list[str]]]:
    """The generation that each sink holds, and how it differs from that. write: the newest one first."""
    within_s = application.settings.until_empty_timeout_s
    async with keeping(application, application.tasks()) as keepers:
        return {keeper.sink: await _compared(keeper, within_s, write=write) for keeper in keepers}


async def _compared(keeper: Keeper, within_s: float, *, write: bool) -> tuple[int, list[str]]:
    async def compared() -> tuple[int, list[str]]:
        if write:
            await keeper.catch_up()
        return await keeper.compare()

    try:
        return await _patiently(compared, within_s)
    except EXPECTED as why:
        return 0, [f"it cannot be compared: {why}"]


async def _written(keeper: Keeper, within_s: float) -> int | str:
    try:
        return await _patiently(keeper.catch_up, within_s) or 0
    except EXPECTED as why:
        return str(why)


async def _patiently(work: Callable[[], Awaitable[T]], within_s: float) -> T:
    """The result of something that is tried again for so long while a system is away. Raises Unavailable."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            return await work()
        except Unavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(AWAY_RETRY_S)
