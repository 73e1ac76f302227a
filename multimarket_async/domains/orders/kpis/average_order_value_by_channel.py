"""Average order value by channel."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

SUMS = ("orders", "cancelled_orders", "kept_orders", "valued_orders", "revenue_minor", "gross_revenue_minor")
CHECK = """
SELECT channel, orders, major(half_up(revenue_minor, kept_orders)) AS average_order_value, gross_orders,
  major(half_up(gross_revenue_minor, valued_orders)) AS gross_average_order_value, revenue_minor, gross_revenue_minor,
  kept_orders, valued_orders
FROM (SELECT channel, count(*) FILTER (NOT cancelled) AS orders, count(*) AS gross_orders,
    reported(sum(revenue_minor * factor)) AS revenue_minor, reported(sum(minor * factor)) AS gross_revenue_minor,
    count(*) FILTER (NOT cancelled AND factor IS NOT NULL) AS kept_orders,
    count(*) FILTER (factor IS NOT NULL) AS valued_orders
  FROM commandes GROUP BY channel)
ORDER BY channel
"""
FRENCH = {
    "Average order value by channel": "Panier moyen par canal",
    "Gross average order value": "Panier moyen brut",
    "average_order_value_by_channel": (
        "Chiffre d'affaires du canal divisé par ses commandes, hors commandes annulées, arrondi à 2 décimales "
        "; vide si toutes ont été annulées. Les montants bruts comptent toutes les commandes."
    ),
}


def kpi(settings: OrderSettings) -> Kpi:
    """One row a channel."""
    shown = (
        columns.CHANNEL,
        columns.ORDERS,
        _average("average_order_value", "Average order value", settings, of=("revenue_minor", "kept_orders")),
        Column("gross_orders", "integer", columns.ALL_ORDERS.title),
        _average(
            "gross_average_order_value",
            "Gross average order value",
            settings,
            of=("gross_revenue_minor", "valued_orders"),
        ),
        columns.amount("revenue_minor", "Revenue", settings.currency, hidden=True),
        columns.amount("gross_revenue_minor", "Gross revenue", settings.currency, hidden=True),
        Column("kept_orders", "integer", columns.ORDERS.title, hidden=True),
        Column("valued_orders", "integer", columns.ALL_ORDERS.title, hidden=True),
    )
    return Kpi(
        name="average_order_value_by_channel",
        title="Average order value by channel",
        unit=settings.currency,
        definition=(
            "Revenue of the channel divided by its orders, both without cancelled orders, rounded half-up to 2 "
            "decimals; empty where all were cancelled. The gross figures count every order."
        ),
        reads=(rollups.orders(settings), *money.rates(settings)),
        columns=shown,
        query=rollups.sums(settings, "channel"),
        pipeline=(
            *mql.sums({"channel": "$channel"}, *SUMS),
            {"$set": {"gross_orders": "$orders", "orders": {"$subtract": ["$orders", "$cancelled_orders"]}}},
            *mql.table(
                shown,
                "channel",
                average_order_value=mql.average("$revenue_minor", "$kept_orders", settings.currency),
                gross_average_order_value=mql.average("$gross_revenue_minor", "$valued_orders", settings.currency),
            ),
        ),
        check=CHECK,
        french=FRENCH,
        headline=True,
        place=4,
    )


def _average(name: str, title: str, settings: OrderSettings, of: tuple[str, str]) -> Column:
    return Column(name, "double", title, settings.currency, nullable=True, of=of)
