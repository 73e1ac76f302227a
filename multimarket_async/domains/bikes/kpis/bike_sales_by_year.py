"""Sales by year."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT year, count(DISTINCT order_id) AS orders, {rollups.SUMS} FROM sold GROUP BY year ORDER BY year
"""
CHECK = f"""
SELECT year, count(DISTINCT order_id) AS orders, {rollups.CHECKED_SUMS}
FROM sold GROUP BY year ORDER BY year
"""


def kpi(settings: BikeSettings) -> Kpi:
    """Sales by year."""
    return Kpi(
        name="bike_sales_by_year",
        title="Bike sales by year",
        unit=settings.currency,
        definition=(
            "Orders, pieces and revenue of each year. An order counts in the year of its lines; prices are those of "
            "the order's day where a list of that time is known, else those of the newest list."
        ),
        reads=rollups.READS,
        columns=(columns.YEAR, columns.ORDERS, columns.QUANTITY, *columns.revenue(settings.currency)),
        query=QUERY,
        check=CHECK,
        french={
            "Bike sales by year": "Ventes de vélos par année",
            "bike_sales_by_year": (
                "Commandes, vélos et chiffre d'affaires de chaque année, aux prix du jour de la commande si une liste "
                "d'alors est connue, sinon à ceux de la dernière liste."
            ),
        },
        headline=True,
        place=1,
    )
