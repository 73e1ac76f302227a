"""A replica set of three MongoDB servers, whose primary dies in the middle of a burst."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from multimarket_async.proving.torture import fail_over
from multimarket_async.proving.torture.servers import replica_set
from multimarket_async.store import Store

pytestmark = pytest.mark.slow


async def test_a_primary_that_is_killed_costs_time_and_no_order(tmp_path: Path) -> None:
    """No file lost, none counted twice, collection resumes by itself; a short election keeps the test short."""
    done = await fail_over(tmp_path / "set", 1, files_per_channel=200, over_s=3.0, election_timeout_s=2.0)
    assert done.violations == []
    assert (done.received, done.stored) == (600, 600)
    assert 0.5 < done.seconds_without_progress < 30


async def test_an_index_is_made_though_a_member_is_down(tmp_path: Path) -> None:
    """MongoDB by itself would wait until it is back, and the snapshotter with it."""
    async with (
        replica_set(tmp_path / "set", 2.0) as servers,
        aclosing(Store(servers.uri, "torture")) as store,
    ):
        await store.insert_if_absent("commandes", {"_id": 1, "at": 1})
        servers.kill(1)
        async with asyncio.timeout(20):
            await store.define_index("commandes", "at")
