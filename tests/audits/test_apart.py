"""An audit in a process of its own says the same, and leaves no process behind."""

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from multimarket_async.audits import Apart, Lives
from multimarket_async.domains import Delivery
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.audit import OrderAudit
from multimarket_async.domains.orders.rules import OrderSettings
from multimarket_async.errors import CannotContinue
from multimarket_async.producer import Faults, Period
from multimarket_async.producer.faults import Source

SETTINGS = OrderSettings()
PERIOD = Period.before(datetime(2026, 5, 1, tzinfo=UTC), "24months")
AUDIT: Callable[[], Any] = partial(OrderAudit, SETTINGS)


def lives(orders: int) -> list[list[Delivery]]:
    feed = ORDERS.feeds(SETTINGS)[0]
    source = Source(feed.name, feed.simulate, 1, faults=Faults({}), spoiling=None, later=feed.simulate_later)
    made = (source.deliveries(number, PERIOD.earliest, PERIOD.latest)[0] for number in range(orders))
    return [[later.delivery for later in source.life(one, PERIOD.latest)] for one in made]


def count(audit: Lives | Apart) -> dict[str, Any]:
    for life in lives(200):
        for one in life:
            if one.follows:
                audit.follow_up(one.follows, one.content)
            else:
                audit.add(one.content, [one.name], followed_up=len(life) > 1)
    return audit.rows()


def test_it_says_the_same() -> None:
    """Row by row, dates and amounts."""
    with closing(Apart(AUDIT)) as apart, closing(Lives(AUDIT())) as here:
        assert count(apart) == count(here)


def test_its_process_ends_with_the_pipe() -> None:
    """As after a kill of ours: nobody asks for the rows."""
    one = Apart(AUDIT)
    one.close()
    assert one._process.returncode == 0


def test_a_process_that_died_is_told_in_a_sentence() -> None:
    """Rather than wait for rows that never come."""
    with closing(Apart(AUDIT)) as one:
        os.kill(one._process.pid, 9)
        with pytest.raises(CannotContinue, match="--no-manifest does without it"):
            count(one)
