"""Cancellation rate by channel."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, mql, rollups
from multimarket_async.domains.orders.settings import OrderSettings

QUERY = """
SELECT channel, sum(orders)::BIGINT AS orders, sum(cancelled_orders)::BIGINT AS cancelled_orders
FROM orders GROUP BY channel
"""
CHECK = """
SELECT channel, count(*) AS orders, count(*) FILTER (cancelled) AS cancelled_orders,
  percent(cancelled_orders, orders) AS cancellation_rate_pct
FROM commandes GROUP BY channel ORDER BY channel
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a channel."""
    of = ("cancelled_orders", "orders")
    rate = Column("cancellation_rate_pct", "percent", "Cancellation rate", "%", nullable=True, of=of)
    shown = (*columns.BY_CHANNEL, rate)
    return Kpi(
        name="cancellation_rate_by_channel",
        title="Cancellation rate by channel",
        unit="%",
        definition="Cancelled orders out of all orders of the channel, in percent, rounded half-up to 2 decimals.",
        reads=(rollups.orders(settings),),
        columns=shown,
        query=QUERY,
        pipeline=(
            *mql.sums({"channel": "$channel"}, "orders", "cancelled_orders"),
            *mql.table(shown, "channel", cancellation_rate_pct=mql.share("$cancelled_orders", "$orders")),
        ),
        check=CHECK,
        french={
            "Cancellation rate": "Taux d'annulation",
            "Cancellation rate by channel": "Taux d'annulation par canal",
            "cancellation_rate_by_channel": (
                "Part des commandes annulées dans toutes les commandes du canal, en pour cent, arrondie à 2 décimales."
            ),
        },
        headline=True,
        place=3,
    )
