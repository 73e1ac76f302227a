"""Bikes sold in the last months, and expected in the next ones."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, results, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

MONTHS = 24
SALES = "SELECT strftime({day}, '%Y-%m') AS month, sum(quantity)::DOUBLE AS bikes FROM {lines} GROUP BY ALL"
OUTLOOK = f"""
WITH sales AS ({{sales}})
SELECT month, 'sold' AS part, bikes, NULL::DOUBLE AS low, NULL::DOUBLE AS high
FROM (SELECT * FROM sales ORDER BY month DESC LIMIT {MONTHS})
UNION ALL SELECT month, 'forecast', round(expected, 2), round(low, 2), round(high, 2)
FROM bike_forecast_rows WHERE model = '{columns.ALL}' ORDER BY month, part DESC
"""


def kpi(_: BikeSettings) -> Kpi:
    """The last months, then the next ones."""
    return Kpi(
        name="bike_outlook",
        title="Bikes sold and expected",
        unit="bikes",
        definition=(
            f"Bikes sold in each of the last {MONTHS} months, and those expected in the next six, of all models: in one"
            " of ten cases fewer than the lower number, in one of ten more than the higher one."
        ),
        reads=(rollups.LINES, results.FACTS["bike_forecast"]),
        columns=(
            columns.MONTH,
            Column("part", "string", "Sold or expected", labels=(("sold", "sold"), ("forecast", "expected"))),
            Column("bikes", "double", "Bikes", role="sum"),
            columns.LOW,
            columns.HIGH,
        ),
        query=OUTLOOK.format(sales=SALES.format(day="local", lines="order_lines")),
        check=OUTLOOK.format(sales=SALES.format(day="day", lines="lines")),
        french={
            "Bikes sold and expected": "Vélos vendus et attendus",
            "Sold or expected": "Vendus ou attendus",
            "sold": "vendus",
            "expected": "attendus",
            "Bikes": "Vélos",
            "bike_outlook": (
                f"Vélos vendus dans chacun des {MONTHS} derniers mois, et attendus dans les six prochains, tous modèles"
                " ensemble : une fois sur dix moins que le nombre inférieur, une fois sur dix plus que le supérieur."
            ),
        },
        place=16,
    )
