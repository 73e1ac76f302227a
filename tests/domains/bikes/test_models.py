"""The models on small data: what was planted is found, where nothing was the baseline is as good, a seed decides."""

from collections.abc import Sequence
from random import Random
from typing import Any

import duckdb
import pytest

from multimarket_async.domains.bikes import BIKES
from multimarket_async.readers.language import FRENCH
from multimarket_async.results import NotEnough, Result

pytestmark = pytest.mark.slow
KINDS = ("Elite Road", "Triathalon", "Sport", "Trail")
SHOPS = 12


def relation(columns: str, rows: Sequence[tuple[Any, ...]]) -> Any:
    """A table of DuckDB, as a job gets it."""
    table = duckdb.connect()
    table.execute(f"CREATE TABLE t ({columns})")
    table.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return table.table("t")


def category(kind: str) -> str:
    return "Road" if kind in KINDS[:2] else "Mountain"


def bought(own: int) -> Any:
    """Orders of each shop: in each so many more pieces of the two kinds of its category than of others."""
    rng = Random(1)
    rows = []
    for order in range(20 * SHOPS):
        for kind in KINDS:
            shop = order % SHOPS
            pieces = 1 + rng.randrange(2) + own * ((category(kind) == "Road") == (shop % 3 == 0))
            rows.append((order, shop, f"Shop {shop}", category(kind), kind, pieces, pieces * 1000_00))
    return {"bought": relation("o INT, a INT, b VARCHAR, c VARCHAR, d VARCHAR, e BIGINT, f BIGINT", rows)}


def test_planted_segments_are_found_and_chance_is_none() -> None:
    """In words from their own figures, the same for the same seed."""
    from multimarket_async.domains.bikes.models import segments  # noqa: PLC0415 - an extra

    found = segments.run(bought(10), 1)
    assert found.beats_baseline
    assert {row["shop_id"] for row in found.rows if row["segment"] == 2} == {0, 3, 6, 9}  # fewer
    assert found.rows[0]["description"].startswith("89% Road (37% of all), mostly Elite Road and Triathalon; usual ")
    assert segments.run(bought(10), 1) == found
    chance = segments.run(bought(0), 1)
    assert not chance.beats_baseline
    assert {row["description"].rpartition("; ")[2] for row in chance.rows} == {"no better than chance"}
    french = FRENCH.extended(BIKES.declare(BIKES.settings()).french)
    assert french.say(chance.rows[0]["description"]).endswith(" ; pas mieux que le hasard")
    assert french.say(found.rows[0]["description"]).startswith("89 % route (37 % pour tous), surtout Elite Road et ")
    with pytest.raises(NotEnough, match="1 shops have bought bikes, and 6 are needed"):
        segments.run({"bought": bought(0)["bought"].filter("a = 1")}, 1)


def test_the_next_kind_of_a_shop_is_the_planted_one() -> None:
    from multimarket_async.domains.bikes.models import affinity  # noqa: PLC0415

    rows = [
        (shop, f"Shop {shop}", f"2025-{1 + order:02}-{1 + shop:02}", 100 * shop + order, KINDS[shop % 4], 2)
        for shop in range(SHOPS)
        for order in range(9)
    ]
    found = affinity.run({"orders": relation("a INT, b VARCHAR, c DATE, d INT, e VARCHAR, f BIGINT", rows)}, 1)
    assert (found.score, found.beats_baseline) == (1.0, True)
    assert {row["shop_id"]: row["kind"] for row in found.rows if row["rank"] == 1} == {
        shop: KINDS[shop % 4] for shop in range(SHOPS)
    }


def test_a_season_is_forecast_better_than_by_the_year_before() -> None:
    """Noise is not repeated; the quantiles are in order, the months follow the last whole one."""
    from multimarket_async.domains.bikes.models import forecast  # noqa: PLC0415

    rng = Random(2)
    rows = [
        (f"Model {model}", f"{2022 + month // 12}-{1 + month % 12:02}-27", max(0, round(season + rng.gauss(0, 4))))
        for model in range(12)
        for month in range(36)
        for season in [6 + model + 10 * (month % 12 in (3, 4, 5))]
    ]
    sold = {"sold": relation("a VARCHAR, b DATE, c BIGINT", rows)}
    found = forecast.run(sold, 1)
    assert found.beats_baseline
    assert {row["month"] for row in found.rows} == {f"2025-{month:02}" for month in range(1, 7)}
    assert all(row["low"] <= row["median"] <= row["high"] for row in found.rows)
    together = {row["month"]: row["expected"] for row in found.rows if row["model"] == "(all)"}
    assert together["2025-05"] > 1.5 * together["2025-02"]
    with pytest.raises(NotEnough, match="orders are of 12 whole months"):
        forecast.run({"sold": sold["sold"].filter("b < '2023-01-01'")}, 1)


def test_a_price_follows_from_attributes() -> None:
    from multimarket_async.domains.bikes.models import price_model  # noqa: PLC0415

    rng, series, tiers = Random(3), {"Slice": 1000, "Habit": 1500, "Scalpel": 2500}, range(1, 9)
    rows = [
        (10 * place + tier, f"{name} {tier}", "Road", name, "Carbon", price * 1.2**tier * rng.uniform(0.97, 1.03))
        for place, (name, price) in enumerate(series.items())
        for tier in tiers
    ]
    columns = "a INT, b VARCHAR, c VARCHAR, d VARCHAR, e VARCHAR, f DOUBLE"
    found: Result = price_model.run({"models": relation(columns, rows)}, 1)
    assert found.beats_baseline
    assert sum(row["inside"] for row in found.rows) / len(rows) >= 0.8  # of 24: neither is fitted to the other
