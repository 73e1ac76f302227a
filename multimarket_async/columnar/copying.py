"""MongoDB -> columnar copy: the documents of partitions that have another version than the copy are read again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

from multimarket_async.columnar.copy import Columnar, Copied
from multimarket_async.columnar.statements import fields_of
from multimarket_async.domains import Facts, Stage
from multimarket_async.store import Lines, Partition, Partitions, Store, lines

Progress: TypeAlias = Callable[[int, int], None]  # (documents done, of about so many)
T = TypeVar("T")
BATCH_DOCUMENTS = 40_000
KEYS_PER_QUERY = 10_000


class Copying:
    """Keeps the columnar copy as MongoDB is. A document is in it as it was after its version was read, or newer."""

    def __init__(self, store: Store, partitions: Partitions, columnar: Columnar) -> None:
        self._store = store
        self._partitions = partitions
        self._columnar = columnar
        self._thread = ThreadPoolExecutor(1, "columnar")

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do this in the thread of the copy."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def refresh(self, facts: Facts, progress: Progress) -> bool:
        """Copy what has changed; True if anything has. Raises OperationFailed, Unavailable."""
        identity = await self._store.identity(facts.collection)
        copied = await self.run(self._columnar.copied, facts)
        if copied is None or copied.identity != identity:
            await self._load(facts, identity, progress)
            return True
        versions = await self._partitions.versions(facts.collection)
        changed = _changed(copied, versions)
        if changed:
            await self._read_again(facts, changed)
            await self.run(self._columnar.apply, facts, {name: versions.get(name) for name in changed})
        return bool(changed)

    async def rebuild(self, facts: Facts, progress: Progress) -> list[str]:
        """Copy everything; the drift: what differed in the copy though it was up to date.

        A copy that is not there yet, or of another collection, has no drift.
        """
        identity = await self._store.identity(facts.collection)
        copied = await self.run(self._columnar.copied, facts)
        comparable = copied is not None and copied.identity == identity
        if copied and comparable:
            await self.refresh(facts, progress)
            await self.run(self._columnar.roll_up, facts)
            copied = await self.run(self._columnar.copied, facts)
        versions = await self._stage_all(facts, progress)
        if not (copied and comparable):
            await self.run(self._columnar.replace, facts, identity, versions)
            return []
        changed = _changed(copied, await self._partitions.versions(facts.collection))
        drift, equal = await self.run(self._columnar.compare, facts, changed)
        if equal:
            await self.run(self._columnar.keep, facts, versions)
        else:
            await self.run(self._columnar.replace, facts, identity, versions)
        return drift

    async def _load(self, facts: Facts, identity: str, progress: Progress) -> None:
        versions = await self._stage_all(facts, progress)
        await self.run(self._columnar.replace, facts, identity, versions)

    async def _stage_all(self, facts: Facts, progress: Progress) -> dict[Partition, int]:
        """Stage all documents; the versions that they have at least."""
        versions = await self._partitions.versions(facts.collection)
        about = await self._store.count(facts.collection)
        await self.run(self._columnar.begin, facts)
        await self._stage(facts, {}, lambda done: progress(min(done, about), about))
        return versions

    async def _read_again(self, facts: Facts, partitions: Sequence[Partition]) -> None:
        """Stage the documents of partitions, and those that were in them before, wherever they are now."""
        await self.run(self._columnar.begin, facts)
        await self._stage(facts, {"ingestion.partition": {"$in": list(partitions)}})
        vanished = await self.run(self._columnar.vanished, facts, partitions)
        for start in range(0, len(vanished), KEYS_PER_QUERY):
            keys = vanished[start : start + KEYS_PER_QUERY]
            await self._stage(facts, {"_id": {"$in": keys}})

    async def _stage(self, facts: Facts, condition: Stage, staged: Callable[[int], None] = lambda _: None) -> None:
        documents = 0
        async with aclosing(_ahead(self._converted(facts, condition))) as batches:
            async for batch in batches:
                await self.run(self._columnar.stage, facts, batch)
                documents += batch.documents
                staged(documents)

    async def _converted(self, facts: Facts, condition: Stage) -> AsyncGenerator[Lines]:
        """The documents for the copy; converted in a thread of its own, as DuckDB keeps that of the copy busy."""
        fields = fields_of(facts)
        async with aclosing(_ahead(self._store.batches(facts.collection, condition, BATCH_DOCUMENTS))) as batches:
            async for batch in batches:
                yield await asyncio.to_thread(lines, batch, fields)


async def _ahead(source: AsyncIterator[T]) -> AsyncGenerator[T]:
    """The items of a source; the next one is awaited while one is worked on."""
    awaited = asyncio.ensure_future(anext(source, None))
    try:
        while (item := await awaited) is not None:
            awaited = asyncio.ensure_future(anext(source, None))
            yield item
    finally:
        awaited.cancel()
        await asyncio.gather(awaited, return_exceptions=True)


def _changed(copied: Copied, versions: dict[Partition, int]) -> list[Partition]:
    """The partitions whose version is another one now, and those that are gone."""
    names = {**dict.fromkeys(copied.versions), **dict.fromkeys(versions)}
    return [name for name in names if copied.versions.get(name) != versions.get(name)]
