"""Share of each channel."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, rollups
from multimarket_async.domains.orders.settings import OrderSettings

QUERY = """
WITH kept AS (
  SELECT channel, sum(orders - cancelled_orders) AS number, sum(revenue_minor) AS minor FROM orders GROUP BY channel)
SELECT channel, number AS orders, percent(number, sum(number) OVER ()) AS orders_share_pct,
  amount(minor) AS revenue, minor AS revenue_minor, percent(minor, sum(minor) OVER ()) AS revenue_share_pct
FROM kept ORDER BY channel
"""
CHECK = """
SELECT channel, count(*) FILTER (NOT cancelled) AS orders,
  percent(orders, sum(count(*) FILTER (NOT cancelled)) OVER ()) AS orders_share_pct,
  amount(sum(revenue_minor)) AS revenue, sum(revenue_minor) AS revenue_minor,
  percent(sum(revenue_minor), sum(sum(revenue_minor)) OVER ()) AS revenue_share_pct
FROM commandes GROUP BY channel ORDER BY channel
"""
FRENCH = {
    "Share of each channel": "Part de chaque canal",
    "Share of revenue": "Part du chiffre d'affaires",
    "share_by_channel": (
        "Commandes et chiffre d'affaires de chaque canal, en pour cent de tous les canaux, hors commandes "
        "annulées ; vide s'il n'y en a pas."
    ),
}


def kpi(settings: OrderSettings) -> Kpi:
    """One row a channel."""
    shown = (
        columns.CHANNEL,
        columns.ORDERS,
        Column("orders_share_pct", "percent", "Share of orders", "%", nullable=True),
        *columns.revenue(settings.currency),
        Column("revenue_share_pct", "percent", "Share of revenue", "%", nullable=True),
    )
    return Kpi(
        name="share_by_channel",
        title="Share of each channel",
        unit="%",
        definition=(
            "Orders and revenue of each channel out of those of all channels, in percent, without cancelled orders; "
            "empty where there are none."
        ),
        reads=(rollups.orders(settings),),
        columns=shown,
        query=QUERY,
        check=CHECK,
        french=FRENCH,
        place=7,
    )
