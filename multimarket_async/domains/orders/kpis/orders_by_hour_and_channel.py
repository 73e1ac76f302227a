"""Orders by hour and channel, of the newest month."""

from multimarket_async.domains import Column, Kpi, Source
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

# An hour of the clock with its offset from UTC: in autumn two hours have the same name, and in spring one is missing.
HOUR = """strftime({wall}, '%Y-%m-%dT%H:00')
    || printf('%s%02d:%02d', if({minutes} < 0, '-', '+'), abs({minutes}) // 60, abs({minutes}) % 60)"""
QUERY = """
SELECT {hour} AS hour, wall - shift AS period_start, channel, orders, cancelled_orders, {major} AS revenue,
  revenue_minor, kept_orders
FROM (
  SELECT wall, shift, date_diff('minute', wall - shift, wall) AS minutes, channel, sum(orders)::BIGINT AS orders,
    sum(cancelled_orders)::BIGINT AS cancelled_orders, {kept}::BIGINT AS kept_orders, {revenue} AS revenue_minor
  FROM hours_valued WHERE {which} GROUP BY ALL)
ORDER BY period_start, channel
"""
CHECK = """
SELECT {hour} AS hour, date_trunc('hour', local) - (local - ordered_at) AS period_start, channel,
  count(*) AS orders, count(*) FILTER (cancelled) AS cancelled_orders,
  major(reported(sum(revenue_minor * factor))) AS revenue, reported(sum(revenue_minor * factor)) AS revenue_minor,
  count(*) FILTER (NOT cancelled AND factor IS NOT NULL) AS kept_orders
FROM commandes WHERE {which} GROUP BY ALL ORDER BY period_start, channel
"""
IN_SQL = HOUR.format(wall="local", minutes="date_diff('minute', ordered_at, local)")


def columns_of(settings: OrderSettings) -> tuple[Column, ...]:
    """The columns of hours and channels."""
    return (
        Column("hour", "string", "Hour", role="time"),
        Column("period_start", "date", "Start of the hour", hidden=True),
        *columns.BY_CHANNEL,
        *columns.revenue(settings.currency),
        Column("kept_orders", "integer", columns.ORDERS.title, hidden=True),
    )


def reads(settings: OrderSettings) -> tuple[Source, ...]:
    """The rollup of hours, and the rates of its currencies."""
    return rollups.hours(settings), *money.rates(settings)


def query(settings: OrderSettings, which: str) -> str:
    """The rows of the newest or earlier months, as a condition of `columns` says."""
    return money.valued(settings, "hours") + QUERY.format(
        hour=HOUR.format(wall="wall", minutes="minutes"),
        major=money.major(settings, "revenue_minor"),
        kept=money.counted("orders - cancelled_orders"),
        revenue=money.reported(settings, "revenue_minor"),
        which=which.format(period="period", table="hours").format(month="period"),
    )


def check(which: str) -> str:
    """The same in SQL over the received files."""
    return CHECK.format(hour=IN_SQL, which=which.format(period="month", table="commandes").format(month="month"))


def kpi(settings: OrderSettings) -> Kpi:
    """One row an hour and channel."""
    return Kpi(
        name="orders_by_hour_and_channel",
        title="Orders by hour and channel",
        unit=settings.currency,
        definition=(
            "Orders, cancelled orders and revenue without them of each channel and hour "
            f"({settings.timezone}, with its offset from UTC), of the newest month that has orders."
        ),
        reads=reads(settings),
        columns=columns_of(settings),
        query=query(settings, columns.NEWEST),
        check=check(columns.NEWEST),
        french={
            "Orders by hour and channel": "Commandes par heure et par canal",
            "Start of the hour": "Début de l'heure",
            "orders_by_hour_and_channel": (
                "Commandes, dont annulées, et chiffre d'affaires sans celles-ci, de chaque canal et heure "
                f"({settings.timezone}, avec son décalage sur UTC), du dernier mois avec des commandes."
            ),
        },
        place=13,
    )
