"""The segment of each shop."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, results
from multimarket_async.domains.bikes.settings import BikeSettings

QUERY = """
SELECT segment, shop, shop_id, bikes, category, round(100 * share, 2) AS share
FROM bike_segments_rows ORDER BY segment, bikes DESC, shop_id
"""


def kpi(_: BikeSettings) -> Kpi:
    """The shops by segment."""
    return Kpi(
        name="bike_shop_segments",
        title="Shops by segment",
        unit="bikes",
        definition="The segment of each shop, the bikes that it bought, and the share of the category it buys most of.",
        reads=(results.FACTS["bike_segments"],),
        columns=(
            columns.SEGMENT,
            columns.SHOP,
            columns.SHOP_ID,
            Column("bikes", "integer", "Bikes sold", "bikes"),
            columns.CATEGORY,
            Column("share", "percent", "Share of the category"),
        ),
        query=QUERY,
        check=QUERY,
        french={
            "Shops by segment": "Magasins par segment",
            "Share of the category": "Part de la catégorie",
            "bike_shop_segments": (
                "Le segment de chaque magasin, les vélos qu'il a achetés, et la part de sa première catégorie."
            ),
        },
        key=("shop_id",),
        place=15,
    )
