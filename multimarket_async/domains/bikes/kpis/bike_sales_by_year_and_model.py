"""Sales by year, model and city."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT year, state, city, category, model, {rollups.SUMS}
FROM sold GROUP BY ALL ORDER BY year, state, city, category, model
"""
CHECK = f"""
SELECT year, state, city, category, model, {rollups.CHECKED_SUMS}
FROM sold GROUP BY year, state, city, category, model ORDER BY year, state, city, category, model
"""


def kpi(settings: BikeSettings) -> Kpi:
    """Sales by year, model and city."""
    return Kpi(
        name="bike_sales_by_year_and_model",
        title="Models by year and city",
        unit=settings.currency,
        definition=("Pieces and revenue of each model, by year and by city of the shop."),
        reads=rollups.READS,
        columns=(
            columns.YEAR,
            columns.STATE,
            columns.CITY,
            columns.CATEGORY,
            columns.MODEL,
            columns.QUANTITY,
            *columns.revenue(settings.currency),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Models by year and city": "Modèles par année et ville",
            "bike_sales_by_year_and_model": (
                "Vélos et chiffre d'affaires de chaque modèle, par année et par ville du magasin."
            ),
        },
        place=11,
    )
