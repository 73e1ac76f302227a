"""Demand for each product at each place in the week to come, and what to order: a Poisson regression over all shelves.

A day is forecast from the level of its shelf, its weekday and the campaigns that are planned; its quantiles are those
of a negative binomial distribution, as wide as the errors before. Judged on the last weeks, each forecast from what was
known on its eve, on sales and those that were lost, beside the same weekday a week ago and the mean of four weeks.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson
from sklearn.linear_model import PoissonRegressor

from multimarket_async.domains.omnishop.models.grades import Grade, graded
from multimarket_async.results import NotEnough, Result

WEEK, TESTED_WEEKS, FIRST_WEEKS, PAST_DAYS = 7, 4, 2, 28
QUANTILES = (0.1, 0.5, 0.9)
LOST_COST, LEFT_COST = 9, 1  # of a unit that was asked for in vain, and of one that is left over
SERVICE = LOST_COST / (LOST_COST + LEFT_COST)  # the cheapest share of weeks that a shelf lasts
PRIOR_DAYS, SMALLEST = 7, 1e-3
WAREHOUSE = "W1"
Floats = NDArray[np.float64]


class History(NamedTuple):
    """Demand, shelf by day. kinds: of each shelf, the place of its category and channel. planned: discounts."""

    shelves: Sequence[tuple[str, str]]
    days: Sequence[date]
    demand: Floats
    asked: Floats
    stock: Floats
    kinds: NDArray[np.intp]
    planned: Floats


class Forecast(NamedTuple):
    """Means, shelf by day, and how much wider than Poisson's the distribution is."""

    mean: Floats
    spread: float

    def quantile(self, share: float) -> Floats:
        """The quantile of each day."""
        return _quantile(self.mean, share, self.spread)


def run(inputs: Mapping[str, Any], seed: int) -> Result:  # noqa: ARG001 - nothing is drawn
    """A row a shelf and day of the next week; and a row a shelf of what to order."""
    history = _history({name: each.fetchall() for name, each in inputs.items()})
    weeks = len(history.days) // WEEK
    if weeks < TESTED_WEEKS + FIRST_WEEKS + 1:
        raise NotEnough(f"stock is of {weeks} weeks, and {TESTED_WEEKS + FIRST_WEEKS + 1} are needed")
    last = len(history.days)
    origins = [last - WEEK * back for back in range(TESTED_WEEKS, 0, -1)]
    tested = [_forecast(history, origin) for origin in origins]
    coming = _forecast(history, last)
    rows = list(_rows(history, coming))
    return graded("demand_forecast", rows, _grades(history, origins, tested), reorder=_orders(history, coming))


def _history(tables: Mapping[str, Sequence[tuple[Any, ...]]]) -> History:
    """Days after the last one are those for which campaigns are planned."""
    shelves = sorted({(product, place) for product, place, *_ in tables["shelves"]})
    first, last = (of((row[2] for row in tables["shelves"]), default=date.min) for of in (min, max))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    places = {shelf: place for place, shelf in enumerate(shelves)}
    demand, stock = np.zeros((2, len(shelves), len(days)))
    for product, place, day, sold, left in tables["shelves"]:
        at = places[product, place], (day - first).days
        demand[at], stock[at] = sold, left
    asked = demand.copy()
    for product, place, day, units in tables["lost"]:
        if (product, place) in places and first <= day <= last:
            asked[places[product, place], (day - first).days] += units
    categories = dict(tables["products"])
    kinds = [(categories.get(product, ""), "web" if place == WAREHOUSE else "store") for product, place in shelves]
    numbered = {kind: number for number, kind in enumerate(sorted({*kinds}))}
    planned = np.zeros((len(shelves), len(days) + WEEK))
    for category, channel, starts, ends, discount in tables["campaigns"]:
        of = [place for place, kind in enumerate(kinds) if kind[0] == category and channel in (kind[1], "all")]
        begins, until = max(0, (starts - first).days), min(len(days) + WEEK, (ends - first).days + 1)
        if begins < until:
            planned[of, begins:until] = discount
    return History(shelves, days, demand, asked, stock, np.array([numbered[kind] for kind in kinds]), planned)


def _features(history: History, origin: int) -> Floats:
    """A row a shelf and day of the week that begins there; nothing from there on is looked at but plans."""
    past = history.demand[:, max(0, origin - PAST_DAYS) : origin]
    usual = np.where(history.planned[:, max(0, origin - PAST_DAYS) : origin] > 0, np.nan, past)
    counts, sums = (~np.isnan(usual)).sum(axis=1), np.nansum(usual, axis=1)
    of_kind = np.array([sums[history.kinds == kind].sum() / max(1, counts[history.kinds == kind].sum())
                        for kind in range(history.kinds.max() + 1)])[history.kinds]  # fmt: skip
    level = np.log(np.maximum((sums + PRIOR_DAYS * of_kind) / (counts + PRIOR_DAYS), SMALLEST))
    recent = np.log(np.maximum((past[:, -WEEK:].sum(axis=1) + of_kind * WEEK) / (2 * WEEK), SMALLEST))
    return np.concatenate([_of_day(history, origin + ahead, level, recent) for ahead in range(WEEK)])


def _of_day(history: History, day: int, level: Floats, recent: Floats) -> Floats:
    weekday = (history.days[0] + timedelta(days=day)).weekday()
    web = np.array([place == WAREHOUSE for _, place in history.shelves])
    week = np.zeros((len(level), 2 * WEEK))
    week[np.arange(len(level)), weekday + WEEK * web] = 1
    planned = history.planned[:, day]
    return np.column_stack([level, recent, planned > 0, planned, week])


def _forecast(history: History, origin: int) -> Forecast:
    """The week from there on, fitted to the weeks before."""
    known = range(origin % WEEK + FIRST_WEEKS * WEEK, origin - WEEK + 1, WEEK)
    features = np.concatenate([_features(history, start) for start in known])
    actual = np.concatenate([history.demand[:, start : start + WEEK].T.ravel() for start in known])
    model = PoissonRegressor(alpha=1e-4, max_iter=300, solver="newton-cholesky").fit(features, actual)
    fitted = model.predict(features)
    spread = float(np.clip((((actual - fitted) ** 2 - fitted).sum()) / (fitted**2).sum(), 0.01, 2))
    mean = model.predict(_features(history, origin)).reshape(WEEK, -1).T
    return Forecast(mean, spread)


def _quantile(mean: Floats, share: float, spread: float) -> Floats:
    """The quantile of negative binomial distributions."""
    size = 1 / spread
    found: Floats = nbinom.ppf(share, size, size / (size + mean))
    return found


def _grades(history: History, origins: Sequence[int], tested: Sequence[Forecast]) -> list[Grade]:
    weeks = [history.asked[:, start : start + WEEK] for start in origins]
    means = [history.demand[:, start - PAST_DAYS : start].mean(axis=1, keepdims=True) for start in origins]
    naive = [history.demand[:, start - WEEK : start] for start in origins]
    total = sum(week.sum() for week in weeks)

    def error(forecasts: Sequence[Floats]) -> float:
        return float(sum(np.abs(week - each).sum() for week, each in zip(weeks, forecasts, strict=True)) / total)

    def pinball(quantiles: Sequence[Sequence[Floats]]) -> float:
        losses = [
            np.maximum(share * (week - each), (share - 1) * (week - each)).mean()
            for week, of in zip(weeks, quantiles, strict=True)
            for share, each in zip(QUANTILES, of, strict=True)
        ]
        return float(np.mean(losses))

    medians = error([each.quantile(0.5) for each in tested])
    of_mean = [[poisson.ppf(share, np.broadcast_to(mean, (len(mean), WEEK))) for share in QUANTILES] for mean in means]
    model, usual = (
        _simulated(weeks, levels)
        for levels in (
            [_quantile(each.mean.sum(axis=1), SERVICE, each.spread / WEEK) for each in tested],
            [poisson.ppf(SERVICE, WEEK * mean[:, 0]) for mean in means],
        )
    )
    names = ("cost of stock", "units lost", "units left")
    against = "last 4 weeks' mean"
    return [
        Grade("WAPE", medians, against, error([np.broadcast_to(mean, (len(mean), WEEK)) for mean in means]), "lower"),
        Grade("WAPE (naive)", medians, "seasonal naive", error(naive), "lower"),
        Grade("pinball loss", pinball([[each.quantile(q) for q in QUANTILES] for each in tested]), against,
              pinball(of_mean), "lower"),
        *(Grade(name, of, against, other, "lower") for name, of, other in zip(names, model, usual, strict=True)),
    ]  # fmt: skip


def _simulated(weeks: Sequence[Floats], levels: Sequence[Floats]) -> tuple[float, float, float]:
    """A month whose shelves are filled to these levels each week: cost by unit asked for, shares lost and left over."""
    pairs = [(week.sum(axis=1), level) for week, level in zip(weeks, levels, strict=True)]
    asked = sum(wanted.sum() for wanted, _ in pairs)
    lost = sum(np.maximum(wanted - level, 0).sum() for wanted, level in pairs) / asked
    left = sum(np.maximum(level - wanted, 0).sum() for wanted, level in pairs) / asked
    return float(LOST_COST * lost + LEFT_COST * left), float(lost), float(left)


def _rows(history: History, coming: Forecast) -> Iterator[dict[str, Any]]:
    quantiles = [coming.quantile(share) for share in QUANTILES]
    for ahead in range(WEEK):
        day = history.days[-1] + timedelta(days=1 + ahead)
        for number, (product, place) in enumerate(history.shelves):
            low, median, high = (float(of[number, ahead]) for of in quantiles)
            yield {"product": product, "place": place, "day": f"{day}", "expected": float(coming.mean[number, ahead]),
                   "low": low, "median": median, "high": high}  # fmt: skip


def _orders(history: History, coming: Forecast) -> list[dict[str, Any]]:
    """Orders for shelves that may not last the week, to be placed before the day on which it is probably empty."""
    level = _quantile(coming.mean.sum(axis=1), SERVICE, coming.spread / WEEK)
    left, rows = history.stock[:, -1], []
    for number, (product, place) in enumerate(history.shelves):
        if (units := int(level[number] - left[number])) > 0:
            lasts = int((np.cumsum(coming.mean[number]) < left[number]).sum())
            by = history.days[-1] + timedelta(days=1 + min(lasts, WEEK - 1))
            rows.append({"product": product, "place": place, "order_by": f"{by}", "quantity": units,
                         "stock": int(left[number])})  # fmt: skip
    return rows
