"""Hours of the whole system on virtual time and a real mongod: the same every time, and right when clocks change."""

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pymongo
import pytest
from structlog.testing import capture_logs

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.discovery import settings_models
from multimarket_async.settings import load
from multimarket_async.store import Store
from tests import days
from tests.days import Record

pytestmark = pytest.mark.slow

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
        given = {"data_dir": tmp_path / names[-1], **CALM, **settings}
        stores.append(Store(mongo_uri, names[-1]))
        return Application(
            **vars(app.workspace(load(settings_models(), given, {}, Path("none.toml")))), store=stores[-1], server=None
        )

    yield one
    for store in stores:
        await store.aclose()
    with pymongo.MongoClient[Any](mongo_uri) as client:
        for name in names:
            client.drop_database(name)


async def lived(application: Application, begins: datetime = BEGINS, seconds: float = HOUR_S) -> Record:
    with capture_logs():
        return await days.lived(application, begins, seconds)


def archive_days(application: Application) -> dict[str, int]:
    """Archived files by folder."""
    found: dict[str, int] = {}
    for _, landing in application.feeds:
        for path in landing.archive_files():
            found[path.parent.name] = found.get(path.parent.name, 0) + 1
    return found


def orders(record: Record, kpi: str, by: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in record.generations[-1]["kpis"][kpi]["rows"]:
        found[row[by]] = found.get(row[by], 0) + row["orders"]
    return found


# --- the same every time --------------------------------------------------------------------


async def test_a_seed_brings_the_same_files_documents_and_generations(make: Make) -> None:
    """Byte by byte, ingested_at and computed_at included; another seed brings others."""
    first, again, other = [await lived(make(seed=seed), seconds=HOUR_S / 2) for seed in (1, 1, 2)]
    assert first.report.differences == []
    assert (first.generations, first.waits_s) == (again.generations, again.waits_s)
    assert first.digest.hexdigest() == again.digest.hexdigest() != other.digest.hexdigest()


async def test_an_hour_is_lived_as_promised(make: Make) -> None:
    """Every file waits less than a scan interval, all are measured, and generations come at their times."""
    application = make()
    record = await lived(application)
    assert record.waits is not None
    assert (record.waits.breaches, record.waits.files) == (0, sum(archive_days(application).values()))
    assert 90 <= record.waits.files <= 180
    assert 0.0 < record.waits.p50_s < record.waits.max_s <= 5.0
    assert record.generations[-1]["documents"]["orders"] == record.waits.files
    assert record.generations[-1]["as_of"] == datetime(2026, 3, 28, 13, tzinfo=UTC)
    assert len(record.generations) == 5


# --- midnight, month ends, clocks that change -----------------------------------------------


async def test_the_archive_begins_a_folder_at_midnight_utc(make: Make) -> None:
    """Whatever the business time zone."""
    application = make(timezone="Africa/Casablanca")
    record = await lived(application, datetime(2026, 3, 28, 23, 30, tzinfo=UTC))
    assert record.report.differences == []
    assert {day: 40 <= files <= 90 for day, files in archive_days(application).items()} == {
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
    record = await lived(make(timezone=timezone), datetime.fromtimestamp(midnight.timestamp() - HOUR_S / 2, UTC))
    received = {"2026-03": 0, "2026-04": 0}
    for at in record.received.values():
        received["2026-04" if at >= midnight else "2026-03"] += 1
    assert orders(record, "revenue_by_month_and_channel", "month") == received
    assert min(received.values()) > 30
    assert record.report.differences == []


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
    record = await lived(make(timezone=timezone), begins)
    local = [at.astimezone(ZoneInfo(timezone)).replace(minute=0) for at in sorted(record.received.values())]
    assert list(dict.fromkeys(at.isoformat(timespec="minutes")[11:] for at in local)) == hours
    assert record.report.differences == []
