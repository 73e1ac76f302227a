"""Fixtures of the collector's tests."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tests.collector.readings import Interfered, Site


@pytest.fixture
async def site(tmp_path: Path, mongo_uri: str, database: Database[Any], way: str) -> AsyncIterator[Site]:
    """An empty one; what it does must be the same both ways."""
    async with aclosing(Interfered(mongo_uri, database.name)) as store:
        yield Site(tmp_path, store, database)
