"""Recommended products."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT product, count(*) AS clients, count(*) FILTER (reason = 'bought before') AS repeated
FROM recommendations_rows WHERE client <> '(anybody)' GROUP BY product ORDER BY product
"""


def kpi(_: OmniSettings) -> Kpi:
    """Recommended products."""
    return Kpi(
        name="recommended_products",
        title="Recommended products",
        unit="clients",
        definition=(
            "To how many clients each product is recommended, and to how many of them because they bought it before."
        ),
        reads=(FACTS["recommendations"],),
        columns=(columns.PRODUCT, columns.CLIENTS, Column("repeated", "integer", "Bought before", "clients")),
        query=QUERY,
        check=QUERY,
        french={
            "Recommended products": "Produits recommandés",
            "Bought before": "Déjà acheté",
            "recommended_products": (
                "À combien de clients chaque produit est recommandé, et à combien parce qu'ils l'ont déjà acheté."
            ),
        },
        place=10,
    )
