"""Sales of each model by city."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT city, state, model, {rollups.SUMS}
FROM sold GROUP BY ALL ORDER BY city, state, model
"""
CHECK = f"""
SELECT city, state, model, {rollups.CHECKED_SUMS}
FROM sold GROUP BY city, state, model ORDER BY city, state, model
"""


def kpi(settings: BikeSettings) -> Kpi:
    """Sales of each model by city."""
    return Kpi(
        name="bike_sales_by_model_and_city",
        title="Models by city",
        unit=settings.currency,
        definition=("Pieces and revenue of each model by the city of the shop."),
        reads=rollups.READS,
        columns=(columns.CITY, columns.STATE, columns.MODEL, columns.QUANTITY, *columns.revenue(settings.currency)),
        query=QUERY,
        check=CHECK,
        french={
            "Models by city": "Modèles par ville",
            "bike_sales_by_model_and_city": ("Vélos et chiffre d'affaires de chaque modèle par ville du magasin."),
        },
        place=3,
    )
