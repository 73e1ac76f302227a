"""The best model of each shop."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns
from multimarket_async.domains.bikes.best_models import best_model
from multimarket_async.domains.bikes.settings import BikeSettings


def kpi(_: BikeSettings) -> Kpi:
    """The best model of each shop."""
    return best_model("shop", "magasin", columns.SHOP, columns.SHOP_ID, place=6)
