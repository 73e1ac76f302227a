"""Share of each channel."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

QUERY = """
SELECT channel, orders - cancelled_orders AS orders,
  percent(orders - cancelled_orders, sum(orders - cancelled_orders) OVER ()) AS orders_share_pct, {revenue} AS revenue,
  revenue_minor, percent(revenue_minor, sum(revenue_minor) OVER ()) AS revenue_share_pct
FROM ({sums}) ORDER BY channel
"""
CHECK = """
SELECT channel, kept AS orders, percent(kept, sum(kept) OVER ()) AS orders_share_pct,
  major(minor) AS revenue, minor AS revenue_minor, percent(minor, sum(minor) OVER ()) AS revenue_share_pct
FROM (SELECT channel, reported(sum(revenue_minor * factor)) AS minor, count(*) FILTER (NOT cancelled) AS kept
  FROM commandes GROUP BY channel) ORDER BY channel
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
        reads=(rollups.orders(settings), *money.rates(settings)),
        columns=shown,
        query=QUERY.format(sums=rollups.sums(settings, "channel"), revenue=money.major(settings, "revenue_minor")),
        check=CHECK,
        french=FRENCH,
        place=7,
    )
