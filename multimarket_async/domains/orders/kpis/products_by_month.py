"""Products by month."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

MONTHS, PRODUCTS = 13, 20
QUERY = f"""
WITH moved AS (SELECT * FROM ({{net}}) WHERE quantity > 0 OR net_quantity <> 0 OR net_revenue_minor <> 0)
SELECT month, start_of(month || '-01') AS period_start,
  row_number() OVER (PARTITION BY month ORDER BY quantity DESC, product) AS rank,
  product, quantity, {{revenue}} AS revenue, revenue_minor, net_quantity, {{net_revenue}} AS net_revenue,
  net_revenue_minor, measured_quantity
FROM moved WHERE month IN (SELECT DISTINCT month FROM moved ORDER BY month DESC LIMIT {MONTHS})
QUALIFY rank <= {PRODUCTS} ORDER BY month, rank
"""
CHECK = f"""
WITH sums AS (
  SELECT month, form, sum(quantity) AS quantity, sum(quantity) - sum(given_back) AS net_quantity,
    reported(sum(minor * factor)) AS revenue_minor, reported(sum(refunds_minor * factor)) AS refunds_minor,
    sum(micro) * 0.000001::DECIMAL(7, 6) AS measured_quantity
  FROM sold_and_refunded GROUP BY month, form),
moved AS (
  SELECT *, revenue_minor - refunds_minor AS net_revenue_minor FROM sums JOIN product_names USING (form)
  WHERE quantity > 0 OR net_quantity <> 0 OR net_revenue_minor <> 0)
SELECT month, start_of(month || '-01') AS period_start,
  row_number() OVER (PARTITION BY month ORDER BY quantity DESC, product) AS rank,
  product, quantity, major(revenue_minor) AS revenue, revenue_minor, net_quantity,
  major(net_revenue_minor) AS net_revenue, net_revenue_minor, measured_quantity
FROM moved WHERE month IN (SELECT DISTINCT month FROM moved ORDER BY month DESC LIMIT {MONTHS})
QUALIFY rank <= {PRODUCTS} ORDER BY month, rank
"""


def _query(settings: OrderSettings) -> str:
    return QUERY.format(
        net=rollups.net_products(settings, "month"),
        revenue=money.major(settings, "revenue_minor"),
        net_revenue=money.major(settings, "net_revenue_minor"),
    )


def kpi(settings: OrderSettings) -> Kpi:
    """One row a month and product."""
    shown = (*columns.period("month"), *columns.SOLD, *columns.revenue(settings.currency), *columns.net(settings))
    return Kpi(
        name="products_by_month",
        title="Products by month",
        unit="pieces",
        definition=(
            f"Pieces sold and revenue of the {PRODUCTS} products, by name, of which most pieces were sold in "
            f"each calendar month ({settings.timezone}), without cancelled orders; equal quantities rank by name. "
            f"The {MONTHS} latest months in which something was sold or refunded; "
            "net figures are without what was refunded in that month."
        ),
        reads=(*rollups.refunded(settings, rollups.products(settings)), *money.rates(settings)),
        columns=shown,
        query=_query(settings),
        check=CHECK,
        french={
            "Products by month": "Produits par mois",
            "products_by_month": (
                f"Articles vendus et chiffre d'affaires des {PRODUCTS} produits, par nom, les plus vendus du mois "
                f"({settings.timezone}), hors commandes annulées ; à quantité égale, par ordre de nom. Les {MONTHS} "
                "derniers mois avec des ventes ou remboursements ; les valeurs nettes sont diminuées des "
                "remboursements du mois."
            ),
        },
        place=6,
    )
