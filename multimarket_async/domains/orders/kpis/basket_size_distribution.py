"""Basket sizes."""

from itertools import pairwise

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

# Smallest number of pieces in each class of baskets, and the names of the classes.
FROM = [1, 2, 3, 4, 5, 6, 11, 21, 51]
NAMES = [*(f"{low}" if high == low + 1 else f"{low}-{high - 1}" for low, high in pairwise(FROM)), f"{FROM[-1]}+"]
LOWEST = f"list_last(list_filter({FROM}, lambda low: low <= list_sum(quantities)))"
QUERY = f"""
SELECT {NAMES}[list_position({FROM}, pieces_from)] AS basket, pieces_from, sum(orders) AS orders,
  percent(sum(orders), sum(sum(orders)) OVER ()) AS orders_share_pct,
  {{revenue}} AS revenue, {{minor}} AS revenue_minor
FROM baskets_valued GROUP BY pieces_from ORDER BY pieces_from
"""
CHECK = f"""
SELECT basket, pieces_from, count(*) AS orders,
  percent(count(*), sum(count(*)) OVER ()) AS orders_share_pct,
  major(reported(sum(revenue_minor * factor))) AS revenue, reported(sum(revenue_minor * factor)) AS revenue_minor
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


def _query(settings: OrderSettings) -> str:
    minor = money.reported(settings, "revenue_minor")
    return money.valued(settings, "baskets") + QUERY.format(minor=minor, revenue=money.major(settings, minor))


def kpi(settings: OrderSettings) -> Kpi:
    """One row a class."""
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
        reads=(rollups.kept(settings, "baskets", f"{LOWEST} AS pieces_from"), *money.rates(settings)),
        columns=shown,
        query=_query(settings),
        check=CHECK,
        french=FRENCH,
        place=8,
    )
