"""Parts that the HTTP server reads from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed, Kpi, Listing, LoadedDomain
from multimarket_async.landing import Landing
from multimarket_async.meters import Meters
from multimarket_async.settings import Settings
from multimarket_async.store import Store
from multimarket_async.tasks import Tasks


@dataclass(frozen=True)
class Sources:
    """meters, tasks: those of the other stages in this process. stop: set when the process is to end."""

    domains: Sequence[LoadedDomain]
    feeds: Sequence[tuple[Feed, Landing]]
    store: Store
    settings: Settings
    clock: Clock
    meters: Meters
    tasks: Tasks
    latency_file: Path
    stop: asyncio.Event

    @property
    def kpis(self) -> list[Kpi]:
        """Every KPI of every domain."""
        return [kpi for domain in self.domains for kpi in domain.kpis]

    @property
    def listings(self) -> list[Listing]:
        """Every listing of every domain."""
        return [listing for domain in self.domains for listing in domain.listings]
