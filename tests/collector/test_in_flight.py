"""Up to three batches in flight: they do not disturb each other, and fail and are cancelled each by itself."""

import asyncio
import errno
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.collector.pipeline import BATCHES_IN_FLIGHT
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing, WaitingFile
from multimarket_async.landing.files import Misplaced
from multimarket_async.settings import Settings, load
from tests.collector.readings import Site, until
from tests.corpus.case import good

LONG_S = 60.0  # nothing takes as long


class Log:
    """Inserts as they begin and end, by the first key of the batch; each may be held up, or fail."""

    def __init__(self, site: Site, while_inserting: Callable[[str], Any]) -> None:
        self.said: list[str] = []
        self.in_flight, self.max_in_flight = 0, 0
        self._insert, self._while = site.store.insert, while_inserting
        site.store.insert = self.insert  # type: ignore[method-assign]

    async def insert(self, collection: str, documents: Sequence[Any]) -> Any:
        key = documents[0].key if documents else ""
        self.said.append(f"{key} begins")
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await self._while(key)
            return await self._insert(collection, documents)
        finally:
            self.in_flight -= 1
            self.said.append(f"{key} ends")


def put_in_turn(site: Site, *readings: dict[str, Any]) -> None:
    """One file each, 0.json and so on, each certainly younger than the one before."""
    moment = 0
    for number, reading in enumerate(readings):
        path = site.put(f"{number}.json", reading)
        while path.stat().st_ctime_ns <= moment:
            path.touch()
        moment = path.stat().st_ctime_ns


async def test_three_batches_are_in_flight_and_no_more(site: Site) -> None:
    site.put_readings("north", range(3 * BATCHES_IN_FLIGHT))

    async def wait(_: str) -> None:
        await until(lambda: log.max_in_flight == BATCHES_IN_FLIGHT)

    log = Log(site, wait)
    assert await site.collector(batch_files=1).sweep()
    assert log.max_in_flight == BATCHES_IN_FLIGHT == 3
    assert (len(site.stored()), site.waiting()) == (9, [])


@pytest.mark.parametrize(
    ("younger", "outcomes"), [("first", {"stored": 2, "duplicate": 1}), ("second", {"stored": 2, "conflict": 1})]
)
async def test_of_two_files_with_one_key_the_older_one_is_stored(
    site: Site, younger: str, outcomes: dict[str, int]
) -> None:
    """Though they are in two batches, and the first is slow; the third one, with another key, waits for neither."""
    put_in_turn(site, {"key": 1, "value": "first"}, {"key": 1, "value": younger}, {"key": 2, "value": "other"})

    async def slow(key: str) -> None:
        if key == "1" and log.said.count("1 begins") == 1:
            await until(lambda: "2 ends" in log.said)

    log, collector = Log(site, slow), site.collector(batch_files=1)
    with capture_logs() as logs:
        assert await collector.sweep()
    assert [entry for entry in log.said if entry[0] == "1"] == ["1 begins", "1 ends"] * 2
    assert site.stored() == {"1": "first", "2": "other"}
    assert collector.tally.outcomes == Counter({("north", outcome): files for outcome, files in outcomes.items()})
    assert [entry for entry in logs if entry["event"] == "collection.interrupted"] == []


# --- One fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["0", "1", "2"])
async def test_one_fails_and_the_others_are_archived(site: Site, failing: str) -> None:
    """The files beside it are stored and counted; it is collected again, once."""
    put_in_turn(site, *({"key": key} for key in range(3)))

    async def fail(key: str) -> None:
        await until(lambda: log.max_in_flight == 3)
        if key == failing:
            raise Unavailable("planted")

    log, collector = Log(site, fail), site.collector(batch_files=1)
    with capture_logs() as logs:
        assert await collector.sweep() is False
        assert site.waiting() == [f"{failing}.json"]
        assert collector.tally.outcomes == Counter({("north", "stored"): 2})
        log._while = _in_flight
        assert await collector.sweep() is True
    assert (sorted(site.stored()), site.waiting()) == (["0", "1", "2"], [])
    assert collector.tally.outcomes == Counter({("north", "stored"): 3})
    events = [entry["event"] for entry in logs if entry["event"].startswith("collection.")]
    assert events == ["collection.interrupted", "collection.resumed"]


async def _in_flight(_: str) -> None:
    """Nothing happens."""


async def test_what_waits_for_one_that_fails_is_not_tried(site: Site) -> None:
    """It would be stored in place of the older one."""
    put_in_turn(site, {"key": 1, "value": "older"}, {"key": 1, "value": "younger"})

    async def fail(_: str) -> None:
        await asyncio.sleep(0.05)
        raise Unavailable("planted")

    log, collector = Log(site, fail), site.collector(batch_files=1)
    assert await collector.sweep() is False
    assert (log.said, site.stored()) == (["1 begins", "1 ends"], {})
    log._while = _in_flight
    assert await collector.sweep() is True
    assert (site.stored(), site.quarantined()) == ({"1": "older"}, {"1.json": "conflict"})


async def test_a_mistake_in_one_is_heard_when_the_others_have_ended(site: Site) -> None:
    put_in_turn(site, *({"key": key} for key in range(3)))

    async def fail(key: str) -> None:
        await until(lambda: log.max_in_flight == 3)
        if key == "0":
            raise RuntimeError("planted")

    log = Log(site, fail)
    with capture_logs() as logs:
        await site.collector(batch_files=1).sweep()
    assert (log.in_flight, site.archived()) == (0, ["1.json", "2.json"])
    [failed] = [entry for entry in logs if entry["event"] == "task.failed"]
    assert (failed["task"], failed["why"]) == ("collector.north", "RuntimeError: planted")


async def test_while_one_hangs_a_stop_is_heard(site: Site) -> None:
    """No more is read, and what can be stored is."""
    put_in_turn(site, *({"key": key} for key in range(9)))
    stopped = False

    async def hang(key: str) -> None:
        nonlocal stopped
        if key == "0":
            stopped = True
            await until(lambda: "2 ends" in log.said or "1 ends" in log.said)

    log = Log(site, hang)
    assert await site.collector(batch_files=1).sweep(lambda: stopped)
    assert 0 < len(site.archived()) < 9


# --- Given up -------------------------------------------------------------------------------------


async def given_up(task: asyncio.Task[bool]) -> None:
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(LONG_S):
            await task


async def test_inserts_that_hang_keep_nobody_from_stopping(site: Site) -> None:
    """All of them are given up, and the same collector collects their files later."""
    site.put_readings("north", range(7))

    async def hang(_: str) -> None:
        await asyncio.Event().wait()

    log, collector = Log(site, hang), site.collector(batch_files=1)
    task = asyncio.create_task(collector.sweep())
    await until(lambda: log.in_flight == 3)
    task.cancel()
    await given_up(task)
    assert (log.in_flight, site.stored(), len(site.waiting())) == (0, {}, 7)
    log._while = _in_flight
    assert await collector.sweep()
    assert (len(site.stored()), site.waiting(), collector.tally.total("stored")) == (7, [], 7)


async def test_one_that_hangs_after_a_failure_keeps_nobody_from_stopping(site: Site) -> None:
    """While the end of the others is awaited."""
    put_in_turn(site, {"key": 0}, {"key": 1})

    async def fail_or_hang(key: str) -> None:
        await until(lambda: log.max_in_flight == 2)
        if key == "0":
            raise Unavailable("planted")
        await asyncio.Event().wait()

    log, collector = Log(site, fail_or_hang), site.collector(batch_files=1)
    task = asyncio.create_task(collector.sweep())
    await until(lambda: "0 ends" in log.said)
    task.cancel()
    await given_up(task)
    assert log.in_flight == 0


class Held:
    """Work in a thread that waits until it is let go."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self._work = work

    def __call__(self, *given: Any) -> Any:
        self.begun.set()
        assert self.let_go.wait(LONG_S)
        return self._work(*given)


@pytest.mark.parametrize("step", ["reading", "archiving", "filing"])
async def test_what_a_thread_has_begun_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Cancelled meanwhile: it ends first; what was moved is counted; nothing stays in flight."""
    site.put_readings("north", range(5))
    collector = site.collector(batch_files=1)
    whose: dict[str, tuple[Any, str]] = {
        "reading": (site.landings["north"], "read"),
        "archiving": (site.landings["north"], "archive"),
        "filing": (collector._filing, "file_away"),
    }
    held = Held(getattr(*whose[step]))
    monkeypatch.setattr(*whose[step], held)
    task = asyncio.create_task(collector.sweep())
    await until(held.begun.is_set)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    held.let_go.set()
    await given_up(task)
    assert collector.tally.total("stored") == len(site.archived())
    assert len(site.archived()) + len(site.waiting()) == 5
    assert await collector.sweep()
    assert (len(site.stored()), site.waiting(), collector.tally.total()) == (5, [], 5)


async def test_a_look_at_what_waits_during_an_outage_is_ended(site: Site) -> None:
    """In a thread too."""
    site.put("1.json", {"key": 1})
    collector = site.collector()
    held, landing = Held(site.landings["north"].read), site.landings["north"]

    async def away() -> None:
        landing.read = held  # type: ignore[method-assign]
        raise Unavailable("planted")

    site.store.before = away
    task = asyncio.create_task(collector.sweep())
    await until(held.begun.is_set)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    held.let_go.set()
    await given_up(task)
    site.store.before = None
    assert await collector.sweep()
    assert (sorted(site.stored()), site.waiting()) == (["1"], [])


@pytest.mark.parametrize("work", ["sweep", "until_empty"])
async def test_given_up_at_any_moment(site: Site, work: str) -> None:
    """The same collector goes on as if nothing had been: each file stored, archived and counted once."""
    collector = site.collector(Clock(), batch_files=2)
    for moment in range(25):
        for number in range(9):
            site.put(f"{moment} {number}.json", {"key": f"{moment} {number}"}, ("north", "south")[number % 2])
        task = asyncio.create_task(getattr(collector, work)())
        await asyncio.sleep(moment * 0.001)
        task.cancel()
        await asyncio.wait([task], timeout=LONG_S)
        assert task.done()
        while not await collector.sweep():
            pass
        assert (site.waiting(), collector.tally.total()) == ([], 9 * (moment + 1))
    assert len(site.stored()) == len(site.archived()) == 9 * 25


# --- Orders and their follow-ups ------------------------------------------------------------------


def _followed_up(number: str, state: str, day: int) -> bytes:
    event = {"etat": state, "date_etat": f"2026-06-{day:02}T10:00:00"}
    return json.dumps({"order_id": number, "canal": "web", "suivi": event}).encode()


@pytest.mark.parametrize("first", ["order", "follow-up"])
async def test_an_order_and_its_follow_ups_in_batches_in_flight(site: Site, tmp_path: Path, first: str) -> None:
    """The end is that of one after the other, and nobody meets what is not durable yet."""
    feed = ORDERS.under(load({"orders": OrderSettings}, {}, {}, Path("/nowhere"))).feeds[0]
    landing = Landing(tmp_path / "orders", feed.name)
    landing.prepare()
    for number in map(str, range(1, 8)):
        files = [good(number), _followed_up(number, "expédiée", 1), _followed_up(number, "livrée", 2)]
        for place, content in enumerate(files if first == "order" else reversed(files)):
            (landing.sources / f"{number} {place}.json").write_bytes(content)
    collector = Collector([(feed, landing)], site.store, Settings(batch_files=1), Clock())
    with capture_logs() as logs:
        assert await collector.sweep()
    assert [entry for entry in logs if entry["event"] == "collection.interrupted"] == []
    assert collector.tally.outcomes == Counter({(feed.name, "stored"): 21})
    found = list(site.database["commandes"].find())
    assert [(match["statut_commande"], len(match["suivi"])) for match in found] == [("livrée", 3)] * 7


# --- Names that change hands ------------------------------------------------------------------------


class Raced(Landing):
    """Just as a file is moved, a newcomer takes its name and is moved instead; then a third one takes it."""

    raced = False

    def archive(self, stored: list[WaitingFile], day: date) -> list[OSError | None]:
        if self.raced:
            return super().archive(stored, day)
        self.raced = True
        folder = self.archived / str(day)
        folder.mkdir(parents=True)
        for file in stored:
            file.path.unlink()
            (folder / file.entry).write_text(json.dumps({"key": "newcomer"}))
            file.path.write_text(json.dumps({"key": "newcomer, third"}))
            self._misplaced.append((str(folder / file.entry), file.entry))
        return [Misplaced(errno.ENOENT, "moved in its place", str(folder / file.entry)) for file in stored]


async def test_what_was_moved_unread_is_restored_and_collected(site: Site) -> None:
    """Under a free name, as its own is taken again: each content is stored, and archived but for what was removed."""
    site.landings["north"] = Raced(site.folder, "north")
    site.put("1.json", {"key": "first"})
    collector = site.collector()
    for _ in range(2):
        assert await collector.sweep()
    assert sorted(site.stored()) == ["first", "newcomer", "newcomer, third"]
    assert (site.archived(), site.waiting()) == (["1.2.json", "1.json"], [])
    assert collector.tally.outcomes == Counter({("north", "stored"): 2})


async def test_it_is_restored_though_its_folder_was_removed(site: Site) -> None:
    """That the folder is gone must not look as if the file were."""
    landing = site.landings["north"]
    site.put("1.json", {"key": 1})
    collector = site.collector()
    landing.archive(collector.waiting(), date(2026, 3, 1))
    landing.sources.rmdir()
    landing._misplaced.append((str(landing.archived / "2026-03-01" / "1.json"), "1.json"))
    for _ in range(2):
        assert await collector.sweep()
    assert (sorted(site.stored()), site.waiting()) == (["1"], [])


async def test_a_file_dated_in_2400_is_collected(site: Site) -> None:
    """64 bits count nanoseconds until 2262."""
    for name, content in (("1.json", {"key": 1}), ("bad.json", {"no": "key"})):
        os.utime(site.put(name, content), (14_000_000_000, 14_000_000_000))
    await site.collector().sweep()
    assert (site.archived(), site.waiting(), site.quarantined()) == (["1.json"], [], {"bad.json": "missing"})
