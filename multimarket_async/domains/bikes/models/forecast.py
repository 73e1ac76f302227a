"""Pieces of each model in the months to come, as quantiles: gradient boosting over all models.

A month is forecast from those before: the same one a year earlier, the last ones, and the level of the model. The
forecast is judged on the last months, which it was not fitted to, beside the seasonal naive one: the pieces of a month
a year earlier, with the quantiles of the errors that this made before. As quantiles cannot be added up, the mean is
forecast, too: the sum of the means is that of all models, and its quantiles are those of what was sold, relative to it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from multimarket_async.results import NotEnough, Result

YEAR, AHEAD, MOST_ORIGINS, LEAST_MONTHS = 12, 6, 4, 24
QUANTILES = (0.1, 0.5, 0.9)
TREES, RATE, LEAVES, LEAST_LEAF = 120, 0.06, 8, 30
ALL = "(all)"
WHOLE_DAYS = 7  # a month is whole if the newest order is no longer before its end
Floats = NDArray[np.float64]
# (features, pieces, features asked for, seed) -> the quantiles and then the mean, for each of these
Quantiles: TypeAlias = Callable[[Floats, Floats, Floats, int], Floats]


class Case(NamedTuple):
    """A month to forecast, `ahead` months after the last known one: numbers of months since the first."""

    known: int
    month: int

    @property
    def ahead(self) -> int:
        """The number of months in between."""
        return self.month - self.known


def boosting(features: Floats, known: Floats, asked: Floats, seed: int) -> Floats:
    """Each by gradient boosting with its own loss."""
    losses: list[dict[str, Any]] = [
        *({"loss": "quantile", "quantile": quantile} for quantile in QUANTILES),
        {"loss": "poisson"},
    ]
    return np.array([_unfitted(loss, seed).fit(features, known).predict(asked) for loss in losses])


def run(inputs: Mapping[str, Any], seed: int, quantiles: Quantiles = boosting) -> Result:
    """A row a model and month, and one a month for all of them together."""
    models, months, pieces = _table(inputs["sold"].fetchall())
    if len(months) < LEAST_MONTHS:
        raise NotEnough(f"orders are of {len(months)} whole months, and {LEAST_MONTHS} are needed")
    last = len(months) - 1
    origins = range(last - AHEAD - min(MOST_ORIGINS, len(months) - LEAST_MONTHS + 1) + 1, last - AHEAD + 1)
    tests = [case for known in origins for case in _cases(known)]
    actual = np.stack([pieces[:, case.month] for case in tests])
    tested = _forecast(pieces, _until(origins[0]), tests, seed, quantiles)
    naive = _naive(pieces, origins[0], tests)
    coming = _forecast(pieces, _until(last), _cases(last), seed, quantiles)
    ratios = actual.sum(axis=1) / np.maximum(tested[-1].sum(axis=1), 1)
    together = coming[-1].sum(axis=1) * np.array([*np.quantile(ratios, QUANTILES), 1])[:, None]
    rows = list(_rows([*models, ALL], months[-1], np.concatenate([coming, together[:, :, None]], axis=2)))
    baseline, scores = "seasonal naive", [_loss(actual, forecast) for forecast in (tested[:-1], naive)]
    return Result(rows, "mean pinball loss", scores[0], baseline, scores[1], better="lower")


def _table(sold: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[str], Floats]:
    """The models, the whole months from the first order on, and the pieces of each model in each."""
    days = [day for _, day, _ in sold]
    months = list(_months(min(days), _end(max(days)))) if days else []
    models = sorted({model for model, _, _ in sold})
    places = {month: place for place, month in enumerate(months)}
    pieces, rows = np.zeros((len(models), len(months))), {model: row for row, model in enumerate(models)}
    for model, day, quantity in sold:
        if (place := places.get(f"{day:%Y-%m}")) is not None:
            pieces[rows[model], place] += quantity
    return models, months, pieces


def _end(newest: date) -> date:
    """The first day after the last whole month."""
    return (newest + timedelta(days=WHOLE_DAYS)).replace(day=1)


def _months(first: date, end: date) -> Iterator[str]:
    month = first.replace(day=1)
    while month < end:
        yield f"{month:%Y-%m}"
        month = (month + timedelta(days=31)).replace(day=1)


def _cases(known: int) -> list[Case]:
    return [Case(known, known + ahead) for ahead in range(1, AHEAD + 1)]


def _until(last: int) -> list[Case]:
    """Every month up to this one that has a year before the last one that is known then."""
    return [case for known in range(YEAR - 1, last) for case in _cases(known) if case.month <= last]


def _features(pieces: Floats, case: Case) -> Floats:
    """A row a model; nothing after the last known month is looked at."""
    past = pieces[:, : case.known + 1]
    total, earlier = past.sum(axis=0), case.month - YEAR
    level, season = past[:, -YEAR:].mean(axis=1), total[earlier] / max(total[-YEAR:].mean(), 1e-9)
    angle = 2 * np.pi * case.month / YEAR
    alike = [season, np.sin(angle), np.cos(angle), case.ahead]
    own = [past[:, earlier], past[:, -3:].mean(axis=1), level, past.mean(axis=1), level * season]
    return np.column_stack([*own, *(np.full(len(pieces), value) for value in alike)])


def _forecast(pieces: Floats, train: Sequence[Case], cases: Sequence[Case], seed: int, quantiles: Quantiles) -> Floats:
    """Quantile and then the mean, case, model: fitted to the months `train`."""
    features = np.concatenate([_features(pieces, case) for case in train])
    known = np.concatenate([pieces[:, case.month] for case in train])
    asked = np.concatenate([_features(pieces, case) for case in cases])
    found = quantiles(features, known, asked, seed)
    found[:-1] = np.sort(np.maximum(found[:-1], 0), axis=0)
    forecast: Floats = found.reshape(len(QUANTILES) + 1, len(cases), len(pieces))
    return forecast


def _unfitted(loss: Mapping[str, Any], seed: int) -> HistGradientBoostingRegressor:
    form = {"max_iter": TREES, "learning_rate": RATE, "max_leaf_nodes": LEAVES, "min_samples_leaf": LEAST_LEAF}
    return HistGradientBoostingRegressor(early_stopping=False, random_state=seed, **loss, **form)


def _naive(pieces: Floats, known: int, cases: Sequence[Case]) -> Floats:
    """The same by the pieces of a year earlier, and the errors that these had until then."""
    errors = (pieces[:, YEAR : known + 1] - pieces[:, : known + 1 - YEAR]).ravel()
    earlier = np.stack([pieces[:, case.month - YEAR] for case in cases])
    forecast: Floats = np.maximum(earlier + np.quantile(errors, QUANTILES)[:, None, None], 0)
    return forecast


def _loss(actual: Floats, forecast: Floats) -> float:
    """The mean pinball loss over all quantiles, cases and models."""
    quantiles = np.array(QUANTILES)[:, None, None]
    error = actual - forecast
    return float(np.mean(np.maximum(quantiles * error, (quantiles - 1) * error)))


def _rows(models: Sequence[str], last: str, forecast: Floats) -> Iterator[dict[str, Any]]:
    year, month = map(int, last.split("-"))
    for case in range(forecast.shape[1]):
        after = year * YEAR + month + case
        name = f"{after // YEAR}-{after % YEAR + 1:02}"
        for place, model in enumerate(models):
            low, median, high, expected = forecast[:, case, place].tolist()
            yield {"model": model, "month": name, "expected": expected, "low": low, "median": median, "high": high}
