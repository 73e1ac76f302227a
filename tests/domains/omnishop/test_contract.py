"""OmniShop passes the tests that every domain inherits, with a small shop."""

from typing import Any, ClassVar

import pytest

from multimarket_async.domains.contract import DomainContract
from multimarket_async.domains.omnishop import OMNISHOP
from multimarket_async.domains.omnishop.fraud import FEATURES, INTERCEPT, THRESHOLD
from multimarket_async.proving.trial import Samples
from multimarket_async.results import Result

# Every order is suspicious that has a feature, and some that have none.
WEIGHTS = {**dict.fromkeys(FEATURES, 1.0), INTERCEPT: 0.0, THRESHOLD: 0.25}
ROWS: dict[str, list[dict[str, Any]]] = {
    "recommendations": [
        {"client": "C1", "product": product, "reason": "bought before", "rank": rank, "strength": 1 / rank}
        for rank, product in enumerate(("GR01", "HY02"), 1)
    ],
    "omni_affinity": [{"product": "GR01", "other": "HY02", "rank": 1, "strength": 0.5}],
    "fraud_model": [{"feature": name, "weight": weight} for name, weight in WEIGHTS.items()],
    "demand_forecast": [
        {"product": "GR01", "place": "S1", "day": day, "expected": 1.23, "low": 0.0, "median": 1.0, "high": 3.0}
        for day in ("2026-01-01", "2026-01-02")
    ],
    "reorder": [{"product": "GR01", "place": "S1", "order_by": "2026-01-02", "quantity": 3, "stock": 1}],
    "campaign_effect": [
        {"campaign": "K1", "category": "toys", "channel": "web", "uplift": 0.3, "low": 0.1, "high": 0.5,
         "extra_units": 12.5, "returns": 2.0, "extra_revenue_minor": 20_000, "cost_minor": 10_000}
    ],
    "churn_risk": [{"client": "C1", "action": "coupon", "probability": 0.6, "value_minor": 1200}],
    "omni_grades": [
        {"job": "churn_risk", "measure": "AUC", "against": "recency", "value": 0.8, "baseline_value": 0.7, "wins": True}
    ],
}  # fmt: skip


def result(rows: list[dict[str, Any]], seed: int) -> bytes:
    of = Result(rows, "accuracy", 0.5, "chance", 0.6, better="higher")
    return of.content(data_digest="d1d1d1d1", code_digest="c1", seed=seed)


@pytest.mark.slow
class TestOmnishop(DomainContract):
    domain = OMNISHOP
    settings: ClassVar[dict[str, Any]] = {"shoppers": 40, "timezone": "Europe/Paris"}
    samples: ClassVar[Samples] = {
        name: {f"{name}-{seed}.csv": result(rows, seed) for seed in (2, 1)} for name, rows in ROWS.items()
    }
