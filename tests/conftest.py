"""Fixtures of all tests: one embedded MongoDB a session, a clean database a test."""

import gc
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pymongo
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pymongo.database import Database

from multimarket_async.landing import compiled
from multimarket_async.settings import Settings
from multimarket_async.store import EmbeddedServer
from tests.tracing import missing

# The same examples in every run, however busy the machine is: what one run passes, every run passes.
hypothesis_settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("repeatable")

# The store works with two drivers; the successor of the default one is tried by `make test-slow`.
DRIVERS = ("motor", pytest.param("pymongo", marks=pytest.mark.slow))

# Minutes each: begun last, they would keep all but one process waiting.
LONGEST = ("test_nth_call.py", "test_cli.py", "test_end_to_end.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: no search for garbage looks at them."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """At the end they are, or DuckDB reports its own functions as leaks."""
    gc.unfreeze()


@pytest.fixture(scope="session")
async def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The MongoDB that users get, for the session; this user may do everything."""
    defaults = Settings()
    folder = tmp_path_factory.mktemp("mongo")
    server = EmbeddedServer(folder, database="test", port=0, cache_gb=defaults.mongo_cache_gb)
    try:
        yield await server.start()
    finally:
        await server.stop()


@pytest.fixture
def database(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """An empty database on it, received afterwards."""
    with pymongo.MongoClient(mongo_uri) as client:
        name = f"test_{uuid.uuid4().hex[:12]}"
        yield client[name]
        client.drop_database(name)


@pytest.fixture(params=["compiled", pytest.param("careful", marks=pytest.mark.slow)])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The two implementations of file work, which must behave alike: C for many files, Python one by one."""
    if request.param == "careful":
        monkeypatch.setattr("multimarket_async.landing.files._bulk", None)
    elif not compiled():
        missing("needs a C compiler, and an installation by it")
    return str(request.param)
