"""Scores of the models, each beside that of its baseline."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import results
from multimarket_async.domains.bikes.settings import BikeSettings
from multimarket_async.results import EVIDENCE_COLUMNS, FRENCH

NAMES = {"bike_segments": "segments", "bike_affinity": "next purchase", "bike_forecast": "forecast"} | {
    "bike_price_model": "prices"
}
EVIDENCE = ", ".join(column.name for column in EVIDENCE_COLUMNS)
QUERY = " UNION ALL ".join(f"SELECT DISTINCT '{name}' AS job, {EVIDENCE} FROM {name}_rows" for name in NAMES)


def kpi(_: BikeSettings) -> Kpi:
    """A row a model whose result is stored."""
    return Kpi(
        name="bike_models",
        title="Models beside their baselines",
        unit="models",
        definition=(
            "Of each model its score by the stated metric, and that of a baseline, on data that it was not fitted to;"
            " where it is not better, the baseline is as good. Digests name the data and the code, the seed its draws."
        ),
        reads=tuple(results.FACTS[name] for name in NAMES),
        columns=(Column("job", "string", "Model of the data", labels=tuple(NAMES.items())), *EVIDENCE_COLUMNS),
        query=f"{QUERY} ORDER BY job",
        check=f"{QUERY} ORDER BY job",
        french={
            **FRENCH,
            "Models beside their baselines": "Les modèles et leurs références",
            "Model of the data": "Modèle des données",
            "models": "modèles",
            "next purchase": "prochain achat",
            "forecast": "prévision",
            "prices": "prix",
            "bike_models": (
                "Le score de chaque modèle selon sa mesure, et celui d'une référence, sur des données qu'il n'a"
                " pas vues ; s'il n'est pas meilleur, la référence le vaut. Les empreintes désignent données et code."
            ),
        },
        key=("job",),
        headline=True,
        place=20,
    )
