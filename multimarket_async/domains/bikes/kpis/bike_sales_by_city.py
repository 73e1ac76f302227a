"""Sales by city."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT city, state, count(DISTINCT order_id) AS orders, {rollups.SUMS}
FROM sold GROUP BY ALL ORDER BY city, state
"""
CHECK = f"""
SELECT city, state, count(DISTINCT order_id) AS orders, {rollups.CHECKED_SUMS}
FROM sold GROUP BY city, state ORDER BY city, state
"""


def kpi(settings: BikeSettings) -> Kpi:
    """Sales by city."""
    return Kpi(
        name="bike_sales_by_city",
        title="Bike sales by city",
        unit=settings.currency,
        definition=("Orders, pieces and revenue by the city of the shop."),
        reads=rollups.READS,
        columns=(columns.CITY, columns.STATE, columns.ORDERS, columns.QUANTITY, *columns.revenue(settings.currency)),
        query=QUERY,
        check=CHECK,
        french={
            "Bike sales by city": "Ventes de vélos par ville",
            "bike_sales_by_city": ("Commandes, vélos et chiffre d'affaires par ville du magasin."),
        },
        headline=True,
        place=4,
    )
