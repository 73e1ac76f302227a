"""Checks of what could stand in the way of `run`: of this machine, and of MongoDB. Each finding is one line."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing

from multimarket_async.clock import Clock
from multimarket_async.domains import LoadedDomain
from multimarket_async.errors import CannotContinue
from multimarket_async.landing import Landing
from multimarket_async.readers.doctor.database import examine_database
from multimarket_async.readers.doctor.findings import FAULT, OK, WARNING, Finding
from multimarket_async.readers.doctor.machine import examine_machine, mongod, ports
from multimarket_async.settings import Settings
from multimarket_async.store import Store

__all__ = ["FAULT", "OK", "WARNING", "Finding", "examine", "examine_machine", "ports"]


async def examine(
    settings: Settings,
    domains: Sequence[LoadedDomain] = (),
    landings: Iterable[Landing] = (),
    unusable: Sequence[str] = (),
    *,
    clock: Clock,
    store: Store | None = None,
) -> list[Finding]:
    """All findings. unusable: faults of domains that are off. store: None where no MongoDB of ours runs."""
    findings = await asyncio.to_thread(examine_machine, settings, list(landings), unusable)
    if store:
        return [*findings, *await examine_database(store, settings, domains, clock)]
    if not settings.mongo_uri:
        return [*findings, await asyncio.to_thread(mongod)]
    try:
        own = Store(settings.mongo_uri.get_secret_value(), settings.mongo_database, settings.mongo_driver)
    except CannotContinue as why:
        return [*findings, Finding("MongoDB", FAULT, str(why), ends=True)]
    async with aclosing(own):
        return [*findings, *await examine_database(own, settings, domains, clock)]
