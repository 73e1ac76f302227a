"""Weights of the features of an order, by logistic regression on orders that turned out to be fraudulent or not.

The features are SQL, and so is the score that follows from these weights: an alert needs no model in memory. Judged
on the later half of the orders, which it was not fitted to, at as many alerts as one order in a hundred.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from multimarket_async.domains.omnishop.fraud import FEATURES, INTERCEPT, THRESHOLD
from multimarket_async.domains.omnishop.models.grades import Grade, graded
from multimarket_async.results import NotEnough, Result

ALERTS, LEAST_FRAUDS, LEAST_ORDERS = 0.01, 10, 500
Floats = NDArray[np.float64]
BASELINE = "amount threshold"


def run(inputs: Mapping[str, Any], seed: int) -> Result:  # noqa: ARG001 - nothing is drawn
    """A row a feature, and one each for the intercept and the score from which there is an alert."""
    rows, patterns = inputs["orders"].fetchall(), dict(inputs["labels"].fetchall())
    if len(rows) < LEAST_ORDERS:
        raise NotEnough(f"{len(rows)} orders are stored, and {LEAST_ORDERS} are needed")
    labels = np.array([patterns.get(row[0], "") for row in rows])
    amounts, features = np.array([row[1] for row in rows], float), np.array([row[2:] for row in rows], float)
    half = len(rows) // 2
    for part in (labels[:half], labels[half:]):
        if (part != "").sum() < LEAST_FRAUDS:
            raise NotEnough(f"{(part != '').sum()} frauds are known in half of the orders, {LEAST_FRAUDS} are needed")
    weights, intercept = _fitted(features[:half], labels[:half] != "")
    model = _alerts(features[half:] @ weights + intercept)
    baseline = _alerts(amounts[half:])
    weights, intercept = _fitted(features, labels != "")
    threshold = float(np.quantile(features @ weights + intercept, 1 - ALERTS))
    found = {**dict(zip(FEATURES, weights.tolist(), strict=True)), INTERCEPT: intercept, THRESHOLD: threshold}
    return graded(
        "fraud_model",
        [{"feature": name, "weight": round(value, 6)} for name, value in found.items()],
        _grades(labels[half:], model, baseline),
    )


def _fitted(features: Floats, frauds: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Weights of the features as they are, and the intercept."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    scaler, model = (step for _, step in pipeline.fit(features, frauds).steps)
    weights: Floats = model.coef_[0] / scaler.scale_
    return weights, float(model.intercept_[0] - weights @ scaler.mean_)


def _alerts(scores: Floats) -> NDArray[np.intp]:
    """The places of the highest scores."""
    return np.argsort(-scores, kind="stable")[: max(1, round(ALERTS * len(scores)))]


def _grades(labels: NDArray[Any], model: NDArray[np.intp], baseline: NDArray[np.intp]) -> list[Grade]:
    frauds = labels != ""
    patterns: Sequence[str] = sorted({*labels[frauds].tolist()})
    caught = [float(frauds[alerts].sum()) for alerts in (model, baseline)]
    recalls, precisions = ([found / number for found in caught] for number in (frauds.sum(), len(model)))
    of_patterns = [Grade(f"recall of {pattern}", *_both(labels == pattern, model, baseline)) for pattern in patterns]
    return [
        Grade("recall at 1 % alerts", recalls[0], BASELINE, recalls[1]),
        Grade("precision at 1 % alerts", precisions[0], BASELINE, precisions[1]),
        *of_patterns,
    ]


def _both(of: NDArray[np.bool_], model: NDArray[np.intp], baseline: NDArray[np.intp]) -> tuple[float, str, float]:
    return float(of[model].sum() / of.sum()), BASELINE, float(of[baseline].sum() / of.sum())
