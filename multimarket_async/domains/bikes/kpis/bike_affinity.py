"""Kinds of bikes that a shop buys next."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, results
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = """
SELECT shop, kind, rank, round(100 * probability, 2) AS probability, shop_id
FROM bike_affinity_rows ORDER BY shop, shop_id, rank
"""


def kpi(_: BikeSettings) -> Kpi:
    """The kinds by shop, the likeliest first."""
    return Kpi(
        name="bike_affinity",
        title="Kinds of bikes that a shop buys next",
        unit="%",
        definition=(
            "How likely the next order of a shop has most pieces of each kind (random forest over its earlier orders)."
        ),
        reads=(results.FACTS["bike_affinity"],),
        columns=(
            columns.SHOP,
            columns.KIND,
            columns.RANK,
            Column("probability", "percent", "Probability", role="sum"),
            columns.SHOP_ID,
        ),
        query=QUERY,
        check=QUERY,
        french={
            "Kinds of bikes that a shop buys next": "Sortes de vélos qu'un magasin achètera",
            "Probability": "Probabilité",
            "bike_affinity": (
                "La probabilité que la prochaine commande d'un magasin ait le plus de vélos de chaque sorte (forêt"
                " aléatoire sur ses commandes précédentes)."
            ),
        },
        key=("shop_id", "kind"),
        place=18,
    )
