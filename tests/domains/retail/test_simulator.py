"""The simulated chain: keyed, its faults labelled, its live files consistent with the day that they become."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.simulator import simulated
from multimarket_async.simulation import Delivery

MIDNIGHT = datetime(2026, 5, 13, tzinfo=UTC)
NOON = datetime(2026, 5, 12, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def delivery(feed: str, number: int = 0, at: datetime = MIDNIGHT, days: int = 28, **settings: Any) -> Delivery:
    """A file of a chain with two stores; of the hour that goes on where there are no days."""
    small = RetailSettings.model_validate({"simulated_stores": 2, "simulated_clients": 9, **settings})
    return simulated(feed, small)(1, number, at - days * DAY, at)


def records(file: Delivery) -> list[dict[str, Any]]:
    return list(json.loads(file.content))


def test_the_same_number_is_the_same_file() -> None:
    """In any order; other stores and days are other files, which go a day back after the last store."""
    names = [delivery("retail_sales", number).name for number in range(4)]
    assert names == [f"sales_2026-05-{day}_{store}.json" for day in (12, 11) for store in (1, 2)]
    assert delivery("retail_sales", 3).content == delivery("retail_sales", 3).content
    assert delivery("retail_sales", 2).content != delivery("retail_sales", 0).content


def test_faulty_counters_are_labelled() -> None:
    """On request; a file without one has no label."""
    right, wrong = (delivery("retail_footfall", simulated_faults=share) for share in (0.0, 0.5))
    assert (right.fault, wrong.fault) == ("", "counter")
    visitors = [record["visitors"] for record in records(wrong)]
    assert any(count is None or count > 9_999 for count in visitors)
    assert all(record["visitors"] < 2_000 for record in records(right))


def test_tickets_are_drawn_from_visitors() -> None:
    """Unless the fault of theirs is asked for, where some hours sell to more than came."""

    def oversold(**settings: Any) -> bool:
        files = (delivery("retail_footfall", number, simulated_faults=0, **settings) for number in range(20))
        return any(record["sales"] > record["visitors"] for file in files for record in records(file))

    assert not oversold()
    assert oversold(oversold=True)


def test_tickets_of_the_footfall_are_those_of_the_sales() -> None:
    """Hour by hour; and what is sold live, until now, is a part of the day."""
    whole, live = (delivery("retail_sales", 0, at, days) for at, days in ((MIDNIGHT, 28), (NOON, 0)))
    hours = records(delivery("retail_footfall", simulated_faults=0))
    tickets = {hour["hour"]: hour["sales"] for hour in hours if hour["sales"]}
    sold: dict[int, set[str]] = {}
    for line in records(whole):
        sold.setdefault(int(line["sale_time"][:2]), set()).add(line["sale_id"])
    assert {hour: len(sales) for hour, sales in sold.items()} == tickets
    assert {line["sale_id"] for line in records(live)} < {line["sale_id"] for line in records(whole)}
    assert {line["sale_time"][:5] for line in records(live)} <= {f"12:{minute:02}" for minute in range(30)}
