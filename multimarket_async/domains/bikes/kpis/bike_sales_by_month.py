"""Sales by month, city and category."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT month, state, city, category, count(*) AS lines, {rollups.SUMS}
FROM sold GROUP BY ALL ORDER BY month, state, city, category
"""
CHECK = f"""
SELECT month, state, city, category, count(*) AS lines, {rollups.CHECKED_SUMS}
FROM sold GROUP BY month, state, city, category ORDER BY month, state, city, category
"""


def kpi(settings: BikeSettings) -> Kpi:
    """Sales by month, city and category."""
    return Kpi(
        name="bike_sales_by_month",
        title="Bike sales by month",
        unit=settings.currency,
        definition=("Order lines, pieces and revenue of each month, by category of the bike and by city of the shop."),
        reads=rollups.READS,
        columns=(
            columns.MONTH,
            columns.STATE,
            columns.CITY,
            columns.CATEGORY,
            Column("lines", "integer", "Order lines", "lines"),
            columns.QUANTITY,
            *columns.revenue(settings.currency),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Bike sales by month": "Ventes de vélos par mois",
            "bike_sales_by_month": (
                "Lignes, vélos et chiffre d'affaires de chaque mois, par catégorie du vélo et par ville du magasin."
            ),
        },
        place=10,
    )
