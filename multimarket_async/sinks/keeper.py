"""Keeps a sink at the newest generation, whatever becomes of that sink meanwhile."""

import asyncio
from contextlib import suppress
from time import perf_counter

import structlog

from multimarket_async.clock import beats
from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable
from multimarket_async.sinks.kinds import Kind
from multimarket_async.sinks.sink import Held, Sink, Source
from multimarket_async.store import SinkStates
from multimarket_async.tasks import Tasks

log = structlog.get_logger()


class Keeper:
    """The task of a sink. What it raises is for the caller, who tries again: nothing else stops because of it."""

    def __init__(self, kind: Kind, source: Source, tasks: Tasks) -> None:
        self.sink = kind.name
        self.name = f"sink {kind.name}"
        self._kind = kind
        self._source = source
        self._tasks = tasks
        self._states = SinkStates(source.store)
        self._opened: Sink | None = None
        self._noted: Held | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Write the newest generation again and again, until stopped. Raises what the sink raises."""
        async for _ in beats(self._source.settings.snapshot_every_s, stop):
            await self.catch_up()
            self._tasks.works(self.name)

    async def catch_up(self) -> int | None:
        """Write the newest generation where the sink does not hold it; its number, None before the first one."""
        try:
            place = await self._caught_up()
        except Exception as error:
            self._noted = None
            with suppress(Unavailable, CannotContinue, OperationFailed):  # MongoDB's: it may be what failed
                await self._states.failed(self.sink, self._source.clock.now(), str(error) or repr(error))
            raise
        if place and place != self._noted:
            exporting = [domain.name for domain in self._source.domains if domain.export]
            await self._states.written(self.sink, self._source.clock.now(), *place, exporting)
            self._noted = place
        return place and place.generation

    async def compare(self) -> tuple[int, list[str]]:
        """The generation that the sink holds, and how it differs from that. Raises NotKept, what the sink raises."""
        sink, place = await self._sink(), await self._source.place()
        held = await sink.held()
        if held is None or place is None or held.ledger != place.ledger:
            return 0, ["it holds no generation of this database"]
        generation = await self._source.generation(held.generation)
        return held.generation, [difference async for difference in sink.compare(generation)]

    async def aclose(self) -> None:
        """Close the sink; an error at its end is only logged."""
        opened, self._opened = self._opened, None
        if opened:
            await self._tasks.attempt(self.name, opened.aclose())

    async def _caught_up(self) -> Held | None:
        place = await self._source.place()
        if place is None:
            return None
        sink = await self._sink()
        return place if await sink.held() == place else await self._written(sink)

    async def _sink(self) -> Sink:
        if self._opened is None:
            self._opened = await self._kind.opened(self._source)
        return self._opened

    async def _written(self, sink: Sink) -> Held:
        began = perf_counter()
        generation = await self._source.generation()
        await sink.write(generation)
        seconds = round(perf_counter() - began, 3)
        log.info("sink.written", sink=self.sink, generation=generation.place.generation, seconds=seconds)
        return generation.place
