"""Stock by day and place."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.facts import STOCK
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT day, place, sum(received)::BIGINT AS received, sum(sold)::BIGINT AS sold, sum(stock)::BIGINT AS stock,
  count(*) AS shelves, count(*) FILTER (stock = 0) AS empty,
  percent(count(*) FILTER (stock = 0), count(*)) AS empty_share
FROM shelves GROUP BY ALL ORDER BY day, place
"""
CHECK = """
SELECT day, place, sum(received)::BIGINT AS received, sum(sold)::BIGINT AS sold, sum(stock)::BIGINT AS stock,
  count(*) AS shelves, sum((stock = 0)::INT)::BIGINT AS empty, percent(sum((stock = 0)::INT), count(*)) AS empty_share
FROM good_stock GROUP BY day, place ORDER BY day, place
"""


def kpi(_: OmniSettings) -> Kpi:
    """Stock by day and place."""
    return Kpi(
        name="omni_stock_levels",
        title="Stock by day and place",
        unit="units",
        definition=(
            "Units on the shelves in the evening, received and sold on the day, and how many shelves were empty."
        ),
        reads=(STOCK,),
        columns=(
            columns.DAY,
            columns.PLACE,
            Column("received", "integer", "Units received", "units"),
            Column("sold", "integer", "Units sold", "units"),
            Column("stock", "integer", "Units in stock", "units", role="other"),
            Column("shelves", "integer", "Shelves"),
            Column("empty", "integer", "Empty shelves", "shelves"),
            Column("empty_share", "percent", "Share of empty shelves", "%", nullable=True, of=("empty", "shelves")),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Stock by day and place": "Stock par jour et lieu",
            "Units received": "Pièces reçues",
            "Units in stock": "Pièces en stock",
            "Shelves": "Rayons",
            "shelves": "rayons",
            "Empty shelves": "Rayons vides",
            "Share of empty shelves": "Part de rayons vides",
            "omni_stock_levels": (
                "Pièces en rayon le soir, reçues et vendues dans la journée, et nombre de rayons vides."
            ),
        },
        place=3,
    )
