"""simulate: hours and days of the whole system on virtual time, on the real mongod; the same every time."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pymongo
import pytest
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.domains import settings_models
from multimarket_async.errors import WrongSettings
from multimarket_async.settings import load
from multimarket_async.simulate import Simulated, drop_only, simulate, span
from multimarket_async.store import Store

HOUR_S = 3600.0
BEGINS = datetime(2026, 3, 28, 12, tzinfo=UTC)
CALM = {"pause_min_s": 60.0, "pause_max_s": 120.0, "scan_every_s": 5.0, "snapshot_every_s": 900.0}
Make = Callable[..., Application]


@pytest.fixture
async def make(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Make]:
    """Systems, each with an empty folder and database of its own."""
    stores, names = [], []

    def one(**settings: Any) -> Application:
        names.append(f"test_{uuid.uuid4().hex[:12]}")
        models = settings_models()
        given = {"data_dir": tmp_path / names[-1], **CALM, **settings}
        stores.append(Store(mongo_uri, names[-1]))
        return Application(
            **vars(app.workspace(load(models, given, {}, Path("none.toml")))), store=stores[-1], server=None
        )

    yield one
    for store in stores:
        await store.aclose()
    with pymongo.MongoClient[Any](mongo_uri) as client:
        for name in names:
            client.drop_database(name)


async def lived(application: Application, begins: datetime = BEGINS, seconds: float = HOUR_S) -> Simulated:
    with capture_logs():
        return await simulate(application, begins, seconds, asyncio.Event(), lambda _: None)


def days(application: Application) -> dict[str, int]:
    """Archived files by folder."""
    found: dict[str, int] = {}
    for _, landing in application.channels:
        for path in landing.archive_files():
            found[path.parent.name] = found.get(path.parent.name, 0) + 1
    return found


def orders(done: Simulated, kpi: str, by: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in done.generation["kpis"][kpi]["rows"]:
        found[row[by]] = found.get(row[by], 0) + row["orders"]
    return found


# --- the same every time --------------------------------------------------------------------


async def test_a_seed_brings_the_same_files_documents_and_generations(make: Make) -> None:
    """Byte by byte, ingested_at and computed_at included; another seed brings others."""
    first, again, other = [await lived(make(seed=seed), seconds=HOUR_S / 2) for seed in (1, 1, 2)]
    assert first.report.differences == []
    assert (first.book.generations, len(first.book.waits_s)) == (again.book.generations, len(again.book.waits_s))
    assert first.book.digest.hexdigest() == again.book.digest.hexdigest()
    assert first.book.digest.hexdigest() != other.book.digest.hexdigest()


async def test_an_hour_is_lived_as_promised(make: Make) -> None:
    """Everybody waits less than a look; all is measured; the generations come at their times."""
    application = make()
    done = await lived(application)
    assert done.waits is not None
    assert (done.waits.breaches, done.waits.files) == (0, sum(days(application).values()))
    assert 90 <= done.waits.files <= 180
    assert 0.0 < done.waits.p50_s < done.waits.max_s <= 5.0
    assert done.generation["orders"] == done.waits.files
    assert done.generation["as_of"] == datetime(2026, 3, 28, 13, tzinfo=UTC)
    assert done.book.generations == 5


async def test_a_stop_from_outside_ends_it_in_order(make: Make) -> None:
    """Ctrl-C in a simulated century: what was received so far is stored, measured and right."""
    stop = asyncio.Event()
    with capture_logs():
        done = await simulate(make(), BEGINS, 1e9, stop, lambda so_far: stop.set() if so_far > 600.0 else None)
    assert done.report.right
    assert done.generation["orders"] == done.waits.files > 0  # type: ignore[union-attr]


async def test_where_orders_are_nothing_is_simulated(make: Make) -> None:
    """Numbers would go on from there, and the days would be mixed with real ones."""
    application = make()
    await lived(application, seconds=120.0)
    for again in (simulate, drop_only):
        with pytest.raises(WrongSettings, match="begin with none"):
            await again(application, BEGINS, 1.0, asyncio.Event(), lambda _: None)  # type: ignore[operator]


async def test_log_lines_tell_virtual_time(make: Make) -> None:
    """Or they would not fit together with what they tell of."""
    with capture_logs() as logs:
        await simulate(make(), BEGINS, 600.0, asyncio.Event(), lambda _: None)
    received = [one["timestamp"] for one in logs if one["event"] == "file.delivered"]
    assert received[0] == BEGINS.isoformat()
    assert all(BEGINS.isoformat() <= at <= "2026-03-28T12:10:00+00:00" for at in received)


async def test_files_only(make: Make) -> None:
    """They lie where they landed, as old as they are on virtual time; the same files that a whole run delivers."""
    application, whole = make(), make()
    book = await drop_only(application, BEGINS, HOUR_S, asyncio.Event(), lambda _: None)
    done = await lived(whole)
    assert book.received == done.book.received
    assert sum(book.received.values()) == sum(len(landing.waiting()) for _, landing in application.channels)


# --- midnight, month ends, clocks that change -----------------------------------------------


async def test_the_archive_begins_a_folder_at_midnight_utc(make: Make) -> None:
    """Whatever the business time zone."""
    application = make(timezone="Africa/Casablanca")
    done = await lived(application, datetime(2026, 3, 28, 23, 30, tzinfo=UTC))
    assert done.report.differences == []
    assert {day: 40 <= files <= 90 for day, files in days(application).items()} == {
        "2026-03-28": True,
        "2026-03-29": True,
    }


@pytest.mark.parametrize(
    ("timezone", "midnight"),
    [
        ("UTC", datetime(2026, 4, 1, 0, tzinfo=UTC)),
        ("Africa/Casablanca", datetime(2026, 3, 31, 23, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 3, 31, 22, tzinfo=UTC)),
    ],
)
async def test_a_month_ends_at_midnight_in_the_business_time_zone(
    make: Make, timezone: str, midnight: datetime
) -> None:
    """Half an hour before and half an hour after: as many orders in March as were received in it."""
    done = await lived(make(timezone=timezone), datetime.fromtimestamp(midnight.timestamp() - HOUR_S / 2, UTC))
    received = {"2026-03": 0, "2026-04": 0}
    for (hour, _), files in done.book.received.items():
        received["2026-04" if hour >= midnight else "2026-03"] += files
    assert orders(done, "revenue_by_month_and_channel", "month") == received
    assert min(received.values()) > 30
    assert done.report.differences == []


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 29), 24),
        ("Europe/Paris", date(2026, 3, 29), 23),
        ("Europe/Paris", date(2026, 10, 25), 25),
        ("Africa/Casablanca", date(2026, 2, 15), 25),
        ("Africa/Casablanca", date(2026, 3, 22), 23),
        ("Africa/Casablanca", date(2026, 10, 25), 24),
    ],
)
def test_a_day_has_the_hours_that_its_time_zone_gives_it(timezone: str, day: date, hours: int) -> None:
    """From midnight to midnight there: Morocco changes its clocks around Ramadan."""
    _, seconds = span(day, 1, timezone)
    assert seconds == hours * HOUR_S


@pytest.mark.parametrize(
    ("timezone", "begins", "hours"),
    [
        ("Europe/Paris", datetime(2026, 3, 29, 0, 30, tzinfo=UTC), ["01:00+01:00", "03:00+02:00"]),
        ("Europe/Paris", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), ["02:00+02:00", "02:00+01:00"]),
        ("Africa/Casablanca", datetime(2026, 2, 15, 1, 30, tzinfo=UTC), ["02:00+01:00", "02:00+00:00"]),
        ("Africa/Casablanca", datetime(2026, 3, 22, 1, 30, tzinfo=UTC), ["01:00+00:00", "03:00+01:00"]),
    ],
)
async def test_everything_is_right_while_clocks_change(
    make: Make, timezone: str, begins: datetime, hours: list[str]
) -> None:
    """The hour that is missing has no orders, the one that comes twice has both its own."""
    done = await lived(make(timezone=timezone), begins)
    received = sorted({hour for hour, _ in done.book.received})
    assert [hour.astimezone(ZoneInfo(timezone)).isoformat(timespec="minutes")[11:] for hour in received] == hours
    assert done.report.differences == []


# --- the command ----------------------------------------------------------------------------


def test_the_command_lives_through_a_day(tmp_path: Path) -> None:
    """23 hours in Paris; it says that all is right, and leaves nothing behind."""
    rare = {"PAUSE_MIN_S": "900", "PAUSE_MAX_S": "1800", "SCAN_EVERY_S": "10", "SNAPSHOT_EVERY_S": "21600"}
    environment = {f"MULTIMARKET_{name}": value for name, value in {**rare, "TIMEZONE": "Europe/Paris"}.items()}
    words = [sys.executable, "-m", "multimarket_async", "simulate", "--start", "2026-03-29", "--format", "json"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, **environment, "TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["right"], told["waits"]["breaches"], list(tmp_path.iterdir())) == (True, 0, [])
    assert len(told["files"]) == 23
    assert "2026-03-29 02:00+01:00" not in told["files"]
    assert sum(one["stored"] for one in told["channels"]) == told["received"] > 100


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["--files-only"], "Name a folder with --data-dir"), (["--start", "tomorrow"], "is not a day such as")],
)
def test_what_cannot_be_meant_is_refused(words: list[str], sentence: str) -> None:
    """Exit code 2 and a sentence."""
    command = [sys.executable, "-m", "multimarket_async", "simulate", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, sentence in done.stderr) == (2, True)
