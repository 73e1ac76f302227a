"""top: the status on a terminal and in a pipe, rates, outages, and the pause between readings."""

import io
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from multimarket_async.clock import Clock
from multimarket_async.domains import Feed
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.status import Status
from multimarket_async.readers.terminal import status_lines, status_screen
from multimarket_async.readers.top import Observer, Reading

AT = datetime(2026, 5, 20, 12, 0, 0, tzinfo=UTC)
LATE = AT - timedelta(seconds=12)
WINDOW = {"seconds": 60.0, "files": 40, "p50_s": 0.25, "p99_s": 1.5, "max_s": 2.0, "breaches": 0}
REPORT = {"told_at": AT.isoformat(), "age_s": 5.0, "budget_s": 10.0, "last_minute": WINDOW, "last_hour": WINDOW}
GENERATION = {"number": 7, "as_of": AT.isoformat(), "age_s": 3.0, "stale": False}


def status(stored: int = 30, **differing: Any) -> Status:
    channel = Channel("site_web", 2, 100, LATE, stored + 1, stored, Counter({"not_json": 4}))
    return replace(Status([channel], GENERATION, AT, REPORT), **differing)


def on_screen(reading: Reading, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(status_screen(reading.status, reading.rates, reading.outage))
    return out.getvalue()


@dataclass
class Hours:
    """A clock that is set by hand."""

    monotonic_s: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: AT, lambda: self.monotonic_s)


def observer(tmp_path: Path, hours: Hours, results: Iterator[Status | Exception]) -> Observer:
    landing = Landing(tmp_path, "site_web")
    landing.prepare()
    (landing.sources / "new.json").write_bytes(b"{}")

    async def read() -> Status:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    return Observer(read, [(Feed("site_web", "orders", lambda _: []), landing)], hours.clock())


def test_the_screen_shows_all_of_it() -> None:
    """Rate, backlog, oldest, outcomes, p50 and p99, and the age of the KPIs."""
    text = on_screen(Reading(status(), Counter({"site_web": 21})))
    row = next(line for line in text.splitlines() if "site_web" in line)
    assert row.split() == ["site_web", "21", "2", "12.0", "s", "30", "1", "4"]
    latency = "p50 0.250 s, p99 1.500 s, max 2.000 s; 0 of 40 files over 10 s (reported 5 s ago)."
    assert f"Latency, last minute: {latency}" in text
    assert f"Latency, last hour: {latency}" in text
    assert "KPI generation 7 is as of 2026-05-20T12:00:00+00:00, 3 s ago." in text


def test_before_the_first_generation() -> None:
    """No rate at the first reading, no latency, no generation: shown as such, not left out."""
    text = on_screen(Reading(status(latency=None, generation=None), Counter()))
    assert next(line for line in text.splitlines() if "site_web" in line).split()[1] == "-"
    assert "No latency report yet" in text
    assert "No KPI generation yet" in text


def test_a_single_reading_shows_received_files_and_reasons() -> None:
    """The equation of conservation, with the codes of the quarantined files."""
    out = io.StringIO()
    early = replace(status().channels[0], early=3)
    Console(file=out, width=120).print(status_screen(replace(status(), channels=[early])))
    row = next(line for line in out.getvalue().splitlines() if "not_json" in line)
    assert row.split() == ["site_web", "37", "2", "12.0", "s", "30", "1", "4", "4", "not_json"]
    assert "site_web: 3 follow-ups wait for their document." in out.getvalue()


@pytest.mark.parametrize("width", [72, 80, 200])
def test_numbers_are_whole_at_any_width(width: int) -> None:
    """Headings and names give way."""
    text = on_screen(Reading(status(stored=12_345_678), Counter({"site_web": 12_345})), width)
    assert "12,345,678" in text
    assert "12,345 " in text


def test_lines_are_columns() -> None:
    """As many cells as names; - for an unknown value."""
    head, line = (text.split() for text in status_lines(status(latency=None), {}, heading=True))
    cells = dict(zip(head, line, strict=True))
    assert (cells["time"], cells["feed"], cells["per_min"]) == ("2026-05-20T12:00:00Z", "site_web", "-")
    counts = [cells[name] for name in ("waiting", "oldest_s", "stored", "duplicate", "quarantined")]
    assert counts == ["2", "12.000", "30", "1", "4"]
    assert (cells["p50_s"], cells["kpi_age_s"]) == ("-", "3.000")
    assert len(list(status_lines(status(), {}, heading=False))) == 1


async def test_a_rate_is_of_the_last_minute(tmp_path: Path) -> None:
    """30 files in 30 s are 60 a minute; files stored more than a minute ago do not count."""
    hours = Hours()
    watching = observer(tmp_path, hours, iter([status(0), status(30), status(30), status(90), status(90)]))
    rates = []
    for hours.monotonic_s in (0.0, 30.0, 60.0, 120.0, 180.0):
        rates.append((await watching.reading()).rates["site_web"])
    assert rates == [0, 60, 30, 60, 0]


async def test_mongodb_goes_away_between_readings(tmp_path: Path) -> None:
    """Its part is the last one known, the waiting files are those of now; and it comes back."""
    hours = Hours()
    watching = observer(tmp_path, hours, iter([status(), Unavailable("MongoDB is away: no answer"), status()]))
    await watching.reading()
    away = await watching.reading()
    assert (away.status.channels[0].stored, away.status.channels[0].waiting) == (30, 1)
    assert "MongoDB is away: no answer. Stored and KPIs are as they were last known." in on_screen(away)
    assert (await watching.reading()).outage is None


async def test_it_does_not_start_where_mongodb_is_away(tmp_path: Path) -> None:
    """There is no last status then: the command fails."""
    with pytest.raises(Unavailable):
        await observer(tmp_path, Hours(), iter([Unavailable("away")])).reading()


async def test_reading_takes_a_small_part_of_the_time(tmp_path: Path) -> None:
    """A large archive that takes 2 s to count is counted every 22 s, not every second."""
    ticks = itertools.count(0.0, 2.0)
    landing = Landing(tmp_path, "site_web")

    async def read() -> Status:
        return status()

    watching = Observer(read, [], Clock(lambda: AT, lambda: next(ticks)))
    await watching.reading()
    assert watching.rest_s == 20.0
    assert not landing.sources.exists()
