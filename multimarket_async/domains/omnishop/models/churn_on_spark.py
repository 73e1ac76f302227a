"""The probability that a client buys nothing for a month, by MLlib."""

from functools import partial

from multimarket_async import mllib
from multimarket_async.domains.omnishop.models import churn

run = partial(churn.run, probability=partial(mllib.logistic, inverse_penalty=churn.INVERSE_PENALTY))
