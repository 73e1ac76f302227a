"""Forecast of each model."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, results
from multimarket_async.domains.bikes.settings import BikeSettings

FORECAST = ", ".join(f"round({name}, 2) AS {name}" for name in ("expected", "low", "median", "high"))
QUERY = f"SELECT model, month, {FORECAST} FROM bike_forecast_rows ORDER BY model, month"


def kpi(_: BikeSettings) -> Kpi:
    """The months to come by model."""
    return Kpi(
        name="bike_forecast",
        title="Forecast of bikes by model",
        unit="bikes",
        definition=(
            "Bikes that will be sold of each model, and of all, in each of the next six months: the mean, and the"
            " quantiles 0.1, 0.5 and 0.9 (gradient boosting over all models)."
        ),
        reads=(results.FACTS["bike_forecast"],),
        columns=(
            columns.FORECAST_MODEL,
            columns.MONTH,
            columns.EXPECTED,
            columns.LOW,
            Column("median", "double", "In one of two cases less", "bikes"),
            columns.HIGH,
        ),
        query=QUERY,
        check=QUERY,
        french={
            "Forecast of bikes by model": "Prévision de vélos par modèle",
            "In one of two cases less": "Moins une fois sur deux",
            "bike_forecast": (
                "Vélos qui seront vendus de chaque modèle, et de tous, dans chacun des six mois à venir : la moyenne et"
                " les quantiles 0,1, 0,5 et 0,9 (gradient boosting sur tous les modèles)."
            ),
        },
        place=17,
    )
