"""Demand of the week to come."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.facts import PRODUCTS
from multimarket_async.domains.omnishop.results import FACTS
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT day, coalesce(category, 'unknown') AS category, place,
  amount(sum(round(100 * expected)::BIGINT)) AS expected, count(*) AS shelves
FROM demand_forecast_rows LEFT JOIN products USING (product) GROUP BY ALL ORDER BY day, category, place
"""
CHECK = """
SELECT day, coalesce((SELECT category FROM good_products p WHERE p.product = f.product), 'unknown') AS category, place,
  amount(sum(round(100 * expected)::BIGINT)) AS expected, count(*) AS shelves
FROM demand_forecast_rows f GROUP BY day, category, place ORDER BY day, category, place
"""


def kpi(_: OmniSettings) -> Kpi:
    """Demand of the week to come."""
    return Kpi(
        name="demand_by_day",
        title="Demand of the week to come",
        unit="units",
        definition="Units that will probably be asked for on each day of the week to come, by category and place.",
        reads=(FACTS["demand_forecast"], PRODUCTS),
        columns=(
            columns.DAY,
            columns.CATEGORY,
            columns.PLACE,
            Column("expected", "double", "Expected", "units", role="sum"),
            Column("shelves", "integer", "Shelves"),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Demand of the week to come": "Demande de la semaine à venir",
            "Expected": "Attendues",
            "Shelves": "Rayons",
            "demand_by_day": "Pièces probablement demandées chaque jour de la semaine à venir, par catégorie et lieu.",
        },
        place=8,
    )
