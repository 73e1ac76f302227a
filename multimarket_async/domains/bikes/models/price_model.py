"""Prices of models from their attributes: ridge regression of the logarithm, with intervals that hold for new models.

The attributes are category, kind, frame and the words of the name. Each tenth of the models is expected from the
others, and its intervals are as wide as 90 % of the errors that were made so on these others (cross-conformal
prediction): neither the expected price nor the width follows from the models that they are judged by.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from multimarket_async.results import NotEnough, Result

LEAST_MODELS, FOLDS, INSIDE, LEAST_OF_WORD = 20, 10, 0.9, 2
PENALTIES = np.logspace(-2, 2, 9)
Floats = NDArray[np.float64]
# (features, numbers, features asked for) -> the expected number for each of these
Regression: TypeAlias = Callable[[Floats, Floats, Floats], Floats]


class Model(NamedTuple):
    """A model of the price list."""

    bike: int
    model: str
    category: str
    kind: str
    frame: str
    price: float

    @property
    def attributes(self) -> set[str]:
        """The names of those that it has."""
        words = (f"word {word}" for word in re.findall(r"[\w.-]+", self.model.lower()))
        return {f"category {self.category}", f"kind {self.kind}", f"frame {self.frame}", *words}


def ridge(features: Floats, known: Floats, asked: Floats) -> Floats:
    """By ridge regression, with the penalty that predicts each of the known ones best from the others."""
    found: Floats = RidgeCV(PENALTIES).fit(features, known).predict(asked)
    return found


def run(inputs: Mapping[str, Any], seed: int, regression: Regression = ridge) -> Result:
    """A row a model: its price, the expected one, and the interval in which 9 of 10 new ones are."""
    models = [Model(*row) for row in inputs["models"].fetchall()]
    if len(models) < LEAST_MODELS:
        raise NotEnough(f"the list has {len(models)} models, and {LEAST_MODELS} are needed")
    prices = np.array([model.price for model in models])
    expected, baseline, widths = np.empty((3, len(models)))
    features, folds = _features(models), [*KFold(FOLDS, shuffle=True, random_state=seed).split(models)]
    for train, test in folds:
        expected[test] = regression(features[train], np.log(prices[train]), features[test])
        baseline[test] = _usual(models, prices, train, test)
    errors = np.abs(np.log(prices) - expected)
    for train, test in folds:
        widths[test] = _width(errors[train])
    rows = [_row(*each) for each in zip(models, expected.tolist(), widths.tolist(), strict=True)]
    score, usual = (float(np.mean(np.abs(prices - at))) for at in (np.exp(expected), baseline))
    return Result(rows, "mean absolute error", score, "the median price of its kind", usual, better="lower")


def _features(models: list[Model]) -> Floats:
    """1 for each attribute that a model has and another one too, else 0."""
    counts = Counter(name for model in models for name in model.attributes)
    names = sorted(name for name, times in counts.items() if times >= LEAST_OF_WORD)
    return np.array([[float(name in model.attributes) for name in names] for model in models])


def _usual(models: list[Model], prices: Floats, train: Any, test: Any) -> list[float]:
    everything = float(np.median(prices[train]))
    known = {
        kind: float(np.median([prices[place] for place in train if models[place].kind == kind]))
        for kind in {models[place].kind for place in train}
    }
    return [known.get(models[place].kind, everything) for place in test]


def _width(errors: Floats) -> float:
    """The error that no more than 1 of 10 exceed, of so many and a new one."""
    rank = min(len(errors), int(np.ceil((len(errors) + 1) * INSIDE)))
    return float(np.sort(errors)[rank - 1])


def _row(model: Model, expected: float, width: float) -> dict[str, Any]:
    low, high = float(np.exp(expected - width)), float(np.exp(expected + width))
    return {
        "bike": model.bike, "model": model.model, "category": model.category, "kind": model.kind, "frame": model.frame,
        "price": model.price, "expected": float(np.exp(expected)), "low": low, "high": high,
        "inside": low <= model.price <= high,
    }  # fmt: skip
