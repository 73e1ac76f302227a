"""Three MongoDB servers, and the first one dies in the middle of a burst."""

from pathlib import Path

from multimarket_async.torture import fail_over


async def test_a_primary_that_is_killed_costs_time_and_no_order(tmp_path: Path) -> None:
    """Zero lost, zero doubled, collection resumes by itself; a short election keeps the test short."""
    done = await fail_over(tmp_path / "set", 1, orders_per_channel=200, over_s=3.0, election_timeout_s=2.0)
    assert done.violations == []
    assert (done.dropped, done.stored) == (600, 600)
    assert 0.5 < done.seconds_without_progress < 30
