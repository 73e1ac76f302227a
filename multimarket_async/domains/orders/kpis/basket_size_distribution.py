"""Basket sizes."""

from itertools import pairwise

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

# Smallest number of pieces in each class of baskets, and the names of the classes.
FROM = [1, 2, 3, 4, 5, 6, 11, 21, 51]
NAMES = [*(f"{low}" if high == low + 1 else f"{low}-{high - 1}" for low, high in pairwise(FROM)), f"{FROM[-1]}+"]
CHECK = f"""
SELECT basket, pieces_from, count(*) AS orders,
  percent(count(*), sum(count(*)) OVER ()) AS orders_share_pct,
  amount(sum(revenue_minor)) AS revenue, sum(revenue_minor) AS revenue_minor
FROM commandes ASOF JOIN (SELECT unnest({NAMES}) AS basket, unnest({FROM}) AS pieces_from)
  ON pieces >= pieces_from
WHERE NOT cancelled GROUP BY basket, pieces_from ORDER BY pieces_from
"""
FRENCH = {
    "Basket sizes": "Taille des paniers",
    "Fewest pieces": "Articles, au moins",
    "Pieces in the basket": "Articles dans le panier",
    "basket_size_distribution": (
        "Commandes selon le nombre d'articles, toutes lignes confondues, hors commandes annulées ; leur part "
        "dans le total."
    ),
}


def kpi(settings: OrderSettings) -> Kpi:
    """One row a class."""
    pieces_from = {"$max": {"$filter": {"input": FROM, "cond": {"$lte": ["$$this", "$pieces"]}}}}
    shown = (
        Column("basket", "string", "Pieces in the basket"),
        Column("pieces_from", "integer", "Fewest pieces", "pieces", role="other"),
        columns.ORDERS,
        Column("orders_share_pct", "percent", "Share of orders", "%"),
        *columns.revenue(settings.currency),
    )
    return Kpi(
        name="basket_size_distribution",
        title="Basket sizes",
        unit="orders",
        definition=(
            "Orders by how many pieces they hold, all lines together, without cancelled orders; their share of all."
        ),
        rollup=rollups.kept(settings, "baskets", {"pieces_from": pieces_from}),
        columns=shown,
        pipeline=[
            *mql.sums({"pieces_from": "$pieces_from"}, "orders", "revenue_minor"),
            mql.with_totals("orders"),
            *mql.table(
                shown,
                "pieces_from",
                basket={"$arrayElemAt": [NAMES, {"$indexOfArray": [FROM, "$pieces_from"]}]},
                orders_share_pct=mql.share("$orders", "$all_orders"),
            ),
        ],
        check=CHECK,
        french=FRENCH,
        place=8,
    )
