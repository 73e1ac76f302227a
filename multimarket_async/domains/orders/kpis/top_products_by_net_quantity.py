"""Top products by what is left of them behind refunds."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

PRODUCTS = 100
QUERY = f"""
SELECT row_number() OVER (ORDER BY net_quantity DESC, product) AS rank, product, net_quantity, quantity,
  {{major}} AS net_revenue, net_revenue_minor
FROM ({{net}}) WHERE net_quantity > 0 ORDER BY rank LIMIT {PRODUCTS}
"""
CHECK = f"""
SELECT row_number() OVER (ORDER BY net_quantity DESC, product) AS rank, product, net_quantity, quantity,
  major(net_revenue_minor) AS net_revenue, net_revenue_minor
FROM (SELECT form, sum(quantity) AS quantity, sum(quantity) - sum(given_back) AS net_quantity,
    reported(sum(minor * factor)) - reported(sum(refunds_minor * factor)) AS net_revenue_minor
  FROM sold_and_refunded GROUP BY form)
  JOIN product_names USING (form)
WHERE net_quantity > 0 ORDER BY rank LIMIT {PRODUCTS}
"""
TITLE = "Top products by net quantity"


def kpi(settings: OrderSettings) -> Kpi:
    """One row a product."""
    query = QUERY.format(net=rollups.net_products(settings), major=money.major(settings, "net_revenue_minor"))
    return Kpi(
        name="top_products_by_net_quantity",
        title=TITLE,
        unit="pieces",
        definition=(
            f"The {PRODUCTS} products, by name whatever its case and blanks, of which most pieces are left without "
            "cancelled orders and without what was refunded; equal quantities rank by name."
        ),
        reads=(*rollups.refunded(settings, rollups.products(settings)), *money.rates(settings)),
        columns=(
            columns.RANK,
            Column("product", "string", "Product"),
            Column("net_quantity", "integer", "Net quantity", "pieces"),
            Column("quantity", "integer", "Quantity", "pieces"),
            *columns.revenue(settings.currency, "net_revenue", "Net revenue"),
        ),
        query=query,
        check=CHECK,
        french={
            TITLE: "Meilleures ventes en quantité nette",
            "top_products_by_net_quantity": (
                f"Les {PRODUCTS} produits, par nom quels que soient casse et espaces, dont il reste le plus d'articles "
                "hors commandes annulées et remboursements ; à quantité égale, par ordre de nom."
            ),
        },
        place=3,
    )
