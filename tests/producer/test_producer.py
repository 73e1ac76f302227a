"""The producer: complete files, each number once, dated within the period."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from multimarket_async.clock import Clock, beats
from multimarket_async.domains import Feed, Table
from multimarket_async.landing import Landing
from multimarket_async.producer import ArrivalProcess, Period, Producer
from multimarket_async.settings import Pace, Settings
from multimarket_async.simulation import Delivery, Simulate

NOW = datetime(2026, 5, 20, 13, 45, 7, 250_000, tzinfo=UTC)
TODAY, TWO_YEARS_AGO = datetime(2026, 5, 20, tzinfo=UTC), datetime(2024, 5, 20, tzinfo=UTC)


CLOCK = Clock(now=lambda: NOW)
WITHOUT_PAUSES = ArrivalProcess(Pace.RANDOM, 0, 0)
PERIOD = Period(TWO_YEARS_AGO, TODAY)


def delivery(seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
    """A file that tells how it was asked for."""
    asked = {"seed": seed, "number": number, "earliest": earliest.isoformat(), "latest": latest.isoformat()}
    return Delivery(f"{seed}-{number}.json", json.dumps({**asked, "padding": "x" * 10_000}).encode())


def breaks_at(bad: int) -> Simulate:
    def simulate(seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        if number == bad:
            raise KeyboardInterrupt  # as abrupt as a kill between reserving and delivering
        return delivery(seed, number, earliest, latest)

    return simulate


def then_stops(stop: asyncio.Event, files: int, after_s: float = 0.0) -> Simulate:
    """Deliveries, with a stop `after_s` the last of so many was asked for (0: while it is being delivered)."""
    left = iter(range(files - 1, -1, -1))

    def simulate(seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        if next(left) == 0:
            asyncio.get_running_loop().call_later(after_s, stop.set) if after_s else stop.set()
        return delivery(seed, number, earliest, latest)

    return simulate


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    place = Landing(tmp_path, "web")
    place.prepare()
    return place


@pytest.mark.parametrize("name", [".produced", ".produced.lock"])
async def test_a_link_in_the_landing_directory_is_not_followed(landing: Landing, tmp_path: Path, name: str) -> None:
    """Others write there: a link would have us create or read any file of ours."""
    (landing.sources / name).symlink_to(tmp_path / "elsewhere")
    if name == ".produced":
        (tmp_path / "elsewhere").write_text('{"1": 7}')
    with pytest.raises(OSError, match="symbolic links"):
        await producer(landing).burst(1)
    assert (tmp_path / "elsewhere").exists() == (name == ".produced")


def producer(
    landing: Landing, seed: int = 1, simulate: Simulate = delivery, clock: Clock = CLOCK, **settings: object
) -> Producer:
    feed = Feed(landing.feed, Table("things"), lambda _: [], simulate=simulate)
    return Producer(feed, landing, Settings(seed=seed, **settings), clock)


def delivered(landing: Landing) -> list[dict[str, str | int]]:
    """By number."""
    files = [json.loads(file.path.read_bytes()) for file in landing.waiting()]
    return sorted(files, key=lambda file: (file["seed"], file["number"]))


def numbers(landing: Landing, seed: int = 1) -> list[int]:
    return [file["number"] for file in delivered(landing) if file["seed"] == seed]


def test_two_processes_never_use_the_same_number(landing: Landing) -> None:
    """`produce` beside `run`: a lock of the kernel's knows no difference between their threads and their processes."""
    one, other = producer(landing), producer(landing)
    with ThreadPoolExecutor(2) as threads:
        reserved = list(threads.map(lambda who: [who._reserve(1).start for _ in range(300)], [one, other]))
    assert sorted(chain.from_iterable(reserved)) == list(range(600))


async def test_a_burst_delivers_so_many_files(landing: Landing) -> None:
    """Numbered from 0, counted, and nothing half-written stays beside them."""
    web = producer(landing)
    await web.burst(5)
    assert numbers(landing) == [0, 1, 2, 3, 4]
    assert web.delivered == 5
    assert [path.name for path in landing.sources.iterdir() if path.name.endswith(".part")] == []


async def test_a_file_is_seen_whole_or_not_at_all(landing: Landing) -> None:
    """A scan during deliveries finds complete files only."""
    producing, seen = asyncio.create_task(producer(landing).burst(40)), 0
    while not producing.done():
        seen += len(delivered(landing))  # json.loads raises on half a file
        await asyncio.sleep(0)
    assert seen > 0
    assert len(delivered(landing)) == 40


async def test_numbers_go_on_after_a_restart(landing: Landing) -> None:
    """A later run never delivers an order again."""
    await producer(landing).burst(3)
    await producer(landing).burst(2)
    assert numbers(landing) == [0, 1, 2, 3, 4]


async def test_numbers_go_on_when_the_files_are_gone(landing: Landing) -> None:
    """Collected files are not there to count."""
    await producer(landing).burst(3)
    for file in landing.waiting():
        file.path.unlink()
    await producer(landing).burst(1)
    assert numbers(landing) == [3]


async def test_each_seed_has_its_own_numbers(landing: Landing) -> None:
    """And going back to a seed goes on where it was left."""
    for seed, files in ((1, 2), (7, 1), (1, 1)):
        await producer(landing, seed).burst(files)
    assert [numbers(landing, 1), numbers(landing, 7)] == [[0, 1, 2], [0]]


async def test_a_crash_between_reserving_and_delivering_repeats_no_number(landing: Landing) -> None:
    """Numbers are lost, never used twice."""
    with pytest.raises(KeyboardInterrupt):
        await producer(landing, simulate=breaks_at(1)).burst(3)
    await producer(landing).burst(2)
    assert numbers(landing) == [3, 4]


async def test_live_deliveries_crash_alike(landing: Landing) -> None:
    """The number is written down before the file is delivered."""
    with pytest.raises(KeyboardInterrupt):
        await producer(landing, simulate=breaks_at(0)).live(asyncio.Event(), WITHOUT_PAUSES)
    await producer(landing).burst(1)
    assert numbers(landing) == [1]


async def test_burst_and_live_share_the_numbers(landing: Landing) -> None:
    """Or the orders of one would be duplicates of the other's."""
    await producer(landing).burst(2)
    stop = asyncio.Event()
    await producer(landing, simulate=then_stops(stop, files=2)).live(stop, WITHOUT_PAUSES)
    assert numbers(landing) == [0, 1, 2, 3]


async def test_the_counter_is_not_a_delivery(landing: Landing) -> None:
    """The producer's own file in the directory does not wait for the collector."""
    await producer(landing).burst(1)
    assert len(landing.waiting()) == 1
    assert {path.name for path in landing.sources.iterdir()} == {".produced", ".produced.lock", "1-0.json"}


async def test_a_burst_is_dated_over_the_last_24_months(landing: Landing) -> None:
    """From this day two years ago (730 days, one of no leap year) to the last midnight."""
    await producer(landing).burst(1)
    [file] = delivered(landing)
    assert (TWO_YEARS_AGO.isoformat(), TODAY.isoformat()) == (file["earliest"], file["latest"])


async def test_a_live_delivery_is_dated_now(landing: Landing) -> None:
    """Neither earlier nor later."""
    stop = asyncio.Event()
    await producer(landing, simulate=then_stops(stop, files=1)).live(stop, WITHOUT_PAUSES)
    [file] = delivered(landing)
    assert (NOW.isoformat(), NOW.isoformat()) == (file["earliest"], file["latest"])


async def test_live_stops_immediately(landing: Landing) -> None:
    """A pause is no reason to keep a stopping `run` waiting."""
    stop = asyncio.Event()
    async with asyncio.timeout(60):
        await producer(landing, simulate=then_stops(stop, files=1, after_s=0.05)).live(
            stop, ArrivalProcess(Pace.RANDOM, 3600, 3600)
        )
    assert numbers(landing) == [0]


async def test_live_does_nothing_where_stop_is_set(landing: Landing) -> None:
    """Not even the first delivery."""
    stop = asyncio.Event()
    stop.set()
    await producer(landing).live(stop, WITHOUT_PAUSES)
    assert landing.waiting() == []


async def test_pauses_lie_within_the_two_settings(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one, and they are not all alike."""
    stop, pauses = asyncio.Event(), []

    async def noted(seconds: float, stop: asyncio.Event) -> None:
        pauses.append(seconds)
        if len(pauses) == 50:
            stop.set()

    monkeypatch.setattr("multimarket_async.producer.producer.pause", noted)
    await producer(landing).live(stop, ArrivalProcess(Pace.RANDOM, 2.0, 5.0))
    assert all(2.0 <= pause <= 5.0 for pause in pauses)
    assert max(pauses) - min(pauses) > 1.0


async def test_a_producer_is_named_for_its_channel(landing: Landing) -> None:
    """The name of its task."""
    assert producer(landing).name == "producer.web"


async def test_the_digest_identifies_the_deliveries(landing: Landing, tmp_path: Path) -> None:
    """The same names and bytes in the same order give the same one, whatever the number of bursts."""
    other = Landing(tmp_path / "other", "web")
    other.prepare()
    at_once, in_parts, longer = producer(landing), producer(other), producer(other, 2)
    await at_once.burst(5)
    for files in (2, 3):
        await in_parts.burst(files)
    await longer.burst(5)
    assert at_once.digest.hexdigest() == in_parts.digest.hexdigest() != longer.digest.hexdigest()


async def test_a_period_may_be_given(landing: Landing) -> None:
    """The simulator gets it."""
    await producer(landing).burst(1, Period.before(TODAY, "1month"))
    [file] = delivered(landing)
    assert (file["earliest"], file["latest"]) == ("2026-04-20T00:00:00+00:00", TODAY.isoformat())


async def test_simulated_time_runs_faster(landing: Landing) -> None:
    """At speed 60, a minute later by the clock is an hour later in the orders; after an hour it has caught up."""
    passed = (timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(hours=3))
    stop, times = asyncio.Event(), iter([NOW, *(NOW + time for time in passed)])
    web = producer(landing, simulate=then_stops(stop, files=4), clock=Clock(now=lambda: next(times)))
    await web.live(stop, ArrivalProcess(Pace.RANDOM, 0, 0, time_scale=60))
    dates = [datetime.fromisoformat(str(file["earliest"])) for file in delivered(landing)]
    assert dates == [NOW + timedelta(hours=hours) for hours in (-59, -58, 1, 3)]


async def test_a_burst_of_the_pace_arrives_together(landing: Landing) -> None:
    """So many files, then a pause."""
    stop = asyncio.Event()
    arrivals = ArrivalProcess(Pace.BURST, 3600, 3600, burst_files=7)
    await producer(landing, simulate=then_stops(stop, files=7)).live(stop, arrivals)
    assert numbers(landing) == list(range(7))


async def test_a_burst_waits_for_a_collector_where_that_is_asked_for(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks every so many files, and goes on when there is room."""
    counted: list[int] = []

    def collected(folder: Path, _: object) -> int:
        counted.append(found := len(list(folder.glob("*.json"))))
        if len(counted) % 3 == 0:  # a collector, between this look and the next
            for file in landing.waiting():
                file.path.unlink()
        return found

    for name, value in (
        ("TURN_FILES", 5),
        ("CHECK_BACKLOG_EVERY_FILES", 10),
        ("RECHECK_AFTER_S", 0),
        ("count_waiting", collected),
    ):
        monkeypatch.setattr(f"multimarket_async.producer.producer.{name}", value)
    web = producer(landing, max_backlog_files=10)
    await web.burst(25)
    assert web.delivered == 25
    assert counted == [0, 10, 10, 0, 10, 10, 0]


async def test_torn_files_of_a_burst_stay_unfinished_for_a_while(landing: Landing) -> None:
    """They are there, half written, for as long as was asked for; then they are whole."""
    torn = producer(landing, faults="torn=1")
    torn.torn_for_s = 60.0
    task = asyncio.create_task(torn.burst(3, PERIOD))
    try:
        async for _ in beats(0.001, asyncio.Event()):
            if torn.delivered == 3:
                break
        halves = [path.stat().st_size for path in sorted(landing.sources.glob("*.json"))]
    finally:
        task.cancel()
        await asyncio.wait([task])
    whole = [len(delivery(1, number, PERIOD.earliest, PERIOD.latest).content) for number in range(3)]
    assert halves == [size // 2 for size in whole]
    assert [path.stat().st_size for path in sorted(landing.sources.glob("*.json"))] == whole


async def test_a_recorder_knows_each_delivery_before_and_after_it(landing: Landing) -> None:
    """Entered while none of its files is there, left when all are."""
    recorded: list[tuple[str, list[str], int]] = []

    @contextmanager
    def recorder(feed: str, deliveries: Sequence[Delivery]) -> Iterator[None]:
        names = [delivery.name for delivery in deliveries]
        recorded.append((feed, names, len(landing.waiting())))
        yield
        recorded.append((feed, names, len(landing.waiting())))

    web = producer(landing)
    web.recorder = recorder
    await web.burst(2, PERIOD)
    names = ["1-0.json", "1-1.json"]
    assert recorded == [("web", names, 0), ("web", names, 2)]
