"""A backfill: divided among channels by their shares, the same bytes whatever runs beside."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed, Table
from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.landing import Landing
from multimarket_async.producer import ArrivalProcess, Backfill, Period, Producer, by_share, write_backfill
from multimarket_async.settings import Pace, Settings

PERIOD = Period.before(datetime(2026, 5, 1, tzinfo=UTC), "24months")


def no_documents(_: object) -> list[dict[str, Any]]:
    return []


def producers(folder: Path, seed: int = 1) -> list[Producer]:
    made = []
    for name, canal in CHANNELS.items():
        landing = Landing(folder, name)
        landing.prepare()
        feed = Feed(name, Table("orders"), no_documents, simulate=Simulator(canal, OrderSettings()))
        made.append(Producer(feed, landing, Settings(seed=seed), Clock()))
    return made


async def delivered(folder: Path, files: int, seed: int = 1) -> Backfill:
    return await write_backfill(by_share(producers(folder, seed), files), PERIOD)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("sources/*/*.json")}


async def test_the_digest_is_pinned(tmp_path: Path) -> None:
    """On any machine: a difference has its reason in what the digest comes with, or in our code."""
    made = await delivered(tmp_path, 2000)
    assert made.facts() == {
        "files": 2000,
        "earliest": "2024-05-01T00:00:00+00:00",
        "latest": "2026-05-01T00:00:00+00:00",
        "seed": 1,
        "profile": "24607781d164",
        "faker": "40.54.0",
        "digest": "5a5f6297daf06820727b1e78ee8770aa3295f1fabb1d6332cdd7de37c707852d",
    }


async def test_two_runs_deliver_the_same(tmp_path: Path) -> None:
    """File by file; another seed delivers others."""
    one, again, other = [await delivered(tmp_path / name, 900, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert one.digest == again.digest != other.digest


async def test_a_channel_delivers_the_same_alone_and_among_others(tmp_path: Path) -> None:
    """The others take no numbers from it."""
    await delivered(tmp_path / "all", 900)
    web = producers(tmp_path / "web")[0]
    await web.burst(450, PERIOD)
    together = {name: content for name, content in contents(tmp_path / "all").items() if "site_web" in name}
    assert contents(tmp_path / "web") == together


async def test_channels_have_their_shares(tmp_path: Path) -> None:
    """Half of all on the web; and none is lost in rounding."""
    await delivered(tmp_path, 1001)
    found = [len(list((tmp_path / "sources" / feed).glob("*.json"))) for feed in CHANNELS]
    assert found == [500, 301, 200]
    assert sum(by_share(producers(tmp_path), 7).values()) == 7


async def test_live_goes_on_where_the_backfill_ended(tmp_path: Path) -> None:
    """The same numbers never come twice."""
    await delivered(tmp_path, 30)
    one, stop = producers(tmp_path)[0], asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    await one.live(stop, ArrivalProcess(Pace.RANDOM, 3600, 3600))
    names = sorted(path.name for path in (tmp_path / "sources/site_web").glob("*.json"))
    assert names == [f"{10**9 + number}.json" for number in range(1, 17)]
