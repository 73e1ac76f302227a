"""Segments of shops, by MLlib."""

from functools import partial

from multimarket_async import mllib
from multimarket_async.domains.bikes.models import segments

run = partial(segments.run, clusters=mllib.segments)
