"""Products by month."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders import columns, rollups
from multimarket_async.domains.orders.settings import OrderSettings

MONTHS, PRODUCTS = 13, 20
QUERY = f"""
SELECT period AS month, start_of(period || '-01') AS period_start,
  row_number() OVER (PARTITION BY period ORDER BY quantity DESC, product) AS rank,
  product, quantity, amount(revenue_minor) AS revenue, revenue_minor
FROM products WHERE quantity > 0 AND period IN
  (SELECT DISTINCT period FROM products WHERE quantity > 0 ORDER BY period DESC LIMIT {MONTHS})
QUALIFY rank <= {PRODUCTS} ORDER BY month, rank
"""
CHECK = f"""
WITH sold AS (
  SELECT month, product, sum(l.quantity) AS quantity, sum(l.minor) AS revenue_minor
  FROM lines l JOIN commandes USING (number) WHERE NOT cancelled GROUP BY month, product)
SELECT month, start_of(month || '-01') AS period_start,
  row_number() OVER (PARTITION BY month ORDER BY quantity DESC, product) AS rank,
  product, quantity, amount(revenue_minor) AS revenue, revenue_minor
FROM sold WHERE month IN (SELECT DISTINCT month FROM sold ORDER BY month DESC LIMIT {MONTHS})
QUALIFY rank <= {PRODUCTS} ORDER BY month, rank
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a month and product."""
    shown = (*columns.period("month"), *columns.SOLD, *columns.revenue(settings.currency))
    return Kpi(
        name="products_by_month",
        title="Products by month",
        unit="pieces",
        definition=(
            f"Pieces sold and revenue of the {PRODUCTS} products, by name, of which most pieces were sold in "
            f"each calendar month ({settings.timezone}), without cancelled orders; equal quantities rank by name. "
            f"The {MONTHS} latest months in which something was sold."
        ),
        reads=(rollups.products(settings),),
        columns=shown,
        query=QUERY,
        check=CHECK,
        french={
            "Products by month": "Produits par mois",
            "products_by_month": (
                f"Articles vendus et chiffre d'affaires des {PRODUCTS} produits, par nom, les plus vendus du mois "
                f"({settings.timezone}), hors commandes annulées ; à quantité égale, par ordre de nom. Les {MONTHS} "
                "derniers mois avec des ventes."
            ),
        },
        place=6,
    )
