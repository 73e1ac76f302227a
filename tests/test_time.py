"""Everything about time, on virtual time: hours and months of the real stages in moments."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.collector import Collector
from multimarket_async.discovery import settings_models
from multimarket_async.domains import Feed, Table
from multimarket_async.errors import Rejected, Unavailable
from multimarket_async.readers.freshness import freshness
from multimarket_async.settings import Settings, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import GENERATIONS, Encoded, Inserted, Outcome, Store
from tests.days import on
from tests.files import of_bytes
from tests.virtual import DatedLanding, Loop, date_file

T = TypeVar("T")
BEGINS = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0


async def live(loop: Loop, work: Coroutine[Any, Any, T]) -> T:
    """To its end, in a thread: what is real stays on this loop."""
    return await asyncio.to_thread(loop.live, work)


def parse(content: bytes) -> list[dict[str, Any]]:
    try:
        return [{"_id": json.loads(content)["key"]}]
    except ValueError as error:
        raise Rejected("truncated", "the text ends too early", unfinished=True) from error


class Stub:
    """A store that takes `takes_s` of virtual time for a batch, and is away during the times given."""

    def __init__(self, loop: Loop, takes_s: float = 0.0, away: tuple[float, float] = (0.0, 0.0)) -> None:
        self.loop = loop
        self.takes_s = takes_s
        self.away = away
        self.asked_at: list[float] = []
        self.stored: list[tuple[float, str]] = []

    async def ping(self) -> None:
        self.asked_at.append(round(self.loop.time(), 3))
        if self.away[0] <= self.loop.time() < self.away[1]:
            raise Unavailable("planted")

    async def describe(self, *_: str) -> dict[str, Any]:
        """Nobody made a collection before."""
        return {}

    async def update(self, _: str, __: Any, *, durable: bool = True) -> None:
        """Versions cost no time."""

    async def insert(self, _: str, documents: Sequence[Encoded]) -> list[Outcome]:
        await self.ping()
        await asyncio.sleep(self.takes_s)
        self.stored += [(round(self.loop.time(), 3), document.key) for document in documents]
        return [Inserted()] * len(documents)

    async def nothing(self, *_: Any, **__: Any) -> None:
        """Snapshots of what is not there."""
        raise Unavailable("planted")

    newest = add = remove = drop = define_index = define_schema = define_view = nothing

    async def aggregate(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        await self.nothing()
        yield


class Site:
    """One channel on virtual time: its landing directory, a collector, and a stub for a store."""

    def __init__(self, folder: Path, takes_s: float = 0.0, away: tuple[float, float] = (0.0, 0.0), **more: Any) -> None:
        self.loop = Loop(BEGINS)
        self.landing = DatedLanding(folder, "north", self.loop.clock.now)
        self.landing.prepare()
        self.store = Stub(self.loop, takes_s, away)
        feed = Feed("north", Table("readings"), of_bytes(parse))
        settings = Settings(**more)
        self.collector = Collector([(feed, self.landing)], cast("Store", self.store), settings, self.loop.clock)

    async def lives(self, seconds: float, *sources: Coroutine[Any, Any, None]) -> list[Any]:
        """Collect for so long while the sources deliver; what was logged."""

        async def work() -> None:
            stop = asyncio.Event()
            self.loop.call_later(seconds, stop.set)
            await asyncio.gather(self.collector.run(stop), *sources)

        with capture_logs() as logs:
            await live(self.loop, work())
        return logs

    async def delivers(self, *at: tuple[float, str]) -> None:
        """Files with these keys at these times."""
        for seconds, key in at:
            await asyncio.sleep(seconds - self.loop.time())
            await self.landing.deliver(f"{key}.json", json.dumps({"key": key}).encode())

    async def writes(self, content: bytes, every_s: float) -> None:
        """A slow writer: a byte more each time, under its final name."""
        path = self.landing.sources / "slow.json"
        for length in range(len(content) + 1):
            path.write_bytes(content[:length])
            date_file(path, self.loop.clock.now())
            await asyncio.sleep(every_s)

    def quarantined(self) -> dict[str, float]:
        """When each file was quarantined, in virtual seconds."""
        listed = self.landing.quarantine.list()
        return {
            item.path.name: (datetime.fromisoformat(item.reason["quarantined_at"]) - BEGINS).total_seconds()
            for item in listed
        }


def events(logs: Sequence[Any], name: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == name]


# --- latency --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("takes_s", "breaches"), [(9.5, []), (9.875, []), (9.876, [(1, 10.001)]), (60.0, [(1, 60.125)])]
)
async def test_the_budget_is_broken_after_10_seconds(
    tmp_path: Path, takes_s: float, breaches: list[tuple[int, float]]
) -> None:
    """Landed an eighth of a second before a scan: exactly 10 s are in time, and a millisecond more is a breach."""
    site = Site(tmp_path, takes_s=takes_s, scan_every_s=0.25)
    logs = await site.lives(100.0, site.delivers((5.125, "a")))
    assert [(event["files"], event["worst_s"]) for event in events(logs, "latency.breached")] == breaches


async def test_a_wait_begins_when_a_file_lands_and_not_when_it_is_seen(tmp_path: Path) -> None:
    """Landed at 0.5, seen at 3: it waited 2.5 s."""
    site = Site(tmp_path, scan_every_s=3.0)
    await site.lives(4.0, site.delivers((0.5, "a")))
    assert site.store.stored == [(3.0, "a")]
    assert site.collector.tally.waits() == pytest.approx([2.5], abs=1e-6)


# --- writers --------------------------------------------------------------------------------


async def test_a_writer_may_take_an_hour(tmp_path: Path) -> None:
    """A byte every 29 s with quiet_period_s = 30: never quarantined, and stored within a scan when it is complete."""
    site, content = Site(tmp_path, quiet_period_s=30.0, scan_every_s=1.0), json.dumps({"key": "x" * 120}).encode()
    await site.lives(HOUR_S + 600.0, site.writes(content, every_s=29.0))
    [(stored_at, _)] = site.store.stored
    assert site.quarantined() == {}
    assert HOUR_S < len(content) * 29.0 <= stored_at <= len(content) * 29.0 + 1.0


@pytest.mark.parametrize("quiet_period_s", [3.0, 60.0, 3600.0])
async def test_an_unfinished_file_is_quarantined_after_the_quiet_period(tmp_path: Path, quiet_period_s: float) -> None:
    """Not a moment earlier, and one look later at most; counted from the look that saw the last change."""
    site = Site(tmp_path, quiet_period_s=quiet_period_s, scan_every_s=1.0)
    await site.lives(quiet_period_s + 60.0, site.writes(b'{"key"', every_s=2.5))
    last_change = 6 * 2.5
    assert quiet_period_s <= site.quarantined()["slow.json"] - last_change <= quiet_period_s + 1.0


# --- outage ---------------------------------------------------------------------------------


async def test_an_outage_is_met_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    """A quarter of a second, doubled up to 2 s; files wait, and are stored at the first try that succeeds."""
    site = Site(tmp_path, away=(0.0, 20.0))
    logs = await site.lives(30.0, site.delivers((0.1, "a"), (15.0, "b")))
    began = site.store.asked_at[0]
    tries = [round(at - began, 3) for at in site.store.asked_at]
    assert tries[:8] == [0.0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75, 9.75]
    assert [key for _, key in site.store.stored] == ["a", "b"]
    assert 20.0 <= site.store.stored[0][0] <= 22.0
    assert [entry["event"] for entry in logs if entry["event"].startswith("collection.")] == [
        "collection.interrupted",
        "collection.resumed",
    ]
    assert [event["files"] for event in events(logs, "latency.breached")] == [1]


# --- the whole process ----------------------------------------------------------------------


def system(loop: Loop, folder: Path, store: Any, **settings: Any) -> Application:
    """All of it, with that store."""
    models = settings_models()
    loaded = load(models, {"data_dir": folder, **settings}, {}, Path("none.toml"))
    application = Application(**vars(app.workspace(loaded)), store=store, server=None)
    return on(loop, application, asyncio.get_running_loop())


async def test_every_minute_the_latency_is_logged(tmp_path: Path) -> None:
    """And once more at the end; `status` finds the last report."""
    loop = Loop(BEGINS)
    application = system(loop, tmp_path, None, scan_every_s=1.0)
    application = Application(**{**vars(application), "store": Stub(loop)})
    with capture_logs() as logs:
        await live(
            loop, app.run(application, asyncio.Event(), seconds=5 * MINUTE_S + 30.0, producers=application.producers())
        )
    reports = events(logs, "latency.measured")
    assert len(reports) == 6
    assert all(report["files"] > 30 for report in reports[:5])
    assert sum(report["files"] for report in reports) == len(events(logs, "file.delivered"))
    written = json.loads(application.latency_file.read_bytes())
    assert written["reported_at"] == (BEGINS + timedelta(seconds=5 * MINUTE_S + 30.0)).isoformat()
    assert (written["last_minute"]["seconds"], written["last_hour"]["seconds"]) == (30.0, 330.0)


@pytest.mark.parametrize(("takes_s", "shutdown_timeout_s", "ends_at"), [(3.0, 4.0, 63.0), (30.0, 4.0, 64.0)])
async def test_a_stop_waits_for_batches_in_flight_up_to_the_shutdown_timeout(
    tmp_path: Path, takes_s: float, shutdown_timeout_s: float, ends_at: float
) -> None:
    """A file landed with the stop: stored 3 s later; or left for the next start after shutdown_timeout_s."""
    loop = Loop(BEGINS)
    application = system(loop, tmp_path, None, shutdown_timeout_s=shutdown_timeout_s, scan_every_s=0.5)
    application = Application(**{**vars(application), "store": Stub(loop, takes_s)})

    async def work() -> float:
        [(_, landing), *_] = application.feeds
        producer = application.producers()[0]
        loop.call_later(59.9, lambda: asyncio.ensure_future(producer.burst(1)))
        await app.run(application, asyncio.Event(), seconds=60.0)
        assert len(landing.waiting()) == (0 if takes_s < shutdown_timeout_s else 1)
        return loop.time()

    with capture_logs() as logs:
        assert await live(loop, work()) == pytest.approx(ends_at, abs=0.001)
    late = [event for event in events(logs, "shutdown.timed_out") if "longer than shutdown_timeout_s" in event["why"]]
    assert len(late) == (takes_s > shutdown_timeout_s)


# --- generations ----------------------------------------------------------------------------


class Ledger(Stub):
    """Keeps generations, and says each time that something was touched."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self.kept: dict[int, dict[str, Any]] = {}

    async def newest(self, *_: Any) -> dict[str, Any] | None:
        return self.kept[max(self.kept)] if self.kept else None

    async def insert_if_absent(self, _: str, generation: dict[str, Any]) -> bool:
        self.kept[generation["_id"]] = generation
        return True

    async def remove(self, collection: str, keys: Sequence[Any], **_: Any) -> None:
        for key in keys if collection == GENERATIONS else ():
            del self.kept[key]

    async def update(self, *_: Any, **__: Any) -> None:
        """The one partition is never measured."""

    async def define(self, *_: Any, **__: Any) -> None:
        """Indexes and views are the database's."""

    define_index = define_schema = define_view = drop = define

    async def aggregate(self, collection: str, stages: Sequence[Any], **__: Any) -> AsyncIterator[Any]:
        if "$count" in stages[-1]:  # there are none of others
            return
        rows = {
            GENERATIONS: [{**self.kept[number], "tables": []} for number in sorted(self.kept)],
            "kpi_partition_versions": [{"collection": "c", "partition": "p", "version": 2, "since": BEGINS}],
        }
        for row in rows.get(collection, []):
            yield row


@pytest.mark.slow
async def test_forty_days_of_generations_are_thinned_out_as_promised(tmp_path: Path) -> None:
    """All of the last day, then the last of each hour for a month, then the last of each day."""
    loop = Loop(BEGINS)
    store = Ledger(loop)
    every_s = 30 * MINUTE_S
    settings = Settings.model_validate({"full_recompute_every_generations": 1})
    snapshotter = Snapshotter([], cast("Store", store), loop.clock, settings)

    async def work() -> None:
        stop = asyncio.Event()
        loop.call_later(40 * DAY_S, stop.set)
        await snapshotter.run(every_s, stop)
        await snapshotter.prune()

    with capture_logs():
        await live(loop, work())
    ages = sorted((loop.clock.now() - value["computed_at"]).total_seconds() for value in store.kept.values())
    last_day = [age for age in ages if age <= DAY_S]
    month = [age for age in ages if DAY_S < age <= 31 * DAY_S]
    before = [age for age in ages if age > 31 * DAY_S]
    assert last_day == [every_s * number for number in range(1, len(last_day) + 1)]
    assert len(last_day) == DAY_S / every_s
    assert {later - earlier for earlier, later in pairwise(month)} == {HOUR_S}
    assert len(month) == 30 * 24
    assert {later - earlier for earlier, later in pairwise(before)} == {DAY_S}
    assert len(before) == 9


@pytest.fixture
async def store(mongo_uri: str, database: "Database[Any]") -> AsyncIterator[Store]:
    """The real one."""
    async with aclosing(Store(mongo_uri, database.name)) as opened:
        yield opened


async def test_orders_without_a_generation_make_the_numbers_stale(tmp_path: Path, store: Store) -> None:
    """Stored at 1 s: fresh enough at 60 s, stale at 62 s, and the generation that has them says how late it is."""
    loop = Loop(BEGINS)
    application = system(loop, tmp_path, store)

    async def work() -> list[Any]:
        found, snapshotter = [], application.snapshotter()
        await snapshotter.refresh()
        await asyncio.sleep(1.0)
        await application.producers()[0].burst(1)
        await application.collector().sweep()
        for at in (30.0, 61.0, 62.0):
            await asyncio.sleep(at - loop.time())
            found.append(await freshness(application.store, loop.clock.now(), 60.0))
        await snapshotter.refresh()
        found.append(await freshness(application.store, loop.clock.now(), 60.0))
        return [(match.behind_s, match.stale) for match in found]

    with capture_logs() as logs:
        assert await live(loop, work()) == [(29.0, False), (60.0, False), (61.0, True), (0.0, False)]
    assert [event["behind_s"] for event in events(logs, "generation.late")] == [61.0]
