"""Where every file is at this moment, without counting everything for each who asks.

What is stored, archived and set aside is counted from scratch now and then, so that counting takes a twentieth of
the time; in between, what this process has done since is added. What waits is looked at whenever somebody asks.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from multimarket_async.clock import pause
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.readers.accounting import Channel, on_disk, stored_files, waiting_in
from multimarket_async.readers.generations import freshness
from multimarket_async.readers.http.cache import Fresh
from multimarket_async.readers.http.minutes import Minutes
from multimarket_async.readers.http.sources import Sources

LOOK_EVERY_S, STALE_S = 0.5, 5.0
COUNT_EVERY_S, SHARE = 2.0, 20  # counting again waits for so many times what counting took
SAMPLE_EVERY_S, RATE_OVER_S = 1.0, 60.0


@dataclass(frozen=True)
class Counted:
    """Every file, as counted; `files`: what this process had done by then. why: MongoDB's absence, in words."""

    channels: Mapping[str, Channel]
    stored: Counter[str] | None
    files: Counter[tuple[str, str]]


@dataclass(frozen=True)
class Database:
    """What only MongoDB knows. why: nothing, or that it is away; then the rest is what was known last."""

    why: str | None
    freshness: dict[str, Any] | None
    minutes: list[dict[str, Any]]


class Flow:
    """Live counts, rates, and how late the event loop is."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._stored: Counter[str] | None = None
        self._stored_when: Counter[tuple[str, str]] = Counter()
        self._away = False
        self._counted = Fresh(self._count, COUNT_EVERY_S, stale_s=3600)
        self._waiting = Fresh(self._look, LOOK_EVERY_S)
        self._database = Fresh(self._ask, LOOK_EVERY_S, stale_s=STALE_S)
        self._known = Database("not asked yet", None, [])
        self._minutes = Minutes(sources.store, [domain.name for domain in sources.domains])
        self.unreadable: dict[str, str] = {}
        self._samples: deque[tuple[float, Counter[tuple[str, str]]]] = deque()
        self.loop_lag_s = 0.0

    async def watch(self) -> None:
        """Take a sample every second until stopped: how far the files are, and how late the event loop is."""
        sources, monotonic = self._sources, self._sources.clock.monotonic
        while not sources.stop.is_set():
            now = monotonic()
            self._samples.append((now, sources.meters.files.copy()))
            while self._samples[0][0] < now - RATE_OVER_S:
                self._samples.popleft()
            await pause(SAMPLE_EVERY_S, sources.stop)
            self.loop_lag_s = max(0.0, monotonic() - now - SAMPLE_EVERY_S)

    async def channels(self) -> list[Channel]:
        """Every channel as it is now. Where MongoDB is away, stored is what was known last, or 0."""
        counted, waiting = await self._counted.get(), await self._waiting.get()
        since = self._sources.meters.files - counted.files
        return [_moved(counted.channels[name], since, now) for name, now in waiting.items()]

    async def stored_known(self) -> bool:
        """Whether MongoDB has ever said how much it holds."""
        return (await self._counted.get()).stored is not None

    async def database(self) -> Database:
        """What MongoDB knows, or knew."""
        return await self._database.get()

    def rates(self) -> Counter[str]:
        """Files stored a minute, by feed, over the last minute."""
        if len(self._samples) < 2:  # noqa: PLR2004 - a rate has two ends
            return Counter()
        (then, before), (now, _) = self._samples[0], self._samples[-1]
        gained = self._sources.meters.files - before
        elapsed_s = max(self._sources.clock.monotonic() - then, now - then)
        return Counter(
            {feed: round(60 * files / elapsed_s) for (feed, outcome), files in gained.items() if outcome == "stored"}
        )

    async def _count(self) -> Counted:
        started = self._sources.clock.monotonic()
        await self._count_stored()
        stored = self._stored or Counter()
        channels = await asyncio.to_thread(lambda: self._on_disk(stored))
        took_s = self._sources.clock.monotonic() - started
        self._counted.every_s = COUNT_EVERY_S if self._away else max(COUNT_EVERY_S, SHARE * took_s)
        return Counted(channels, self._stored, self._sources.meters.files.copy())

    async def _count_stored(self) -> None:
        """By MongoDB; while it is away, what was known, and what this process has stored since."""
        files = self._sources.meters.files.copy()
        try:
            self._stored = await stored_files((feed for feed, _ in self._sources.channels), self._sources.store)
            self._away = False
        except (Unavailable, CannotContinue):
            since = (files - self._stored_when).items()
            gained = Counter({feed: count for (feed, outcome), count in since if outcome == "stored"})
            self._stored = None if self._stored is None else self._stored + gained
            self._away = True
        self._stored_when = files

    def _on_disk(self, stored: Counter[str]) -> dict[str, Channel]:
        counted = {}
        for feed, landing in self._sources.channels:
            try:
                counted[feed.name] = on_disk(landing, stored[feed.name])
            except (OSError, Unavailable):  # `unreadable` tells
                counted[feed.name] = Channel(feed.name, 0, 0, None, stored=stored[feed.name])
        return counted

    async def _look(self) -> dict[str, Channel]:
        found, unreadable = await asyncio.to_thread(self._listed)
        self.unreadable = unreadable
        return found

    def _listed(self) -> tuple[dict[str, Channel], dict[str, str]]:
        """What waits, and why a folder cannot be listed."""
        found, unreadable = {}, {}
        for feed, landing in self._sources.channels:
            try:
                found[feed.name] = waiting_in(landing)
            except Unavailable as why:
                found[feed.name], unreadable[feed.name] = Channel(feed.name, 0, 0, None), str(why)
        return found, unreadable

    async def _ask(self) -> Database:
        sources = self._sources
        now = sources.clock.now()
        try:
            fresh = await freshness(sources.store, now, sources.settings.stale_after_s)
            self._known = Database(None, fresh, await self._minutes.until(now))
        except (Unavailable, CannotContinue) as why:
            self._known = replace(self._known, why=str(why))
        return self._known


def _moved(counted: Channel, since: Counter[tuple[str, str]], now: Channel) -> Channel:
    """What was counted, and what was done since, and what waits now."""
    mine = Counter({outcome: files for (feed, outcome), files in since.items() if feed == counted.feed})
    stored, duplicate = mine.pop("stored", 0), mine.pop("duplicate", 0)
    return replace(
        now,
        archived=counted.archived + stored + duplicate,
        stored=counted.stored + stored,
        quarantined=counted.quarantined + mine,
    )
