"""The effect of each campaign: a quasi-Poisson regression of units by day, category and channel.

The day, the weekday in each channel, and each category in each channel have a factor of their own; the rest of a
campaign's days is its effect. Its interval follows from the curvature, widened by the dispersion. Judged by the true
effects, where they are known, beside the days before and after the start.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.linear_model import PoissonRegressor

from multimarket_async.domains.omnishop.models.grades import Grade, graded
from multimarket_async.results import NotEnough, Result

LEAST_DAYS, LEAST_CAMPAIGNS, Z, COVERED = 28, 2, 1.645, 0.9
Floats = NDArray[np.float64]
CHANNELS = ("store", "web")


class Campaign(NamedTuple):
    """A campaign as it was planned."""

    id: str
    category: str
    channel: str
    starts: date
    ends: date
    cost_minor: int


class Units(NamedTuple):
    """Units and revenue by day, category and channel."""

    days: Sequence[date]
    categories: Sequence[str]
    units: Floats
    revenue: Floats

    def mask(self, campaign: Campaign, starts: date, ends: date) -> NDArray[np.bool_]:
        """The cells of a campaign's category and channels between two days."""
        of = np.array([starts <= day <= ends for day in self.days])[:, None, None]
        category = np.array([name == campaign.category for name in self.categories])[None, :, None]
        channel = np.array([campaign.channel in (name, "all") for name in CHANNELS])[None, None, :]
        mask: NDArray[np.bool_] = of & category & channel
        return mask


def run(inputs: Mapping[str, Any], seed: int) -> Result:  # noqa: ARG001 - nothing is drawn
    """A row a campaign that is over."""
    units = _units(inputs["sold"].fetchall())
    if len(units.days) < LEAST_DAYS:
        raise NotEnough(f"sales are of {len(units.days)} days, and {LEAST_DAYS} are needed")
    campaigns = [Campaign(*row) for row in inputs["campaigns"].fetchall()]
    whole = [each for each in campaigns if units.days[0] <= each.starts and each.ends <= units.days[-1]]
    if len(whole) < LEAST_CAMPAIGNS:
        raise NotEnough(f"{len(whole)} campaigns are over, and {LEAST_CAMPAIGNS} are needed")
    running = [each for each in campaigns if units.mask(each, each.starts, each.ends).any()]
    logs, errors = _effects(units, running)
    rows = [_row(units, each, logs[place], errors[place]) for place, each in enumerate(running) if each in whole]
    return graded("campaign_effect", rows, _grades(units, whole, rows, dict(inputs["truth"].fetchall())))


def _units(sold: Sequence[tuple[Any, ...]]) -> Units:
    first, last = (of((row[0] for row in sold), default=date.min) for of in (min, max))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    categories = sorted({row[1] for row in sold})
    units, revenue = np.zeros((2, len(days), len(categories), len(CHANNELS)))
    for day, category, channel, quantity, minor in sold:
        at = (day - first).days, categories.index(category), CHANNELS.index(channel)
        units[at], revenue[at] = quantity, minor
    return Units(days, categories, units, revenue)


def _effects(units: Units, campaigns: Sequence[Campaign]) -> tuple[Floats, Floats]:
    """The logarithm of the factor of each campaign, and its standard error."""
    day, category, channel = (each.ravel() for each in np.indices(units.units.shape))
    weekday = np.array([each.weekday() for each in units.days])[day]
    own = [units.mask(each, each.starts, each.ends).ravel() for each in campaigns]
    groups = [
        *(own[place] for place in range(len(own))),
        *((category == c) & (channel == h) for c in range(len(units.categories)) for h in range(2)),
        *((weekday == d) & (channel == 1) for d in range(1, 7)),
        *(day == d for d in range(1, len(units.days))),
    ]
    features, actual = np.column_stack(groups).astype(float), units.units.ravel()
    model = PoissonRegressor(alpha=1e-9, fit_intercept=False, max_iter=500, tol=1e-8, solver="newton-cholesky")
    mean = model.fit(features, actual).predict(features)
    dispersion = float(((actual - mean) ** 2 / mean).sum() / (len(actual) - features.shape[1]))
    covariance = max(dispersion, 1.0) * np.linalg.pinv(features.T @ (features * mean[:, None]))
    return model.coef_[: len(own)], np.sqrt(np.diag(covariance)[: len(own)])


def _row(units: Units, campaign: Campaign, log: float, error: float) -> dict[str, Any]:
    """Uplift, low and high: in units, relative to what would have been sold. Returns: gained by unit of cost."""
    of = units.mask(campaign, campaign.starts, campaign.ends)
    extra = 1 - np.exp(-log)
    gained = int(extra * units.revenue[of].sum())
    return {
        "campaign": campaign.id, "category": campaign.category, "channel": campaign.channel,
        "uplift": float(np.expm1(log)), "low": float(np.expm1(log - Z * error)),
        "high": float(np.expm1(log + Z * error)), "extra_units": float(extra * units.units[of].sum()),
        "extra_revenue_minor": gained, "cost_minor": campaign.cost_minor,
        "returns": gained / max(1, campaign.cost_minor),
    }  # fmt: skip


def before_and_after(units: Units, campaign: Campaign) -> float | None:
    """Units of a day, relative to those of as many days before; None where none are known."""
    days = (campaign.ends - campaign.starts).days + 1
    before = units.units[units.mask(campaign, campaign.starts - timedelta(days=days), campaign.starts - timedelta(1))]
    sold = units.units[units.mask(campaign, campaign.starts, campaign.ends)]
    known = min(days, (campaign.starts - units.days[0]).days)
    return float(sold.sum() / days / (before.sum() / known) - 1) if known and before.sum() else None


def _grades(
    units: Units, campaigns: Sequence[Campaign], rows: Sequence[Mapping[str, Any]], factors: Mapping[str, float]
) -> list[Grade]:
    judged = [
        (row, factors[each.id] - 1, before)
        for each, row in zip(campaigns, rows, strict=True)
        if each.id in factors and (before := before_and_after(units, each)) is not None
    ]
    if not judged:
        raise NotEnough("the true effect of no campaign is known")
    mean = [float(np.mean([abs(row["uplift"] - true) for row, true, _ in judged])),
            float(np.mean([abs(before - true) for _, true, before in judged]))]  # fmt: skip
    inside = float(np.mean([row["low"] <= true <= row["high"] for row, true, _ in judged]))
    return [
        Grade("error of the uplift", mean[0], "before and after", mean[1], "lower"),
        Grade("true effects in the 90 % interval", inside, "as stated, less the chance", _least(len(judged))),
    ]


def _least(campaigns: int) -> float:
    """So few may be inside by chance in one of twenty cases."""
    return (float(binom.ppf(0.05, campaigns, COVERED)) - 1) / campaigns
