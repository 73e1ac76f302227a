"""top: what it says of a flow, of an outage, and how often it looks."""

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
from multimarket_async.readers import top
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.status import Status

AT = datetime(2026, 5, 20, 12, 0, 0, tzinfo=UTC)
LATE = AT - timedelta(seconds=12)
WINDOW = {"seconds": 60.0, "files": 40, "p50_s": 0.25, "p99_s": 1.5, "max_s": 2.0, "breaches": 0}
REPORT = {"told_at": AT.isoformat(), "age_s": 5.0, "budget_s": 10.0, "last_minute": WINDOW, "last_hour": WINDOW}
GENERATION = {"number": 7, "as_of": AT.isoformat(), "age_s": 3.0, "stale": False}


def status(stored: int = 30, **differing: Any) -> Status:
    channel = Channel("site_web", 2, 100, LATE, stored + 1, stored, Counter({"not_json": 4}))
    return replace(Status([channel], GENERATION, AT, REPORT), **differing)


def on_screen(seen: top.Glance, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(top.screen(seen))
    return out.getvalue()


@dataclass
class Hours:
    """A clock that is set by hand."""

    monotonic_s: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: AT, lambda: self.monotonic_s)


def observer(tmp_path: Path, hours: Hours, found: Iterator[Status | Exception]) -> top.Observer:
    landing = Landing(tmp_path, "site_web")
    landing.prepare()
    (landing.sources / "new.json").write_bytes(b"{}")

    async def look() -> Status:
        one = next(found)
        if isinstance(one, Exception):
            raise one
        return one

    return top.Observer(look, [(Feed("site_web", "orders", lambda _: []), landing)], hours.clock())


def test_the_screen_tells_all_of_it() -> None:
    """Rate, backlog, oldest, outcomes, p50 and p99, and how old the KPIs are."""
    text = on_screen(top.Glance(status(), Counter({"site_web": 21})))
    row = next(line for line in text.splitlines() if "site_web" in line)
    assert row.split() == ["site_web", "21", "2", "12.0", "s", "30", "1", "4"]
    assert "p50 0.250 s, p99 1.500 s, max 2.000 s; 0 over 10 s (40 files of 60 s, told 5 s ago)" in text
    assert "KPI generation 7 is as of 2026-05-20T12:00:00+00:00, 3 s ago." in text


def test_before_anything_was_measured() -> None:
    """No rate at first sight, no latency, no generation: said, not left out."""
    text = on_screen(top.Glance(status(latency=None, generation=None), Counter()))
    assert next(line for line in text.splitlines() if "site_web" in line).split()[1] == "-"
    assert "No process has told yet how long files waited" in text
    assert "No KPI generation yet" in text


@pytest.mark.parametrize("width", [72, 80, 200])
def test_numbers_are_whole_at_any_width(width: int) -> None:
    """Headings and names give way."""
    text = on_screen(top.Glance(status(stored=12_345_678), Counter({"site_web": 12_345})), width)
    assert "12,345,678" in text
    assert "12,345 " in text


def test_lines_are_columns() -> None:
    """As many cells as names; - for what is not known."""
    seen = top.Glance(status(latency=None), Counter())
    head, line = (one.split() for one in top.lines(seen, headed=True))
    told = dict(zip(head, line, strict=True))
    assert (told["time"], told["channel"], told["per_min"]) == ("2026-05-20T12:00:00Z", "site_web", "-")
    assert (told["waiting"], told["oldest_s"], told["stored"], told["duplicate"], told["quarantined"]) == (
        "2",
        "12.000",
        "30",
        "1",
        "4",
    )
    assert (told["p50_s"], told["kpi_age_s"]) == ("-", "3.000")
    assert len(list(top.lines(seen, headed=False))) == 1


async def test_a_rate_is_of_the_last_minute(tmp_path: Path) -> None:
    """30 files in 30 s are 60 a minute; what was more than a minute ago counts no more."""
    hours = Hours()
    watching = observer(tmp_path, hours, iter([status(0), status(30), status(30), status(90), status(90)]))
    rates = []
    for hours.monotonic_s in (0.0, 30.0, 60.0, 120.0, 180.0):
        rates.append((await watching.glance()).rates["site_web"])
    assert rates == [0, 60, 30, 60, 0]


async def test_mongodb_goes_away_while_it_looks(tmp_path: Path) -> None:
    """What it holds is told as known last, what waits as it is; and it comes back."""
    hours = Hours()
    watching = observer(tmp_path, hours, iter([status(), Unavailable("MongoDB is away: no answer"), status()]))
    await watching.glance()
    away = await watching.glance()
    assert (away.status.channels[0].stored, away.status.channels[0].waiting) == (30, 1)
    assert "MongoDB is away: no answer. What it holds is told as it was known last." in on_screen(away)
    assert (await watching.glance()).why is None


async def test_it_does_not_start_where_mongodb_is_away(tmp_path: Path) -> None:
    """Nothing is known then: the command says so."""
    with pytest.raises(Unavailable):
        await observer(tmp_path, Hours(), iter([Unavailable("away")])).glance()


async def test_looking_takes_a_small_part_of_the_time(tmp_path: Path) -> None:
    """Counting a large archive for 2 s is done every 22 s, not every second."""
    ticks = itertools.count(0.0, 2.0)
    landing = Landing(tmp_path, "site_web")

    async def look() -> Status:
        return status()

    watching = top.Observer(look, [], Clock(lambda: AT, lambda: next(ticks)))
    await watching.glance()
    assert watching.rest_s == 20.0
    assert not landing.sources.exists()
