"""Average order value by channel."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

CHECK = """
SELECT channel, count(*) FILTER (NOT cancelled) AS orders,
  amount(half_up(sum(revenue_minor), orders)) AS average_order_value, count(*) AS gross_orders,
  amount(half_up(sum(minor), gross_orders)) AS gross_average_order_value,
  sum(revenue_minor) AS revenue_minor, sum(minor) AS gross_revenue_minor
FROM commandes GROUP BY channel ORDER BY channel
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
        _average("average_order_value", "Average order value", settings, of=("revenue_minor", "orders")),
        Column("gross_orders", "integer", columns.ALL_ORDERS.title),
        _average(
            "gross_average_order_value",
            "Gross average order value",
            settings,
            of=("gross_revenue_minor", "gross_orders"),
        ),
        columns.amount("revenue_minor", "Revenue", settings.currency, hidden=True),
        columns.amount("gross_revenue_minor", "Gross revenue", settings.currency, hidden=True),
    )
    return Kpi(
        name="average_order_value_by_channel",
        title="Average order value by channel",
        unit=settings.currency,
        definition=(
            "Revenue of the channel divided by its orders, both without cancelled orders, rounded half-up to 2 "
            "decimals; empty where all were cancelled. The gross figures count every order."
        ),
        reads=(rollups.orders(settings),),
        columns=shown,
        query=rollups.MONTHLY,
        pipeline=(
            *mql.sums({"channel": "$channel"}, "orders", "cancelled_orders", "revenue_minor", "gross_revenue_minor"),
            {"$set": {"gross_orders": "$orders", "orders": {"$subtract": ["$orders", "$cancelled_orders"]}}},
            *mql.table(
                shown,
                "channel",
                average_order_value=mql.hundredths("$revenue_minor", "$orders"),
                gross_average_order_value=mql.hundredths("$gross_revenue_minor", "$gross_orders"),
            ),
        ),
        check=CHECK,
        french=FRENCH,
        headline=True,
        place=4,
    )


def _average(name: str, title: str, settings: OrderSettings, of: tuple[str, str]) -> Column:
    return Column(name, "double", title, settings.currency, nullable=True, of=of)
