"""Prices by the attributes of models."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, results
from multimarket_async.domains.bikes.settings import BikeSettings

AMOUNTS = ", ".join(f"round({name}, 2) AS {name}" for name in ("price", "expected", "low", "high"))
QUERY = f"SELECT model, bike, {AMOUNTS}, inside FROM bike_price_model_rows ORDER BY model, bike"


def kpi(settings: BikeSettings) -> Kpi:
    """The models with the price that their attributes make likely."""
    titles = {"price": "Price", "expected": "Price by its attributes", "low": "From", "high": "To"}
    return Kpi(
        name="bike_price_model",
        title="Prices by the attributes of models",
        unit=settings.currency,
        definition=(
            "The price of each model beside the one that its category, kind, frame and name make likely, from all other"
            " models (ridge regression), and the interval in which 9 of 10 new models are."
        ),
        reads=(results.FACTS["bike_price_model"],),
        columns=(
            columns.MODEL,
            Column("bike", "integer", "Number of the bike", role="key", hidden=True),
            *(Column(name, "double", title, settings.currency) for name, title in titles.items()),
            Column("inside", "boolean", "Price within the interval", role="other"),
        ),
        query=QUERY,
        check=QUERY,
        french={
            "Prices by the attributes of models": "Prix selon les attributs des modèles",
            "Number of the bike": "Numéro du vélo",
            "Price": "Prix",
            "Price by its attributes": "Prix selon ses attributs",
            "From": "De",
            "To": "À",
            "Price within the interval": "Prix dans l'intervalle",
            "bike_price_model": (
                "Le prix de chaque modèle, à côté de celui que sa catégorie, sa sorte, son cadre et son nom rendent"
                " probable d'après tous les autres (régression ridge), et l'intervalle de 9 nouveaux modèles sur 10."
            ),
        },
        key=("bike",),
        place=19,
    )
