"""Orders by day and channel."""

from multimarket_async.domains import Column, Kpi, Source
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

DAYS = 92
LATEST = f"day IN (SELECT DISTINCT day FROM {{table}} ORDER BY day DESC LIMIT {DAYS})"
QUERY = """
SELECT day, start_of(day) AS period_start, channel, orders, cancelled_orders, {revenue} AS revenue,
  revenue_minor, kept_orders, half_up(revenue_minor, kept_orders) AS average_order_value_minor,
  percent(cancelled_orders, orders) AS cancellation_rate_pct
FROM ({sums}) WHERE {which} ORDER BY day, channel
"""
CHECK = """
SELECT day, start_of(day) AS period_start, channel, count(*) AS orders,
  count(*) FILTER (cancelled) AS cancelled_orders, major(reported(sum(revenue_minor * factor))) AS revenue,
  reported(sum(revenue_minor * factor)) AS revenue_minor, {ratios}
FROM commandes WHERE {which}
GROUP BY day, channel ORDER BY day, channel
"""


def reads(settings: OrderSettings) -> tuple[Source, ...]:
    """The rollup of days, and the rates of its currencies."""
    return rollups.orders(settings), *money.rates(settings)


def columns_of(settings: OrderSettings) -> tuple[Column, ...]:
    """The columns of days and channels."""
    return (
        *columns.period("day"),
        *columns.BY_CHANNEL,
        *columns.revenue(settings.currency),
        *columns.ratios(settings.currency),
    )


def query(settings: OrderSettings, which: str) -> str:
    """The rows of these days."""
    sums, revenue = rollups.sums(settings, "day", "channel"), money.major(settings, "revenue_minor")
    return QUERY.format(sums=sums, revenue=revenue, which=which)


def check(which: str) -> str:
    """The same in SQL over the received files."""
    return CHECK.format(ratios=columns.RATIOS_IN_SQL, which=which)


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and channel."""
    return Kpi(
        name="orders_by_day_and_channel",
        title="Orders by day and channel",
        unit=settings.currency,
        definition=(
            f"Orders, cancelled orders and revenue without them of each channel and day ({settings.timezone}), "
            f"for the {DAYS} latest days that have orders."
        ),
        reads=reads(settings),
        columns=columns_of(settings),
        query=query(settings, LATEST.format(table="orders")),
        check=check(LATEST.format(table="commandes")),
        french={
            "Orders by day and channel": "Commandes par jour et par canal",
            "orders_by_day_and_channel": (
                f"Commandes, dont annulées, et chiffre d'affaires sans celles-ci, de chaque canal et jour "
                f"({settings.timezone}) des {DAYS} derniers jours avec des commandes."
            ),
        },
        place=5,
    )
