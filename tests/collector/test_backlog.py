"""The backlog of one feed: oldest first, within bounds, and some files deferred."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from multimarket_async.clock import Clock
from multimarket_async.collector import backlog as module
from multimarket_async.collector.backlog import Backlog
from multimarket_async.domains import Feed, Table
from multimarket_async.landing import Landing, WaitingFile

FEED = Feed("north", Table("readings"), lambda _: [])
PLENTY = 1 << 30


class Hands:
    """A clock moved by hand. wall: None for one far in the past, before any file."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.wall = datetime(2020, 1, 1, tzinfo=UTC)
        self.clock = Clock(now=lambda: self.wall, monotonic=lambda: self.seconds)


@pytest.fixture
def hands() -> Hands:
    """The time."""
    return Hands()


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """An empty landing directory."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    return landing


@pytest.fixture
def backlog(landing: Landing, hands: Hands) -> Backlog:
    """Its backlog."""
    return Backlog(FEED, landing, hands.clock)


def _arrive(landing: Landing, *names: str, content: bytes = b"{}") -> None:
    """Put files there, each certainly younger than the one before (the kernel's clock ticks every few ms)."""
    moment = max((file.changed_ns for file in landing.waiting()), default=0)
    for name in names:
        path = landing.sources / name
        path.write_bytes(content)
        while path.stat().st_ctime_ns <= moment:
            os.utime(path)
        moment = path.stat().st_ctime_ns


def _names(taken: list[WaitingFile]) -> list[str]:
    return [file.name for file in taken]


def test_nothing_waits(backlog: Backlog) -> None:
    """An empty directory gives nothing."""
    assert backlog.take(10, PLENTY) == []


def test_oldest_first(landing: Landing, backlog: Backlog) -> None:
    """In the order of arrival, each once."""
    _arrive(landing, "c.json", "a.json", "b.json")
    assert [_names(backlog.take(2, PLENTY)), _names(backlog.take(2, PLENTY))] == [["c.json", "a.json"], ["b.json"]]


def test_newcomers_wait_for_the_next_scan(landing: Landing, backlog: Backlog) -> None:
    """A file that arrives while a long list is worked off comes after it."""
    _arrive(landing, "b.json", "c.json")
    first = _names(backlog.take(1, PLENTY))
    _arrive(landing, "a.json")
    assert [first, _names(backlog.take(9, PLENTY))] == [["b.json"], ["c.json"]]


def test_bounded_by_bytes(landing: Landing, backlog: Backlog) -> None:
    """40 + 40 + 40 bytes reach the 100: the file that crosses the bound is the last."""
    _arrive(landing, "1.json", "2.json", "3.json", "4.json", content=b"x" * 40)
    assert [_names(backlog.take(9, 100)), _names(backlog.take(9, 100))] == [["1.json", "2.json", "3.json"], ["4.json"]]


def test_a_file_larger_than_the_bound_is_taken_alone(landing: Landing, backlog: Backlog) -> None:
    """Else it would wait for ever."""
    _arrive(landing, "1.json", "2.json", content=b"x" * 40)
    assert _names(backlog.take(9, 10)) == ["1.json"]


@pytest.mark.parametrize(("files", "size"), [(0, PLENTY), (9, 0), (9, -1)])
def test_no_room_left(landing: Landing, backlog: Backlog, files: int, size: int) -> None:
    """A batch that is full takes nothing more."""
    _arrive(landing, "1.json")
    assert backlog.take(files, size) == []


def test_millions_are_scanned_in_parts(landing: Landing, backlog: Backlog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan brings the oldest; the next scan, when they are gone, the next ones."""
    monkeypatch.setattr(module, "MAX_LISTED", 2)
    _arrive(landing, "1.json", "2.json", "3.json")
    assert _names(backlog.take(9, PLENTY)) == ["1.json", "2.json"]
    assert _names(backlog.take(9, PLENTY)) == ["3.json"]
    (landing.sources / "1.json").unlink()
    backlog.requeue()
    assert _names(backlog.take(9, PLENTY)) == ["2.json", "3.json"]


def test_a_file_in_flight_is_not_taken_twice(landing: Landing, backlog: Backlog) -> None:
    """It is being stored: seen again, it would be collected twice. Released, another of its name may come."""
    _arrive(landing, "1.json")
    [one] = backlog.take(9, PLENTY)
    _arrive(landing, "2.json")
    assert _names(backlog.take(9, PLENTY)) == ["2.json"]
    backlog.release(one)
    assert _names(backlog.take(9, PLENTY)) == ["1.json"]


def test_requeued_files_are_found_again(landing: Landing, backlog: Backlog) -> None:
    """Files in flight when MongoDB went away come again, in their order."""
    _arrive(landing, "1.json", "2.json", "3.json")
    backlog.take(1, PLENTY)
    backlog.requeue()
    assert _names(backlog.take(9, PLENTY)) == ["1.json", "2.json", "3.json"]


# --- deferred ------------------------------------------------------------------------------


def test_deferred_until_then(landing: Landing, backlog: Backlog, hands: Hands) -> None:
    """Not due for 3 s; the others are."""
    _arrive(landing, "1.json", "2.json")
    first, second = backlog.take(9, PLENTY)
    assert backlog.defer(first, 3.0, "") == 0.0
    backlog.release(second)
    assert _names(backlog.take(9, PLENTY)) == ["2.json"]
    hands.seconds += 2.9
    assert _names(backlog.take(9, PLENTY)) == []
    hands.seconds += 0.1
    assert _names(backlog.take(9, PLENTY)) == ["1.json"]


def test_unchanged_for_how_long(landing: Landing, backlog: Backlog, hands: Hands) -> None:
    """Deferred again and again, unchanged: the time counts from the first."""
    _arrive(landing, "1.json")
    [one] = backlog.take(9, PLENTY)
    backlog.defer(one, 3.0, "")
    hands.seconds += 3.0
    assert backlog.defer(one, 3.0, "") == 3.0
    hands.seconds += 1.5
    assert backlog.defer(one, 3.0, "") == 4.5


def test_a_change_makes_it_due_and_starts_the_time_anew(landing: Landing, backlog: Backlog, hands: Hands) -> None:
    """Its writer went on: it is due, and is given as much time as before."""
    _arrive(landing, "1.json")
    backlog.defer(backlog.take(9, PLENTY)[0], 3.0, "")
    hands.seconds += 1.0
    (landing.sources / "1.json").write_bytes(b"more")
    [changed] = backlog.take(9, PLENTY)
    assert (changed.bytes, backlog.defer(changed, 3.0, "")) == (4, 0.0)


def test_a_file_in_flight_is_not_forgotten_by_a_scan(landing: Landing, backlog: Backlog, hands: Hands) -> None:
    """While it is tried again others are looked for: the time still counts from the first."""
    _arrive(landing, "1.json", "2.json")
    one, _ = backlog.take(9, PLENTY)
    backlog.defer(one, 3.0, "")
    hands.seconds += 3.0
    assert _names(backlog.take(9, PLENTY)) == ["1.json"]
    assert _names(backlog.take(9, PLENTY)) == []
    assert backlog.defer(one, 3.0, "") == 3.0


def test_a_file_that_is_gone_is_not_remembered(landing: Landing, backlog: Backlog) -> None:
    """Memory holds only what waits."""
    _arrive(landing, "1.json")
    [one] = backlog.take(9, PLENTY)
    backlog.defer(one, 3.0, "")
    one.path.unlink()
    backlog.take(9, PLENTY)
    assert backlog._deferred == {}


# --- since when ----------------------------------------------------------------------------


def test_visible_since_it_landed(landing: Landing, backlog: Backlog, hands: Hands) -> None:
    """Found 2 s after it landed: visible since 2 s before now, on the monotonic clock."""
    _arrive(landing, "1.json")
    landed_ns = landing.waiting()[0].changed_ns
    hands.wall = datetime.fromtimestamp(landed_ns / 1e9, UTC) + timedelta(seconds=2)
    [file] = backlog.take(9, PLENTY)
    assert backlog.scanned.visible_at(file) == pytest.approx(98.0, abs=1e-5)


def test_a_clock_set_back_gives_no_negative_wait(landing: Landing, backlog: Backlog) -> None:
    """A file from the future is visible since now."""
    _arrive(landing, "1.json")
    [file] = backlog.take(9, PLENTY)
    assert backlog.scanned.visible_at(file) == 100.0
