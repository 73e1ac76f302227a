"""A schedule: what was fetched is measured once, then all rests; a run that was missed is caught up by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.clock import Clock
from multimarket_async.polling import PollState, poll_file
from multimarket_async.readers.freshness import freshness
from multimarket_async.schedules import rests
from tests.sinks.conftest import HASTE, loaded

pytestmark = pytest.mark.slow
SMALL = {"retail.simulated_stores": 2, "retail.simulated_clients": 9, "retail.simulated_share": 0.01}
SOLD_UNTIL = datetime(2026, 5, 13, tzinfo=UTC)
# Years after anything is stored: without a schedule it would be late.
NOON = datetime(2036, 5, 13, 10, tzinfo=UTC)  # of Paris
SIX = datetime(2036, 5, 14, 4, tzinfo=UTC)


class Now:
    """A time that is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


async def collected(application: Application, number: int) -> None:
    for feed, landing in application.feeds:
        assert feed.simulate
        delivery = feed.simulate(1, number, SOLD_UNTIL - timedelta(days=9), SOLD_UNTIL)
        await landing.deliver(delivery.name, delivery.content)
    await application.collector().until_empty()


async def looked(application: Application) -> int | None:
    """The newest generation after a look of another process, which finds its state on disk; nothing is stale."""
    snapshotter = application.snapshotter(on_schedule=True)
    await snapshotter.refresh_if_changed()
    await snapshotter.refresh_if_changed()  # the same again changes nothing
    await snapshotter.aclose()
    next_runs = rests(application.settings.data_dir)
    found = await freshness(application.store, application.clock.now(), 60, next_runs)
    assert not found.stale
    return found.generation


async def test_what_is_stored_is_measured_by_the_next_run(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path
) -> None:
    """Not before, and nothing is late until then; also after a restart, and after days without a process."""
    given = {"data_dir": tmp_path, "mongo_uri": mongo_uri, "mongo_database": database.name, **HASTE, **SMALL}
    given |= {"domains": ("retail",), "retail.schedule": "0 6 * * *", "timezone": "Europe/Paris"}
    now = Now(NOON)
    async with app.opened(app.workspace(loaded(given))) as opened:
        application = replace(opened, clock=Clock(now=now))
        await collected(opened, 0)
        assert await looked(application) == 1
        await collected(opened, 1)
        assert await looked(application) == 1
        now.at = SIX
        assert await looked(application) == 2
        await collected(opened, 2)
        now.at = SIX + timedelta(hours=23)
        assert await looked(application) == 2
        now.at = SIX + timedelta(days=3, hours=1)
        assert await looked(application) == 3
        assert set(rests(tmp_path).values()) == {SIX + timedelta(days=4)}


async def test_a_run_ends_when_all_apis_have_answered(
    mongo_uri: str, database: "Database[Any]", tmp_path: Path
) -> None:
    """One that fails is asked again, and what arrives is measured meanwhile."""
    given = {"data_dir": tmp_path, "mongo_uri": mongo_uri, "mongo_database": database.name, **HASTE, **SMALL}
    given |= {"domains": ("retail",), "retail.schedule": "0 6 * * *", "retail.api_url": "http://127.0.0.1:9"}
    async with app.opened(app.workspace(loaded(given))) as opened:
        application = replace(opened, clock=Clock(now=Now(NOON)))
        snapshotter = application.snapshotter(on_schedule=True)
        await snapshotter.refresh_if_changed()
        assert rests(tmp_path) == {}
        for feed, _ in application.feeds:
            file = poll_file(tmp_path, feed.name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(PollState(answered_at=NOON).model_dump_json(), "utf-8")
        await snapshotter.refresh_if_changed()
        assert set(rests(tmp_path).values()) == {SIX + timedelta(hours=2)}
        await snapshotter.aclose()
