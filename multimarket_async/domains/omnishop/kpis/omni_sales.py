"""Sales by day, channel and category."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.facts import PRODUCTS, SOLD
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT sold.period AS day, channel, coalesce(category, 'unknown') AS category,
  sum(CASE WHEN kind = 'sale' THEN lines ELSE 0 END)::BIGINT AS lines,
  sum(CASE WHEN kind = 'sale' THEN quantity ELSE 0 END)::BIGINT AS quantity,
  sum(CASE WHEN kind = 'sale' THEN amount_minor ELSE 0 END)::BIGINT AS revenue_minor,
  sum(CASE WHEN kind = 'refund' THEN amount_minor ELSE 0 END)::BIGINT AS refunded_minor
FROM sold LEFT JOIN products USING (product) GROUP BY ALL ORDER BY day, channel, category
"""
CHECK = """
SELECT day, channel, coalesce((SELECT category FROM good_products p WHERE p.product = l.product), 'unknown')
    AS category,
  count(*) FILTER (kind = 'sale') AS lines, coalesce(sum(quantity) FILTER (kind = 'sale'), 0)::BIGINT AS quantity,
  coalesce(sum(quantity * price_minor) FILTER (kind = 'sale'), 0)::BIGINT AS revenue_minor,
  coalesce(sum(quantity * price_minor) FILTER (kind = 'refund'), 0)::BIGINT AS refunded_minor
FROM order_lines l GROUP BY day, channel, category ORDER BY day, channel, category
"""


def kpi(settings: OmniSettings) -> Kpi:
    """Sales by day, channel and category."""
    return Kpi(
        name="omni_sales",
        title="Sales by day, channel and category",
        unit=settings.currency,
        definition="Lines, units and revenue of sales, and what was given back, by day, channel and category.",
        reads=(SOLD, PRODUCTS),
        columns=(
            columns.DAY,
            columns.CHANNEL,
            columns.CATEGORY,
            Column("lines", "integer", "Lines", "lines"),
            Column("quantity", "integer", "Units sold", "units"),
            columns.money("revenue_minor", "Revenue", settings.currency),
            columns.money("refunded_minor", "Given back", settings.currency),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Sales by day, channel and category": "Ventes par jour, canal et catégorie",
            "Lines": "Lignes",
            "lines": "lignes",
            "Given back": "Rendu",
            "omni_sales": (
                "Lignes, pièces et chiffre d'affaires des ventes, et les retours, par jour, canal et catégorie."
            ),
        },
        place=1,
    )
