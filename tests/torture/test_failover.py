"""Three MongoDB servers, and the first one dies in the middle of a burst."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from multimarket_async.store import Store
from multimarket_async.torture import fail_over
from multimarket_async.torture.replica_set import replica_set

pytestmark = pytest.mark.slow


async def test_a_primary_that_is_killed_costs_time_and_no_order(tmp_path: Path) -> None:
    """Zero lost, zero doubled, collection resumes by itself; a short election keeps the test short."""
    done = await fail_over(tmp_path / "set", 1, orders_per_channel=200, over_s=3.0, election_timeout_s=2.0)
    assert done.violations == []
    assert (done.received, done.stored) == (600, 600)
    assert 0.5 < done.seconds_without_progress < 30


async def test_an_index_is_made_though_a_member_is_down(tmp_path: Path) -> None:
    """MongoDB by itself would wait until it is back, and with it who measures."""
    async with (
        replica_set(tmp_path / "set", 2.0) as servers,
        aclosing(Store(servers.uri, "torture")) as store,
    ):
        await store.insert_if_absent("commandes", {"_id": 1, "at": 1})
        primary, members = servers.primary(), parse_uri(servers.uri)["nodelist"]
        servers.kill(next(port for _, port in members if port is not None and port != primary))
        async with asyncio.timeout(20):
            await store.define_index("commandes", "at")
