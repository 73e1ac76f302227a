"""Work in threads, of which the event loop waits for the end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


async def in_thread(executor: Executor, work: Callable[..., T], *arguments: object) -> T:
    """Run work in a thread. A thread cannot be stopped: when cancelled, wait for its end."""
    future = asyncio.get_running_loop().run_in_executor(executor, work, *arguments)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


@asynccontextmanager
async def left_in_thread(executor: Executor, context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter a context, and leave it in a thread if the body ends without an error."""
    entered = context.__enter__()
    try:
        yield entered
    except BaseException:
        context.__exit__(*sys.exc_info())
        raise
    await in_thread(executor, context.__exit__, None, None, None)
