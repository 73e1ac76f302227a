"""Latency is a contract: breaches are counted exactly, the oldest come first, and the lag is reported."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from multimarket_async.clock import Clock
from multimarket_async.collector import Breaches, Collector, LatencyReporter, Tally
from multimarket_async.domains import Feed, Table
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import on_disk
from multimarket_async.readers.status import last_report
from multimarket_async.settings import Settings
from multimarket_async.store import Encoded, Inserted, Outcome

FEEDS = ("north", "south", "west")


class Hands:
    """A clock moved by hand, from now on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.began = datetime.now(UTC)
        self.clock = Clock(now=lambda: self.began + timedelta(seconds=self.seconds), monotonic=lambda: self.seconds)


class SlowStore:
    """Takes its time for each batch, and remembers what came, and how long the oldest file had waited then."""

    def __init__(self, hands: Hands, landings: Sequence[Landing], batch_s: float) -> None:
        self.hands = hands
        self.landings = landings
        self.batch_s = batch_s
        self.batches: list[list[str]] = []
        self.oldest_s: list[int] = []

    async def update(self, _: str, __: Any, *, durable: bool = True) -> None:
        """Versions cost no time."""

    async def describe(self, *_: str) -> dict[str, Any]:
        """Nobody made a collection before."""
        return {}

    async def insert(self, _: str, documents: Sequence[Encoded]) -> list[Outcome]:
        ages_s = [on_disk(landing).oldest_age_s(self.hands.clock.now()) for landing in self.landings]
        self.oldest_s.append(round(max(age_s for age_s in ages_s if age_s is not None)))
        self.batches.append([document.key for document in documents])
        self.hands.seconds += self.batch_s
        return [Inserted()] * len(documents)


class Site:
    """Three channels, a slow store, and a budget of 10 s."""

    def __init__(self, folder: Path, batch_s: float, **settings: Any) -> None:
        self.landings = {name: Landing(folder, name) for name in FEEDS}
        for landing in self.landings.values():
            landing.prepare()
        self.hands, self.newest_ns = Hands(), 0
        self.store = SlowStore(self.hands, list(self.landings.values()), batch_s)
        feeds = [
            (Feed(name, Table("c"), lambda file: [{"_id": file.content.decode()}]), item)
            for name, item in self.landings.items()
        ]
        self.collector = Collector(feeds, self.store, Settings(**settings), self.hands.clock)  # type: ignore[arg-type]
        self.file = folder / "logs" / "latency.json"
        self.reporter = LatencyReporter(self.collector.tally, self.collector.waiting, self.file, self.hands.clock)

    def deliver(self, feed: str, key: str) -> None:
        """A file younger than any before it."""
        path = self.landings[feed].sources / f"{key}.json"
        path.write_text(key)
        while path.stat().st_ctime_ns <= self.newest_ns:  # the kernel's clock ticks in milliseconds
            path.write_text(key)
        self.newest_ns = path.stat().st_ctime_ns


def events(logs: Sequence[Any], name: str) -> list[dict[str, Any]]:
    return [
        {key: entry[key] for key in entry if key not in ("event", "log_level")}
        for entry in logs
        if entry["event"] == name
    ]


# --- overload ---------------------------------------------------------------------------------


async def test_under_overload_feeds_take_turns_oldest_first(tmp_path: Path) -> None:
    """Twelve files, the feeds in turn, batches of three: each batch is the three oldest of its feed that are left."""
    site = Site(tmp_path, 4.0, batch_files=3)
    for number in range(12):
        site.deliver(FEEDS[number % 3], f"{number:02}")
    await site.collector.sweep()
    first, second = [["00", "03", "06"], ["01", "04", "07"], ["02", "05", "08"]], [["09"], ["10"], ["11"]]
    assert site.store.batches == first + second


async def test_a_feed_with_a_long_queue_keeps_its_order_and_starves_no_other(tmp_path: Path) -> None:
    """Nine old files here, one young one there: that one is in the second batch, and the nine stay in order."""
    site = Site(tmp_path, 4.0, batch_files=3)
    for number in range(9):
        site.deliver("north", f"n{number}")
    site.deliver("south", "s0")
    await site.collector.sweep()
    assert site.store.batches[1] == ["s0"]
    assert [key for batch in site.store.batches for key in batch if key != "s0"] == [f"n{n}" for n in range(9)]


async def test_the_oldest_grows_older_and_every_breach_is_counted_once(tmp_path: Path) -> None:
    """Batches of 3 files take 4 s each: after 4 and 8 s in time, after 12, 16, 20 and 24 s twelve files are late."""
    site = Site(tmp_path, 4.0, batch_files=3)
    for number in range(18):
        site.deliver(FEEDS[number % 3], f"{number:02}")
    with capture_logs() as logs:
        await site.collector.sweep()
        site.reporter.report()
    assert site.store.oldest_s == [0, 4, 8, 12, 16, 20]
    late = events(logs, "latency.breached")
    assert (late[0]["files"], round(late[0]["worst_s"]), round(late[-1]["worst_s"])) == (3, 12, 24)
    assert (sum(item["files"] for item in late), len(late) < 4) == (12, True)  # not a line for each batch
    assert {item["feed"] for item in late} <= set(FEEDS)
    [measured] = events(logs, "latency.measured")
    assert (measured["files"], measured["breaches"], round(measured["max_s"]), measured["waiting"]) == (18, 12, 24, 0)


async def test_files_in_time_are_no_breach(tmp_path: Path) -> None:
    """And no line says anything of them."""
    site = Site(tmp_path, 4.0, batch_files=3)
    for number in range(6):
        site.deliver("north", f"{number}")
    with capture_logs() as logs:
        await site.collector.sweep()
    assert events(logs, "latency.breached") == []


async def test_what_waits_is_told_though_nothing_moves(tmp_path: Path) -> None:
    """MongoDB is away: how many files, how large, how old, how many over the budget already."""
    site = Site(tmp_path, 4.0)
    site.deliver("north", "12345")
    site.deliver("south", "123")
    with capture_logs() as logs:
        for seconds in (9.0, 30.0):
            site.hands.seconds = seconds
            assert site.reporter.report() == 2
    measured = events(logs, "latency.measured")
    assert [(item["files"], item["waiting"], item["waiting_bytes"], item["overdue"]) for item in measured] == [
        (0, 2, 8, 0),
        (0, 2, 8, 2),
    ]
    assert [round(item["oldest_s"]) for item in measured] == [9, 30]


def test_the_age_told_is_that_of_the_oldest(tmp_path: Path) -> None:
    """Of files that wait for 1, 90 and 5 s: 90 s, and one is overdue; a clock set back makes no age negative."""
    site = Site(tmp_path, 4.0)
    site.deliver("north", "1")
    [file], hands = site.collector.waiting(), site.hands
    began_ns = round(hands.began.timestamp() * 1e9)
    files = [file._replace(changed_ns=began_ns - age_s * 10**9) for age_s in (1, 90, 5)]
    with capture_logs() as logs:
        LatencyReporter(Tally(10.0), lambda: files, tmp_path / "latency.json", hands.clock).report()
        hands.seconds = -3600.0
        LatencyReporter(Tally(10.0), lambda: files, tmp_path / "latency.json", hands.clock).report()
    assert [(event["oldest_s"], event["overdue"]) for event in events(logs, "latency.measured")] == [
        (90.0, 1),
        (0.0, 0),
    ]


async def test_where_nothing_came_and_nothing_waits_nothing_is_logged(tmp_path: Path) -> None:
    """A quiet night is not a line a minute; the file says that somebody is there."""
    site = Site(tmp_path, 4.0)
    with capture_logs() as logs:
        site.reporter.report()
    assert logs == []
    report = last_report(site.file, site.hands.began + timedelta(seconds=7))
    assert report == {
        "reported_at": site.hands.began.isoformat(),
        "age_s": 7.0,
        "budget_s": 10.0,
        "last_minute": None,
        "last_hour": None,
    }


# --- the tally --------------------------------------------------------------------------------


def test_breaches_of_a_batch() -> None:
    """The number, the worst wait and its feed; exactly the budget is in time; reported once."""
    tally = Tally(10.0)
    for feed, wait_s in (("a", 10.0), ("a", 10.001), ("b", 12.34567), ("a", 11.0), ("c", 0.1)):
        tally.count(feed, "stored", wait_s)
    assert tally.breaches() == Breaches(files=3, worst_s=12.346, feed="b")
    assert tally.breaches() is None


# --- the last hour ----------------------------------------------------------------------------


def reported(reporter: LatencyReporter, file: Path, clock: Clock) -> dict[str, Any]:
    reporter.report()
    report = last_report(file, clock.now())
    assert report is not None
    return report


def test_the_last_minute_is_exact_and_the_last_hour_to_2_percent(tmp_path: Path) -> None:
    """1 to 100 s in the first minute, a hundred times 0.5 s in the second."""
    hands, tally, file = Hands(), Tally(95.0), tmp_path / "logs" / "latency.json"
    reporter = LatencyReporter(tally, list, file, hands.clock)
    hands.seconds = 60.0
    for seconds in range(1, 101):
        tally.count("a", "stored", float(seconds))
    first = reported(reporter, file, hands.clock)
    minute = {"seconds": 60.0, "files": 100, "p50_s": 50.5, "p99_s": 99.01, "max_s": 100.0, "breaches": 5}
    assert first["last_minute"] == minute
    hands.seconds = 120.0
    for _ in range(100):
        tally.count("a", "stored", 0.5)
    second = reported(reporter, file, hands.clock)
    assert second["last_minute"]["max_s"] == 0.5
    hour = second["last_hour"]
    assert (hour["seconds"], hour["files"], hour["max_s"], hour["breaches"]) == (120.0, 200, 100.0, 5)
    assert 0.5 <= hour["p50_s"] <= 0.51
    assert 98.0 <= hour["p99_s"] <= 98.0 * 1.02


def test_what_is_over_an_hour_old_is_forgotten(tmp_path: Path) -> None:
    """Memory is bounded, and yesterday's bad hour is not reported for ever."""
    hands, tally, file = Hands(), Tally(10.0), tmp_path / "latency.json"
    reporter = LatencyReporter(tally, list, file, hands.clock)
    tally.count("a", "stored", 50.0)
    for minute in range(60):
        hands.seconds = 60.0 * minute
        tally.count("a", "stored", 1.0)
        report = reported(reporter, file, hands.clock)
        assert report["last_hour"]["breaches"] == 1
    hands.seconds = 3600.0
    tally.count("a", "stored", 1.0)
    hour = reported(reporter, file, hands.clock)["last_hour"]
    assert (hour["files"], hour["breaches"], hour["max_s"]) == (60, 0, 1.0)


@pytest.mark.parametrize("waits_s", [[0.0], [0.0, 0.0004, 0.001], [1e6]])
def test_the_shortest_and_the_longest_waits(tmp_path: Path, waits_s: list[float]) -> None:
    """No p99 above the maximum, and no logarithm of nothing."""
    hands, tally, file = Hands(), Tally(10.0), tmp_path / "latency.json"
    reporter = LatencyReporter(tally, list, file, hands.clock)
    for wait_s in waits_s:
        tally.count("a", "stored", wait_s)
    hour = reported(reporter, file, hands.clock)["last_hour"]
    assert hour["p50_s"] <= hour["p99_s"] <= hour["max_s"] == round(max(waits_s), 3)


def test_a_disk_full_for_the_report_stops_nobody(tmp_path: Path) -> None:
    """One line; the next report may find room."""
    (tmp_path / "logs").write_bytes(b"no folder")
    reporter = LatencyReporter(Tally(10.0), list, tmp_path / "logs" / "latency.json", Hands().clock)
    with capture_logs() as logs:
        assert reporter.report() == 0
    assert [entry["event"] for entry in logs] == ["latency.report_failed"]


def test_the_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """A reader at any moment finds the last one or the one before."""
    file = tmp_path / "latency.json"
    reporter = LatencyReporter(Tally(10.0), list, file, Hands().clock)
    reporter.report()
    with file.open() as reader:
        reporter.report()
        assert json.loads(reader.read())["last_hour"] is None
    assert os.listdir(tmp_path) == ["latency.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"reported_at": 5}', b'{"reported_at": "2026-01-01"}', b"\xff"]
)
def test_a_report_of_another_hand_is_none(tmp_path: Path, content: bytes) -> None:
    """`status` goes on without it."""
    (tmp_path / "latency.json").write_bytes(content)
    assert last_report(tmp_path / "latency.json", datetime.now(UTC)) is None
    assert last_report(tmp_path / "absent.json", datetime.now(UTC)) is None


@pytest.mark.parametrize("error", [OSError(24, "too many open files"), Unavailable("no descriptors")])
def test_a_folder_that_cannot_be_listed_stops_no_report(tmp_path: Path, error: Exception) -> None:
    """The waits are reported, and the number of waiting files is unknown."""

    def waiting() -> list[Any]:
        raise error

    tally = Tally(10.0)
    tally.count("a", "stored", 1.0)
    with capture_logs() as logs:
        assert LatencyReporter(tally, waiting, tmp_path / "latency.json", Hands().clock).report() is None
    [one] = events(logs, "latency.measured")
    assert one == {"files": 1, "p50_s": 1.0, "p99_s": 1.0, "max_s": 1.0, "breaches": 0}
