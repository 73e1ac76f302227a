"""Store quarters."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.retail import periods
from multimarket_async.domains.retail.settings import RetailSettings


def kpi(settings: RetailSettings) -> Kpi:
    """One row a quarter and store."""
    return periods.kpi(periods.QUARTER, settings, place=3)
