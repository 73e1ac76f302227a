"""Sales by state."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT state, count(DISTINCT order_id) AS orders, {rollups.SUMS}
FROM sold GROUP BY ALL ORDER BY state
"""
CHECK = f"""
SELECT state, count(DISTINCT order_id) AS orders, {rollups.CHECKED_SUMS}
FROM sold GROUP BY state ORDER BY state
"""


def kpi(settings: BikeSettings) -> Kpi:
    """Sales by state."""
    return Kpi(
        name="bike_sales_by_state",
        title="Bike sales by state",
        unit=settings.currency,
        definition=("Orders, pieces and revenue by the state of the shop."),
        reads=rollups.READS,
        columns=(columns.STATE, columns.ORDERS, columns.QUANTITY, *columns.revenue(settings.currency)),
        query=QUERY,
        check=CHECK,
        french={
            "Bike sales by state": "Ventes de vélos par État",
            "bike_sales_by_state": ("Commandes, vélos et chiffre d'affaires par État du magasin."),
        },
        place=5,
    )
