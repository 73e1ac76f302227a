"""Clients who may leave, by action."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT action, count(*) AS clients, sum(value_minor)::BIGINT AS value_minor
FROM churn_risk_rows GROUP BY action ORDER BY action
"""


def kpi(settings: OmniSettings) -> Kpi:
    """Clients who may leave, by action."""
    return Kpi(
        name="churn_by_action",
        title="Clients who may leave",
        unit="clients",
        definition=(
            "Clients by the advised action, and what they spent in their last month, weighed by the probability"
            " that they buy nothing in the next."
        ),
        reads=(FACTS["churn_risk"],),
        columns=(
            Column(
                "action",
                "string",
                "Action",
                labels=(("none", "none"), ("coupon", "coupon"), ("personal offer", "personal offer")),
            ),
            columns.CLIENTS,
            columns.money("value_minor", "Revenue at risk", settings.currency),
        ),
        query=QUERY,
        check=QUERY,
        french={
            "Clients who may leave": "Clients qui risquent de partir",
            "Action": "Action",
            "none": "aucune",
            "coupon": "bon d'achat",
            "personal offer": "offre personnelle",
            "Revenue at risk": "Chiffre d'affaires menacé",
            "churn_by_action": (
                "Clients par action conseillée, et leurs dépenses du dernier mois, pondérées par la probabilité"
                " qu'ils n'achètent rien dans le suivant."
            ),
        },
        place=11,
    )
