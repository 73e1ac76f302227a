"""The best model of each city."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns
from multimarket_async.domains.bikes.best_models import best_model
from multimarket_async.domains.bikes.settings import BikeSettings


def kpi(_: BikeSettings) -> Kpi:
    """The best model of each city."""
    return best_model("city", "ville", columns.CITY, columns.STATE, place=7)
