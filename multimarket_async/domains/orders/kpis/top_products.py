"""Top products."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

PRODUCTS = 10
SUMS = ("quantity", "gross_quantity", "revenue_minor", "net_quantity", "net_revenue_minor", "measured_quantity")
# Of all products, only these can be among the first.
QUERY = f"""
SELECT product, quantity, gross_quantity, revenue_minor, net_quantity, net_revenue_minor, measured_quantity
FROM ({{net}}) WHERE quantity > 0 ORDER BY quantity DESC, product LIMIT {10 * PRODUCTS}
"""
CHECK = f"""
SELECT row_number() OVER (ORDER BY quantity DESC, product) AS rank, product, quantity, gross_quantity,
  major(revenue_minor) AS revenue, revenue_minor, quantity - given_back AS net_quantity,
  major(revenue_minor - refunds_minor) AS net_revenue, revenue_minor - refunds_minor AS net_revenue_minor,
  micro * 0.000001::DECIMAL(7, 6) AS measured_quantity
FROM (SELECT form, sum(gross_quantity) AS gross_quantity, sum(quantity) AS quantity, sum(given_back) AS given_back,
    reported(sum(minor * factor)) AS revenue_minor, reported(sum(refunds_minor * factor)) AS refunds_minor,
    sum(micro) AS micro FROM sold_and_refunded GROUP BY form)
  JOIN product_names USING (form)
WHERE quantity > 0 ORDER BY rank LIMIT {PRODUCTS}
"""
FRENCH = {
    "Top products": "Meilleures ventes",
    "Quantity, cancelled included": "Quantité, annulées comprises",
    "top_products": (
        f"Les {PRODUCTS} produits, par nom, dont le plus d'articles ont été commandés, hors commandes annulées "
        "; à quantité égale, par ordre de nom. Un produit qui ne figure que dans des commandes annulées n'est "
        "pas classé. Les valeurs nettes sont diminuées des remboursements."
    ),
}


def kpi(settings: OrderSettings) -> Kpi:
    """One row a product."""
    shown = (
        *columns.SOLD,
        Column("gross_quantity", "integer", "Quantity, cancelled included", "pieces"),
        *columns.revenue(settings.currency),
        *columns.net(settings),
    )
    return Kpi(
        name="top_products",
        title="Top products",
        unit="pieces",
        definition=(
            f"The {PRODUCTS} products, by name whatever its case and blanks, of which most pieces were ordered "
            "without cancelled orders; equal quantities rank by name. A product found in cancelled "
            "orders only sold nothing and is not ranked. "
            "Net figures are without what was refunded."
        ),
        reads=(*rollups.refunded(settings, rollups.products(settings)), *money.rates(settings)),
        columns=shown,
        query=QUERY.format(net=rollups.net_products(settings)),
        pipeline=(
            *mql.sums({"product": "$product"}, *SUMS),
            {"$match": {"quantity": {"$gt": 0}}},
            *mql.first("$quantity", "$product", PRODUCTS),
            *mql.table(shown, "rank"),
        ),
        check=CHECK,
        french=FRENCH,
        headline=True,
        place=2,
    )
