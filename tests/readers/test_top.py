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
from multimarket_async.domains import Feed, Table
from multimarket_async.errors import Unavailable
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import FeedFiles
from multimarket_async.readers.freshness import KpiFreshness
from multimarket_async.readers.polls import PolledSource
from multimarket_async.readers.status import StatusResponse
from multimarket_async.readers.status import status as made
from multimarket_async.readers.terminal import status_lines, status_screen
from multimarket_async.readers.top import Observer

AT = datetime(2026, 5, 20, 12, 0, 0, tzinfo=UTC)
LATE = AT - timedelta(seconds=12)
WINDOW = {"seconds": 60.0, "files": 40, "p50_s": 0.25, "p99_s": 1.5, "max_s": 2.0, "breaches": 0}
REPORT = {"reported_at": AT.isoformat(), "age_s": 5.0, "budget_s": 10.0, "last_minute": WINDOW, "last_hour": WINDOW}
KPI = KpiFreshness(generation=7, as_of=AT, age_s=3.0)
FILES = FeedFiles("site_web", 2, 100, LATE, 31, 31, stored=30, duplicate=1, quarantined=Counter({"not_json": 4}))


def status(stored: int = 30, rate: int | None = None, **differing: Any) -> StatusResponse:
    files = replace(FILES, archived=stored + 1, stored=stored)
    whole = made([files], AT, KPI, budget_s=10.0, latency=REPORT, rates=None if rate is None else {"site_web": rate})
    return whole.model_copy(update=differing)


def on_screen(status: StatusResponse, width: int = 120, *, live: bool = True) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(status_screen(status, live=live))
    return out.getvalue()


@dataclass
class Hours:
    """A clock that is set by hand."""

    monotonic_s: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: AT, lambda: self.monotonic_s)


def observer(tmp_path: Path, hours: Hours, results: Iterator[StatusResponse | Exception]) -> Observer:
    landing = Landing(tmp_path, "site_web")
    landing.prepare()
    (landing.sources / "new.json").write_bytes(b"{}")

    async def read() -> StatusResponse:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    return Observer(read, [(Feed("site_web", Table("orders"), lambda _: []), landing)], hours.clock())


def test_the_screen_shows_all_of_it() -> None:
    """Rate, backlog, oldest, outcomes, p50 and p99, and the age of the KPIs."""
    text = on_screen(status(rate=21))
    row = next(line for line in text.splitlines() if "site_web" in line)
    assert row.split() == ["site_web", "21", "2", "12.0", "s", "30", "1", "4"]
    latency = "p50 0.250 s, p99 1.500 s, max 2.000 s; 0 of 40 files over 10 s (reported 5 s ago)."
    assert f"Latency, last minute: {latency}" in text
    assert f"Latency, last hour: {latency}" in text
    assert "KPI generation 7 is as of 2026-05-20 12:00:00 UTC, 3 s ago." in text


def test_before_the_first_generation() -> None:
    """No rate at the first reading, no latency, no generation: shown as such, not left out."""
    text = on_screen(status(latency=None, kpi=KpiFreshness()))
    assert next(line for line in text.splitlines() if "site_web" in line).split()[1] == "-"
    assert "No latency report yet" in text
    assert "No KPI generation yet" in text


def test_files_of_another_kind_are_shown() -> None:
    """Their number, and one of them, whose name can do a terminal no harm."""
    reading = status()
    reading.feeds[0].unknown, reading.feeds[0].unknown_example = 1_200, "a\x1b[31m.txt"
    assert "site_web: 1,200 files of another kind, such as a\\x1b[31m.txt, stay where they are." in on_screen(reading)
    assert "another kind" not in on_screen(status())


def test_rejected_records_are_shown() -> None:
    """Their number, and why."""
    reading = status()
    reading.feeds[0].rejects = {"bad_price": 1_000, "no_model": 2}
    shown = on_screen(reading)
    assert "site_web: 1,002 rejected records are in quarantine (1,000 bad_price, 2 no_model)." in shown
    assert "rejected records" not in on_screen(status())


def test_a_single_reading_shows_received_files_and_reasons() -> None:
    """The equation of conservation, with the codes of the quarantined files."""
    early = status().feeds[0].model_copy(update={"early": 3})
    text = on_screen(status(feeds=[early]), 120, live=False)
    row = next(line for line in text.splitlines() if "not_json" in line)
    assert row.split() == ["site_web", "37", "2", "12.0", "s", "30", "1", "4", "4", "not_json"]
    assert "site_web: 3 follow-ups wait for their document." in text


def test_polled_sources_have_a_line_each() -> None:
    """An error moves no cursor."""
    source = PolledSource(
        feed="weather",
        state="failing",
        answered_at=LATE,
        changed_at=None,
        next_at=AT,
        failing_since=LATE,
        why="\x1b[2J",
    )
    text = " ".join(on_screen(status(polls=[source]), 200).split())
    assert "weather: failing since 2026-05-20 11:59:48 UTC: \\x1b[2J; last answer 2026-05-20 11:59:48 UTC," in text
    assert "next poll 2026-05-20 12:00:00 UTC." in text


@pytest.mark.parametrize("width", [40, 60, 72, 80, 200])
def test_numbers_are_whole_at_any_width(width: int) -> None:
    """Headings and names give way."""
    text = on_screen(status(12_345_678, 12_345), width)
    assert "12,345,678" in text
    assert "12,345 " in text


def test_lines_are_columns() -> None:
    """As many cells as names; - for an unknown value."""
    head, line = (text.split() for text in status_lines(status(latency=None), heading=True))
    cells = dict(zip(head, line, strict=True))
    assert (cells["time"], cells["feed"], cells["per_min"]) == ("2026-05-20T12:00:00Z", "site_web", "-")
    counts = [cells[name] for name in ("waiting", "oldest_s", "stored", "duplicate", "quarantined")]
    assert counts == ["2", "12.000", "30", "1", "4"]
    assert (cells["p50_s"], cells["kpi_age_s"]) == ("-", "3.000")
    assert len(list(status_lines(status(), heading=False))) == 1


async def test_a_rate_is_of_the_last_minute(tmp_path: Path) -> None:
    """30 files in 30 s are 60 a minute; files stored more than a minute ago do not count."""
    hours = Hours()
    watching = observer(tmp_path, hours, iter([status(0), status(30), status(30), status(90), status(90)]))
    rates = []
    for hours.monotonic_s in (0.0, 30.0, 60.0, 120.0, 180.0):
        rates.append((await watching.reading()).feeds[0].rate_per_minute)
    assert rates == [None, 60, 30, 60, 0]


async def test_mongodb_goes_away_between_readings(tmp_path: Path) -> None:
    """Its part is the last one known, the waiting files are those of now; and it comes back."""
    hours = Hours()
    watching = observer(tmp_path, hours, iter([status(), Unavailable("MongoDB is away: no answer"), status()]))
    await watching.reading()
    away = await watching.reading()
    assert (away.feeds[0].stored, away.feeds[0].waiting, away.feeds[0].received) == (30, 1, 36)
    assert "MongoDB is away: no answer. Stored and KPIs are as they were last known." in on_screen(away)
    assert (await watching.reading()).mongo.ok


async def test_it_does_not_start_where_mongodb_is_away(tmp_path: Path) -> None:
    """There is no last status then: the command fails."""
    with pytest.raises(Unavailable):
        await observer(tmp_path, Hours(), iter([Unavailable("away")])).reading()


async def test_reading_takes_a_small_part_of_the_time(tmp_path: Path) -> None:
    """A large archive that takes 2 s to count is counted every 22 s, not every second."""
    ticks = itertools.count(0.0, 2.0)
    landing = Landing(tmp_path, "site_web")

    async def read() -> StatusResponse:
        return status()

    watching = Observer(read, [], Clock(lambda: AT, lambda: next(ticks)))
    await watching.reading()
    assert watching.rest_s == 20.0
    assert not landing.sources.exists()
