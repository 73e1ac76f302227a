"""Everything that must hold after a drain, looked at from all sides."""

import asyncio
from collections.abc import Iterator, Sequence

from multimarket_async.app import Application
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.verify import verify
from multimarket_async.torture import generations
from multimarket_async.torture.check import Documents, check
from multimarket_async.torture.generations import Generation
from multimarket_async.torture.history import History, Violation
from multimarket_async.torture.victim import HASTE


async def violations(
    application: Application, history: History, ledger: Sequence[Generation]
) -> tuple[list[Violation], list[Channel]]:
    """What is not as it must be, and where every channel's files are."""
    documents = await _documents(application)
    kpis = {kpi.name for domain in application.domains for kpi in domain.kpis}
    found = await asyncio.to_thread(
        lambda: list(check(application.channels, history, documents, HASTE["quiet_period_s"]))
    )
    found += generations.check(ledger, kpis)
    if not ledger or set(ledger[-1]["kpis"]) != kpis:
        return [*found, Violation("there is no whole generation to compare with")], []
    report = await verify(application.domains, application.channels, application.store, ledger[-1])
    found += [Violation(f"verify: {difference}") for difference in report.differences]
    return [*found, *_told(report.channels, history)], report.channels


async def _documents(application: Application) -> Documents:
    found: Documents = {}
    for collection in {feed.collection for feed, _ in application.channels}:
        found |= {one["_id"]: one async for one in application.store.aggregate(collection, [])}
    return found


def _told(channels: Sequence[Channel], history: History) -> Iterator[Violation]:
    """Where conservation, as `status` shows it, differs from what was received."""
    for channel in channels:
        received = len(history.of_feed(channel.feed))
        if (channel.received, channel.waiting) != (received, 0):
            told = f"{channel.received} received, {channel.waiting} waiting"
            yield Violation(f"status says {told}; {received} were received", channel.feed)
