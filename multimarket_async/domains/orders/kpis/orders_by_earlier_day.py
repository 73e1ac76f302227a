"""Orders by day and channel, of all months before the newest: it is published anew only when these change."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders.kpis import orders_by_day_and_channel as latest
from multimarket_async.domains.orders.settings import OrderSettings

EARLIER = "day < (SELECT max({month}) || '-01' FROM {table})"
TITLE = "Orders by earlier day and channel"


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and channel."""
    days = f"({settings.timezone}) of the months before the newest one that has orders."
    french = f"({settings.timezone}) des mois qui précèdent le dernier avec des commandes."
    of_each = "Orders, cancelled orders and revenue without them of each channel and day"
    return Kpi(
        name="orders_by_earlier_day",
        title=TITLE,
        unit=settings.currency,
        definition=f"{of_each} {days}",
        reads=latest.reads(settings),
        columns=latest.columns_of(settings),
        query=latest.query(settings, EARLIER.format(month="period", table="orders")),
        check=latest.check(EARLIER.format(month="month", table="commandes")),
        historic="orders",
        french={
            TITLE: "Commandes par jour plus ancien et par canal",
            "orders_by_earlier_day": (
                f"Commandes, dont annulées, et chiffre d'affaires sans celles-ci, de chaque canal et jour {french}"
            ),
        },
        place=12,
    )
