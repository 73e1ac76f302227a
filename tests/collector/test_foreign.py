"""Collections and indexes of another hand, where ours should be: told, and in nobody else's way."""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from structlog.testing import capture_logs

from multimarket_async.collector import Collector
from multimarket_async.domains import Feed, Table
from multimarket_async.settings import Settings
from multimarket_async.store import RECEIPTS
from multimarket_async.store.partitions import VERSIONS
from multimarket_async.tasks import RETRY_MIN_S, Tasks
from tests.collector.readings import MANY, READINGS, Site, parse
from tests.files import of_bytes

OTHERS = "other_readings"
FRENCH = {"locale": "fr", "strength": 1}


@pytest.fixture
def tasks(site: Site) -> Tasks:
    """Failing tasks, as `status` shows them."""
    return Tasks(site.hands.clock)


@pytest.fixture(params=[{}, MANY], ids=["batches", "records"])
def collector(request: pytest.FixtureRequest, site: Site, tasks: Tasks) -> Collector:
    """Feed north stores in one collection, feed south in another."""
    tables = {"north": READINGS, "south": OTHERS}
    feeds = [
        (Feed(name, Table(tables[name]), of_bytes(parse), **request.param), landing)
        for name, landing in site.landings.items()
    ]
    return Collector(feeds, site.store, Settings(), site.hands.clock, tasks)


async def test_a_unique_index_of_another_hand_refuses_one_record_and_no_other(
    site: Site, collector: Collector, tasks: Tasks
) -> None:
    """Only `_id` says that a reading is known; the reason names the index and the way out."""
    site.database[READINGS].create_index("value", unique=True)
    for number, value in enumerate((7, 7, 8)):
        site.put(f"{number}.json", {"key": number, "value": value})
        assert await collector.sweep()
    site.put("again.json", {"key": 2, "value": 8})
    assert await collector.sweep()
    assert (site.stored(), site.waiting(), tasks.failing) == ({"0": 7, "2": 8}, [], {})
    assert site.archived() == ["0.json", "2.json", "again.json"]
    [refused] = site.landings["north"].quarantine.list()
    assert refused.reason["code"] == "refused_by_mongodb"
    assert "the unique index value_1, which is not MultiMarket's" in refused.reason["sentence"]
    assert "quarantine replay" in refused.reason["sentence"]


def _view(database: Database[Any]) -> None:
    database.create_collection(READINGS, viewOn=OTHERS, pipeline=[])


UNFIT: dict[str, Callable[[Database[Any]], object]] = {
    "view": _view,
    "capped collection": lambda database: database.create_collection(READINGS, capped=True, size=1 << 20),
    "time-series collection": lambda database: database.create_collection(READINGS, timeseries={"timeField": "at"}),
    "collation": lambda database: database.create_collection(READINGS, collation=FRENCH),
}


@pytest.mark.parametrize("kind", UNFIT)
async def test_a_collection_that_is_unfit_holds_its_feed_and_no_other(
    site: Site, collector: Collector, tasks: Tasks, kind: str
) -> None:
    """Its files wait, unharmed; bad ones go; the reason is shown; and when it is mended they are stored."""
    UNFIT[kind](site.database)
    site.put("1.json", {"key": "é", "value": 1})
    site.put("bad.json", {})
    site.put("1.json", {"key": "é", "value": 1}, "south")
    assert await collector.sweep()
    assert (site.waiting(), site.archived(), site.quarantined()) == (["1.json"], ["1.json"], {"bad.json": "missing"})
    failing = tasks.failing["collector.north"]
    assert failing.why.startswith(f"nothing can be stored in {READINGS}: it is a")
    assert kind in failing.why
    site.database.drop_collection(READINGS)
    site.hands.seconds += RETRY_MIN_S
    assert await collector.sweep()
    assert (site.waiting(), tasks.failing, site.stored()) == ([], {}, {"é": 1})


@pytest.mark.parametrize("collection", [VERSIONS, RECEIPTS])
async def test_a_validator_on_our_own_collections_holds_and_ends_nothing(
    site: Site, collector: Collector, tasks: Tasks, collection: str
) -> None:
    """Without versions KPIs would miss what is stored, so nothing is: until the validator is gone."""
    site.database.create_collection(collection, validator={"theirs": {"$exists": True}})
    site.put("1.json", {"key": 1, "value": 1})
    for _ in range(3):
        assert await collector.sweep()
    assert bool(site.waiting()) == bool(tasks.failing)
    assert all("failed validation" in task.why for task in tasks.failing.values())
    site.database.command("collMod", collection, validator={})
    site.hands.seconds += RETRY_MIN_S
    assert await collector.sweep()
    assert (site.waiting(), tasks.failing, site.stored()) == ([], {}, {"1": 1})


async def test_collections_are_looked_at_again(site: Site, collector: Collector, tasks: Tasks) -> None:
    """One that was fit is replaced by another one meanwhile."""
    site.put("1.json", {"key": 1, "value": 1})
    assert await collector.sweep()
    site.database.drop_collection(READINGS)
    UNFIT["capped collection"](site.database)
    site.hands.seconds += 60
    site.put("2.json", {"key": 2, "value": 2})
    assert await collector.sweep()
    assert site.waiting() == ["2.json"]
    assert "capped" in tasks.failing["collector.north"].why


async def test_a_held_feed_is_tried_ever_less_often(
    site: Site, collector: Collector, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over ten minutes its waiting file is tried some fifteen times, and logged once."""
    tries = list[float]()
    look = site.store.describe

    async def describe(*names: str) -> dict[str, Any]:
        tries.append(site.hands.seconds)
        return await look(*names)

    _view(site.database)
    monkeypatch.setattr(site.store, "describe", describe)
    site.put("1.json", {"key": 1})
    with capture_logs() as logs:
        for _ in range(600):
            assert await collector.sweep()
            site.hands.seconds += 1
    assert 5 < len(tries) < 20
    assert [entry["event"] for entry in logs] == ["task.failed"]
