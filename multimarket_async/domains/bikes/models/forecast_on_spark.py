"""Pieces of each model in the months to come, by MLlib.

It has no quantile regression: the mean is that of a random forest, and the quantiles are those of what was sold
relative to it, on the last quarter of the rows, by a forest of those before.
"""

from functools import partial

import numpy as np

from multimarket_async import mllib
from multimarket_async.domains.bikes.models import forecast
from multimarket_async.domains.bikes.models.forecast import QUANTILES, Floats

TREES, LEAST_LEAF, CALIBRATED_BY = 40, 10, 0.25
LEAST = 0.5  # of pieces, so that nothing is not infinitely more than nothing


def quantiles(features: Floats, known: Floats, asked: Floats, seed: int) -> Floats:
    """The quantiles and then the mean."""
    mean = partial(mllib.mean, seed=seed, trees=TREES, leaf=LEAST_LEAF)
    cut = int(len(known) * (1 - CALIBRATED_BY))
    ratios = (known[cut:] + LEAST) / (mean(features[:cut], known[:cut], features[cut:]) + LEAST)
    expected = mean(features, known, asked)
    around = np.quantile(ratios, QUANTILES)[:, None] * (expected + LEAST) - LEAST
    return np.concatenate([around, expected[None]])


run = partial(forecast.run, quantiles=quantiles)
