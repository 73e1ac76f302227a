"""Pieces of each model by sex of the buyer."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = f"""{rollups.SOLD}
SELECT model, sex, sum(quantity)::BIGINT AS quantity FROM sold GROUP BY ALL ORDER BY model, sex
"""
CHECK = """
SELECT model, sex, sum(quantity)::BIGINT AS quantity FROM sold GROUP BY model, sex ORDER BY model, sex
"""


def kpi(_: BikeSettings) -> Kpi:
    """Pieces of each model by sex of the buyer."""
    return Kpi(
        name="bike_sales_by_model_and_sex",
        title="Models by sex of the buyer",
        unit="bikes",
        definition=(
            "Pieces of each model by the sex of the customer, as the file of customers says; unknown where it does not."
        ),
        reads=rollups.READS,
        columns=(columns.MODEL, columns.SEX, columns.QUANTITY),
        query=QUERY,
        check=CHECK,
        french={
            "Models by sex of the buyer": "Modèles par sexe de l'acheteur",
            "bike_sales_by_model_and_sex": (
                "Vélos de chaque modèle par sexe du client, selon le fichier des clients ; inconnu sinon."
            ),
        },
        place=2,
    )
