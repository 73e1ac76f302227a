"""Store months."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.retail import periods
from multimarket_async.domains.retail.settings import RetailSettings


def kpi(settings: RetailSettings) -> Kpi:
    """One row a month and store."""
    return periods.kpi(periods.MONTH, settings, place=2)
