"""The seam between generations and the systems that they are written to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from multimarket_async import generations
from multimarket_async.clock import Clock
from multimarket_async.domains import Kpi, LoadedDomain, Row, Stage
from multimarket_async.settings import Settings
from multimarket_async.store import GENERATION, GENERATIONS, Store, pack


class Held(NamedTuple):
    """A generation, and the ledger it is of: numbers of another one mean other generations.

    After an erasure the ledger is another one too: what was written before may have rows that show the person.
    """

    ledger: str
    generation: int


class Access(NamedTuple):
    """The way of those who only read: an address for programs, "" if there is none; and a guide for people."""

    address: str
    guide: str


@dataclass(frozen=True)
class Generation:
    """A stored generation to be written. kpis: those it has, of the domains that are on."""

    place: Held
    document: dict[str, Any]
    kpis: tuple[Kpi, ...]
    store: Store

    @property
    def as_of(self) -> datetime:
        """The time of the documents in it, UTC."""
        at: datetime = self.document["as_of"]
        return at

    @property
    def errors(self) -> dict[str, str]:
        """The KPIs that failed, and why; their rows are older, see `stale`, or there are none."""
        return generations.errors(self.document)

    @property
    def stale(self) -> dict[str, datetime]:
        """The failed KPIs that have rows of an earlier generation, and the time these are as of."""
        return generations.stale(self.document)

    async def digest(self, kpi: Kpi) -> str:
        """A digest of the rows of a KPI."""
        entry = self.document["kpis"][kpi.name]
        return str(entry.get("digest") or (await asyncio.to_thread(pack, entry["rows"])).digest)

    def count(self, kpi: Kpi) -> int:
        """The number of rows of a KPI."""
        return generations.count(kpi, self.document)

    async def kept(self) -> list[int]:
        """The numbers of all generations that are kept."""
        stages: list[Stage] = [{"$match": GENERATION}, {"$project": {"_id": 1}}]
        return [found["_id"] async for found in self.store.aggregate(GENERATIONS, stages)]

    def chunks(self, kpi: Kpi) -> AsyncIterator[list[Row]]:
        """The rows of a KPI, in order, no list of them large. Raises NotKept, also behind the first ones."""
        return generations.chunks(self.store, kpi, self.document)


@dataclass(frozen=True)
class Source:
    """Origin of what sinks write: the newest generation, and the tables of the domains that are on."""

    settings: Settings
    domains: tuple[LoadedDomain, ...]
    store: Store
    clock: Clock

    async def place(self) -> Held | None:
        """The place of the newest generation; None before the first. Raises Unavailable."""
        async for newest in generations.newest(self.store, 1):
            return Held(await generations.ledger(self.store), newest["_id"])
        return None

    async def generation(self, number: int | None = None) -> Generation:
        """The generation of this number, or the newest. Raises NotKept, Unavailable."""
        ledger = await generations.ledger(self.store)
        document = await generations.generation(self.store, number)
        kpis = tuple(kpi for domain in self.domains for kpi in domain.kpis if kpi.name in document["kpis"])
        return Generation(Held(ledger, document["_id"]), document, kpis, self.store)


class Sink(Protocol):
    """A system that generations are written to. It raises Unavailable, and CannotContinue or OperationFailed."""

    async def held(self) -> Held | None:
        """The generation that it holds, whole; None if it holds none."""

    async def write(self, generation: Generation) -> None:
        """Replace what it holds by this generation: its readers see all of the one or all of the other.

        Idempotent, whatever it holds; two processes may do this at the same time.
        """

    def compare(self, generation: Generation) -> AsyncIterator[str]:
        """A sentence for each difference between what it holds and this generation, which it holds."""

    async def aclose(self) -> None:
        """Close connections, and end servers of our own."""
