"""Top products."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

PRODUCTS = 10
# Of all products, only these can be among the first.
QUERY = f"""
SELECT product, sum(quantity)::BIGINT AS quantity, sum(gross_quantity)::BIGINT AS gross_quantity,
  sum(revenue_minor)::BIGINT AS revenue_minor
FROM products GROUP BY product ORDER BY quantity DESC, product LIMIT {10 * PRODUCTS}
"""
CHECK = f"""
SELECT row_number() OVER (ORDER BY quantity DESC, product) AS rank, product, quantity, gross_quantity,
  amount(revenue_minor) AS revenue, revenue_minor
FROM (SELECT product, sum(l.quantity) FILTER (NOT cancelled) AS quantity, sum(l.quantity) AS gross_quantity,
        sum(l.minor) FILTER (NOT cancelled) AS revenue_minor
      FROM lines l JOIN commandes USING (number) GROUP BY product)
WHERE quantity > 0 ORDER BY rank LIMIT {PRODUCTS}
"""
FRENCH = {
    "Top products": "Meilleures ventes",
    "Quantity, cancelled included": "Quantité, annulées comprises",
    "top_products": (
        f"Les {PRODUCTS} produits, par nom, dont le plus d'articles ont été commandés, hors commandes annulées "
        "; à quantité égale, par ordre de nom. Un produit qui ne figure que dans des commandes annulées n'est "
        "pas classé."
    ),
}


def kpi(settings: OrderSettings) -> Kpi:
    """One row a product."""
    shown = (
        *columns.SOLD,
        Column("gross_quantity", "integer", "Quantity, cancelled included", "pieces"),
        *columns.revenue(settings.currency),
    )
    return Kpi(
        name="top_products",
        title="Top products",
        unit="pieces",
        definition=(
            f"The {PRODUCTS} products, by name, of which most pieces were ordered without cancelled orders; equal "
            "quantities rank by name. A product found in cancelled orders only sold nothing and is not ranked."
        ),
        reads=(rollups.products(settings),),
        columns=shown,
        query=QUERY,
        pipeline=(
            *mql.sums({"product": "$product"}, "quantity", "gross_quantity", "revenue_minor"),
            {"$match": {"quantity": {"$gt": 0}}},
            *mql.first("$quantity", "$product", PRODUCTS),
            *mql.table(shown, "rank"),
        ),
        check=CHECK,
        french=FRENCH,
        headline=True,
        place=2,
    )
