"""Bikes pass the tests that every domain inherits."""

from typing import Any, ClassVar

import pytest

from multimarket_async.domains.bikes import BIKES
from multimarket_async.domains.contract import DomainContract
from multimarket_async.proving.trial import Samples
from multimarket_async.results import Result

FORECAST = {"expected": 2.5, "low": 1.0, "median": 2.0, "high": 4.0}
SEGMENT = {"description": "87% Mountain, mostly Trail", "category": "Mountain", "silhouettes": "2: 0.5, 3: 0.4"}
PRICE = {"category": "Road", "kind": "Elite Road", "frame": "Carbon", "price": 900.5, "low": 800.0, "high": 950.0}
ROWS: dict[str, list[dict[str, Any]]] = {
    "bike_segments": [
        {
            "shop_id": shop,
            "shop": f"Shop {shop}",
            "segment": 1 + shop % 2,
            "bikes": 3,
            "value_minor": 100_01,
            "share": 0.87,
        }
        | SEGMENT
        for shop in (1, 2, 3)
    ],
    "bike_affinity": [
        {"shop_id": 1, "shop": "Shop 1", "kind": kind, "rank": rank, "probability": 0.5 / rank}
        for rank, kind in enumerate(("Trail", "Sport"), start=1)
    ],
    "bike_forecast": [
        {"model": model, "month": month, **FORECAST} for model in ("Slice", "(all)") for month in ("2027-01", "2027-02")
    ],
    "bike_price_model": [{"bike": 1, "model": "Slice 105", "expected": 880.0, "inside": True} | PRICE],
}


def result(rows: list[dict[str, Any]], seed: int) -> bytes:
    of = Result(rows, "accuracy", 0.5, "always the most frequent kind", 0.6, better="higher")
    return of.content(data_digest="d1", code_digest="c1", seed=seed)


@pytest.mark.slow
class TestBikes(DomainContract):
    domain = BIKES
    samples: ClassVar[Samples] = {
        name: {f"{name}-{seed}.csv": result(rows[: 3 - seed] if seed == 2 else rows, seed) for seed in (2, 1)}
        for name, rows in ROWS.items()
    }
