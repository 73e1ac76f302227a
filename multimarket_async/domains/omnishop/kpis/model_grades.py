"""Grades of the models beside their baselines."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings

MEASURES = {
    "error of the uplift": "erreur de la hausse", "true effects in the 90 % interval": "vrais effets dans l'intervalle",
    "AUC of having left": "AUC du départ réel", "Brier score": "score de Brier", "value reached": "valeur atteinte",
    "cost of stock": "coût du stock", "units lost": "pièces manquées", "units left": "pièces restantes",
    "pinball loss": "perte pinball", "precision at 1 % alerts": "précision à 1 % d'alertes",
    "recall at 1 % alerts": "rappel à 1 % d'alertes", "recall of {}": "rappel : {}", "coverage": "couverture",
    "{} (category)": "{} (catégorie)", "{} (naive)": "{} (naïve)", "most popular": "plus vendus",
    "most popular of category": "plus vendus de la catégorie", "amount threshold": "seuil de montant",
    "last 4 weeks' mean": "moyenne de 4 semaines", "seasonal naive": "naïve saisonnière",
    "before and after": "avant et après", "as stated, less the chance": "annoncé, moins le hasard",
    "days since the last purchase": "jours depuis le dernier achat", "the share of all": "la part de tous",
}  # fmt: skip
QUERY = """
SELECT *, round(100 * advantage / nullif(baseline, 0), 2) AS gain
FROM (
  SELECT job, measure AS metric, data_digest[:8] || '-' || seed AS run, round(value, 4) AS value, against,
    round(baseline_value, 4) AS baseline, wins AS better,
    round(CASE WHEN wins THEN 1 ELSE -1 END * abs(round(value, 4) - round(baseline_value, 4)), 4) + 0.0 AS advantage
  FROM omni_grades_rows)
ORDER BY job, metric
"""


def kpi(_: OmniSettings) -> Kpi:
    """Grades of the models beside their baselines."""
    return Kpi(
        name="model_grades",
        title="Grades of the models",
        unit="models",
        definition=(
            "Of each model its measures in the newest run, on data that it had not seen, beside those of a baseline."
        ),
        reads=(FACTS["omni_grades"],),
        columns=(
            Column("job", "string", "Model of the data"),
            Column("metric", "string", "Measure", sentences=True),
            Column("run", "string", "Run", role="other"),
            Column("value", "double", "Value", role="other"),
            Column("against", "string", "Baseline", role="other", sentences=True),
            Column("baseline", "double", "Value of the baseline", role="sum"),
            Column("better", "boolean", "Better than the baseline", role="other"),
            Column("advantage", "double", "Advantage over the baseline", role="sum", hidden=True),
            Column("gain", "percent", "Gain over the baseline", nullable=True, of=("advantage", "baseline")),
        ),
        query=QUERY,
        check=QUERY,
        french={
            **MEASURES,
            "Grades of the models": "Notes des modèles",
            "Model of the data": "Modèle des données",
            "models": "modèles",
            "Measure": "Mesure",
            "Run": "Exécution",
            "Value": "Valeur",
            "Baseline": "Référence",
            "Value of the baseline": "Valeur de la référence",
            "Better than the baseline": "Meilleur que la référence",
            "Advantage over the baseline": "Avance sur la référence",
            "Gain over the baseline": "Gain sur la référence",
            "model_grades": (
                "Les mesures de chaque modèle à sa dernière exécution, sur des données qu'il n'a pas vues, et celles"
                " d'une référence."
            ),
        },
        headline=True,
        key=("job", "metric"),
        place=6,
    )
