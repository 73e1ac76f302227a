"""Users of a MongoDB who may do little: what they may not do is shown, and everything else works."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Feed, Table
from multimarket_async.landing import Landing
from multimarket_async.readers.doctor import OK, examine
from multimarket_async.settings import Settings
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Store, role
from multimarket_async.tasks import RETRY_MAX_S, Tasks
from tests.collector.readings import parse
from tests.files import of_bytes
from tests.test_snapshots import SALES, sell

USER = "restricted"
WRITING = ["find", "insert", "update", "remove", "listCollections"]


@pytest.fixture
def restricted(mongo_uri: str, database: Database[Any]) -> Iterator[Callable[..., str]]:
    """Give the user these roles, or a role of these actions on the database; the URI with which it logs in."""

    def user(*actions: str, roles: tuple[str, ...] = ()) -> str:
        privileges = [{"resource": {"db": database.name, "collection": ""}, "actions": list(actions)}]
        _drop(database)
        database.command("createRole", USER, privileges=privileges if actions else [], roles=list(roles))
        database.command("createUser", USER, pwd=USER, roles=[USER])
        return re.sub(r"://[^@/]*@", f"://{USER}:{USER}@", mongo_uri).replace("=admin", f"={database.name}")

    yield user
    _drop(database)


def _drop(database: Database[Any]) -> None:
    for kind, name in (("users", "dropUser"), ("roles", "dropRole")):
        if database.command(f"{kind}Info", USER)[kind]:
            database.command(name, USER)


@asynccontextmanager
async def measuring(uri: str, name: str, clock: Clock | None = None) -> AsyncIterator[tuple[Snapshotter, Tasks]]:
    tasks = Tasks(clock or Clock())
    async with aclosing(Store(uri, name)) as store:
        snapshotter = Snapshotter([SALES], store, clock or Clock(), tasks=tasks)
        yield snapshotter, tasks
        await snapshotter.aclose()


async def test_what_is_defined_already_is_not_defined_again(
    restricted: Callable[..., str], database: Database[Any]
) -> None:
    """The role readWrite may create views, and not change them: the second start has nothing to change."""
    uri = restricted(roles=("readWrite",))
    for start in (1, 2):
        sell(database, str(start))
        async with measuring(uri, database.name) as (snapshotter, tasks):
            assert (await snapshotter.refresh())["_id"] == start
            assert tasks.failing == {}


async def test_the_role_that_doctor_names_is_enough(
    restricted: Callable[..., str], database: Database[Any], tmp_path: Path
) -> None:
    """For collecting, measuring, indexes and views; and nothing in it is more than is checked."""
    [privilege] = role(database.name)["privileges"]
    uri = restricted(*privilege["actions"])
    found = await examine(
        Settings(data_dir=tmp_path, mongo_uri=SecretStr(uri), mongo_database=database.name), clock=Clock()
    )
    assert [finding for finding in found if finding.level != OK] == []
    landing = Landing(tmp_path, "north")
    landing.prepare()
    (landing.sources / "1.json").write_bytes(b'{"key": 1}')
    async with aclosing(Store(uri, database.name)) as store:
        feed = Feed("north", Table("readings"), of_bytes(parse), records="many")
        await Collector([(feed, landing)], store, Settings(), Clock()).until_empty()
    sell(database, "1")
    async with measuring(uri, database.name) as (snapshotter, tasks):
        assert (await snapshotter.refresh())["_id"] == 1
        assert tasks.failing == {}
    assert database["readings"].count_documents({}) == 1


@pytest.mark.parametrize("lacking", ["insert", "createIndex"])
async def test_a_right_that_is_missing_is_found(
    restricted: Callable[..., str], database: Database[Any], tmp_path: Path, lacking: str
) -> None:
    """A fault where collecting needs it, with a command to copy."""
    [privilege] = role(database.name)["privileges"]
    uri = restricted(*set(privilege["actions"]) - {lacking})
    settings = Settings(data_dir=tmp_path, mongo_uri=SecretStr(uri), mongo_database=database.name)
    [rights] = [finding for finding in await examine(settings, clock=Clock()) if finding.level != OK]
    assert rights.ends == (lacking == "insert")
    assert f"the user lacks {lacking}. " in rights.found
    command = rights.found.partition("db.runCommand(")[2].partition("), and")[0]
    assert json.loads(command) == role(database.name)


async def test_a_right_that_is_missing_is_shown_and_stops_no_measuring(
    restricted: Callable[..., str], database: Database[Any]
) -> None:
    """Indexes and views are for speed and for others; once the right is given, they are made."""
    seconds = 0.0
    clock = Clock(now=Clock().now, monotonic=lambda: seconds)
    sell(database, "1")
    async with measuring(restricted(*WRITING), database.name, clock) as (snapshotter, tasks):
        assert (await snapshotter.refresh())["_id"] == 1
        why = tasks.failing["index of partitions"].why
        assert why.startswith("the MongoDB user lacks a right, see `doctor`: not authorized on")
        assert why.endswith("to execute createIndexes")
        database.command("grantRolesToRole", USER, roles=["dbAdmin"])
        seconds = RETRY_MAX_S
        sell(database, "2")
        await snapshotter.refresh_if_changed()
        assert tasks.failing == {}
        assert "kpi_total" in database.list_collection_names()
