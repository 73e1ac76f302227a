"""Orders by day and channel."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

DAYS = 92
QUERY = f"""
SELECT day, start_of(day) AS period_start, channel, orders, cancelled_orders, {{revenue}} AS revenue,
  revenue_minor, kept_orders, half_up(revenue_minor, kept_orders) AS average_order_value_minor,
  percent(cancelled_orders, orders) AS cancellation_rate_pct
FROM ({{sums}}) WHERE day IN (SELECT DISTINCT day FROM orders ORDER BY day DESC LIMIT {DAYS}) ORDER BY day, channel
"""
CHECK = f"""
SELECT day, start_of(day) AS period_start, channel, count(*) AS orders,
  count(*) FILTER (cancelled) AS cancelled_orders, major(reported(sum(revenue_minor * factor))) AS revenue,
  reported(sum(revenue_minor * factor)) AS revenue_minor, {columns.RATIOS_IN_SQL}
FROM commandes WHERE day IN (SELECT DISTINCT day FROM commandes ORDER BY day DESC LIMIT {DAYS})
GROUP BY day, channel ORDER BY day, channel
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and channel."""
    shown = (
        *columns.period("day"),
        *columns.BY_CHANNEL,
        *columns.revenue(settings.currency),
        *columns.ratios(settings.currency),
    )
    return Kpi(
        name="orders_by_day_and_channel",
        title="Orders by day and channel",
        unit=settings.currency,
        definition=(
            f"Orders, cancelled orders and revenue without them of each channel and day ({settings.timezone}), "
            f"for the {DAYS} latest days that have orders."
        ),
        reads=(rollups.orders(settings), *money.rates(settings)),
        columns=shown,
        query=QUERY.format(
            sums=rollups.sums(settings, "day", "channel"), revenue=money.major(settings, "revenue_minor")
        ),
        check=CHECK,
        french={
            "Orders by day and channel": "Commandes par jour et par canal",
            "orders_by_day_and_channel": (
                f"Commandes, dont annulées, et chiffre d'affaires sans celles-ci, de chaque canal et jour "
                f"({settings.timezone}) des {DAYS} derniers jours avec des commandes."
            ),
        },
        place=5,
    )
