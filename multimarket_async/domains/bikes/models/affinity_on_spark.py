"""The kind of bike that a shop buys next, by MLlib."""

from functools import partial

from multimarket_async import mllib
from multimarket_async.domains.bikes.models import affinity

TREES = 60
run = partial(affinity.run, likely=partial(mllib.forest, trees=TREES, leaf=affinity.LEAST_LEAF))
