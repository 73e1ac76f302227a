"""Orders by weekday and hour."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, rollups
from multimarket_async.domains.orders.settings import OrderSettings

QUERY = """
SELECT isodow(wall) AS weekday, hour(wall) AS hour, sum(orders - cancelled_orders)::BIGINT AS orders,
  {revenue} AS revenue, {minor} AS revenue_minor
FROM hours_valued WHERE orders > cancelled_orders GROUP BY ALL ORDER BY weekday, hour
"""
CHECK = """
SELECT isodow(local) AS weekday, hour(local) AS hour, count(*) AS orders,
  major(reported(sum(revenue_minor * factor))) AS revenue, reported(sum(revenue_minor * factor)) AS revenue_minor
FROM commandes WHERE NOT cancelled GROUP BY ALL ORDER BY weekday, hour
"""
WEEKDAYS = {
    "Monday": "lundi", "Tuesday": "mardi", "Wednesday": "mercredi", "Thursday": "jeudi", "Friday": "vendredi",
    "Saturday": "samedi", "Sunday": "dimanche",
}  # fmt: skip


def _query(settings: OrderSettings) -> str:
    minor = money.reported(settings, "revenue_minor")
    return money.valued(settings, "hours") + QUERY.format(minor=minor, revenue=money.major(settings, minor))


def kpi(settings: OrderSettings) -> Kpi:
    """One row a weekday and hour."""
    shown = (
        Column("weekday", "integer", "Weekday", role="key", labels=tuple(enumerate(WEEKDAYS, start=1))),
        Column("hour", "integer", "Hour", role="key"),
        columns.ORDERS,
        *columns.revenue(settings.currency),
    )
    return Kpi(
        name="orders_by_weekday_and_hour",
        title="Orders by weekday and hour",
        unit="orders",
        definition=(
            f"Orders and revenue by day of the week (1 is Monday) and hour of the day ({settings.timezone}), "
            "without cancelled orders, over all time."
        ),
        reads=(rollups.hours(settings), *money.rates(settings)),
        columns=shown,
        query=_query(settings),
        check=CHECK,
        french={
            "Orders by weekday and hour": "Commandes par jour de la semaine et par heure",
            "Weekday": "Jour de la semaine",
            **WEEKDAYS,
            "Hour": "Heure",
            "orders_by_weekday_and_hour": (
                f"Commandes et chiffre d'affaires par jour de la semaine (1 = lundi) et heure ({settings.timezone}), "
                "hors commandes annulées, sur toute la période."
            ),
        },
        place=9,
    )
