"""The systems that deliver: careful ones, slow ones, and those that write every file under the same name."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TypeAlias, TypeVar

from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.landing.rename import place, rename_new
from multimarket_async.store import Store
from multimarket_async.torture.history import History, Parcel, Received, Way

RETRY_S = 0.005
PATIENCE_S = 1.0
T = TypeVar("T")
Pauses: TypeAlias = list[tuple[int, float]]  # after so many bytes, so many seconds


def pauses(rng: Random, parcel: Parcel, quiet_period_s: float) -> Pauses:
    """Where a slow writer of this parcel pauses, and how long; a stalled one once longer than `quiet_period_s`."""
    if parcel.way not in (Way.SLOW, Way.STALLED):
        return []
    cuts = sorted(rng.randint(0, len(parcel.content)) for _ in range(rng.randint(1, 4)))
    lengths = [rng.uniform(0.01, quiet_period_s / 3) for _ in cuts]
    if parcel.way is Way.STALLED:
        lengths[0] = quiet_period_s + rng.uniform(0.1, 0.3)
    return list(zip(cuts, lengths, strict=True))


class Writers:
    """Drops parcels at their time, and writes down what landed."""

    def __init__(self, channels: tuple[tuple[Feed, Landing], ...], store: Store) -> None:
        self.history = History()
        self._feeds = {feed.name: feed for feed, _ in channels}
        self._folders = {landing.feed: landing.sources for _, landing in channels}
        self._store = store

    async def deliver_all(self, parcels: Sequence[Parcel], pauses: Sequence[Pauses]) -> None:
        """All of them, the slow ones with these pauses; returns when the last one is whole."""
        contested = {one.key for one in parcels if one.key and any(_contradicts(one, other) for other in parcels)}
        async with asyncio.TaskGroup() as group:
            for parcel, its_pauses in zip(parcels, pauses, strict=True):
                group.create_task(self._drop(parcel, its_pauses, contested=parcel.key in contested))

    async def _drop(self, parcel: Parcel, pauses: Pauses, *, contested: bool) -> None:
        await asyncio.sleep(parcel.at_s)
        stored_before = await self._stored(parcel) if contested else None
        pause_s = 0.0
        folder = self._folders[parcel.feed]
        match parcel.way:
            case Way.WHOLE | Way.QUEUED:
                await _whole(parcel, folder)
            case Way.SLOW | Way.STALLED:
                pause_s = await _piecewise(parcel, folder, pauses)
            case Way.LINK:
                await _until_there(lambda: (folder / parcel.name).symlink_to(os.fsdecode(parcel.content)))
            case Way.PIPE:
                await _until_there(lambda: os.mkfifo(folder / parcel.name))
        self.history.received.append(Received(parcel, pause_s, stored_before))

    async def _stored(self, parcel: Parcel) -> str | None:
        try:
            digests = await self._store.digests(self._feeds[parcel.feed].collection, [parcel.key or ""])
        except Unavailable:
            return None
        return digests.get(parcel.key or "")


def _contradicts(one: Parcel, other: Parcel) -> bool:
    return one.key == other.key and one.content != other.content


async def _whole(parcel: Parcel, folder: Path) -> None:
    """Hidden, then renamed. One that wants its name for itself waits until it is free, for a while."""
    hidden = folder / f".{uuid.uuid4().hex}.part"
    await _until_there(lambda: hidden.write_bytes(parcel.content))
    deadline = time.monotonic() + PATIENCE_S
    while parcel.way is Way.QUEUED and time.monotonic() < deadline:
        try:
            return await _until_there(lambda: rename_new(hidden, folder / parcel.name))
        except FileExistsError:
            await asyncio.sleep(RETRY_S)
    await _until_there(lambda: place(str(hidden), str(folder), parcel.name))
    return None


async def _piecewise(parcel: Parcel, folder: Path, pauses: Pauses) -> float:
    """Under a name that others see from the first byte on; the longest time it may have looked unchanged."""
    name = folder / f"{uuid.uuid4().hex[:6]} {parcel.name}"
    file = await _until_there(lambda: os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    try:
        began, longest_s, done = time.monotonic(), 0.0, 0
        for cut, pause_s in [*pauses, (len(parcel.content), 0.0)]:
            before = time.monotonic()
            os.write(file, parcel.content[done:cut])
            # From before the last write to after this one: whoever looks may have seen no change that long.
            longest_s = max(longest_s, time.monotonic() - began) if cut > done else longest_s
            began, done = (before, cut) if cut > done else (began, done)
            await asyncio.sleep(pause_s)
    finally:
        os.close(file)
    return longest_s


async def _until_there(act: Callable[[], T]) -> T:
    """Do it; while the directory is gone, wait for it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_S)
