"""A sink in memory: the fake that the seam ships with. It fails when it is told to."""

from collections.abc import AsyncIterator

from multimarket_async.domains import Row
from multimarket_async.errors import Unavailable
from multimarket_async.settings import Settings
from multimarket_async.sinks import Generation, Held, Source
from multimarket_async.sinks.kinds import Kind

KIND = Kind("memory", (), __name__)


class Memory:
    """It holds one generation. failing: the error that everything raises; None: it works."""

    def __init__(self) -> None:
        self.place: Held | None = None
        self.rows: dict[str, list[Row]] = {}
        self.written: list[int] = []
        self.failing: Exception | None = None
        self.closed = 0

    async def held(self) -> Held | None:
        self._check()
        return self.place

    async def write(self, generation: Generation) -> None:
        self._check()
        self.rows = {
            kpi.name: [row async for rows in generation.chunks(kpi) for row in rows] for kpi in generation.kpis
        }
        self.place = generation.place
        self.written.append(generation.place.generation)

    async def compare(self, generation: Generation) -> AsyncIterator[str]:
        self._check()
        for kpi in generation.kpis:
            if self.rows[kpi.name] != [row async for rows in generation.chunks(kpi) for row in rows]:
                yield f"{kpi.name} differs"

    async def aclose(self) -> None:
        self.closed += 1

    def _check(self) -> None:
        if self.failing:
            raise self.failing


MEMORY = Memory()


async def opened(source: Source) -> Memory:
    return MEMORY


async def check(settings: Settings) -> str:
    if MEMORY.failing:
        raise Unavailable(str(MEMORY.failing))
    return "in memory"


def forget() -> None:
    """As new."""
    MEMORY.__dict__.update(vars(Memory()))
