"""Orders by hour and channel, of the months before the newest one."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders.columns import HOURLY_MONTHS, earlier
from multimarket_async.domains.orders.kpis import orders_by_hour_and_channel as newest
from multimarket_async.domains.orders.settings import OrderSettings

TITLE = "Orders by earlier hour and channel"


def kpi(settings: OrderSettings) -> Kpi:
    """One row an hour and channel."""
    return Kpi(
        name="orders_by_earlier_hour",
        title=TITLE,
        unit=settings.currency,
        definition=(
            "Orders, cancelled orders and revenue without them of each channel and hour "
            f"({settings.timezone}, with its offset from UTC), of the {HOURLY_MONTHS} months with orders before the "
            "newest one."
        ),
        reads=newest.reads(settings),
        columns=newest.columns_of(settings),
        query=newest.query(settings, earlier(HOURLY_MONTHS)),
        check=newest.check(earlier(HOURLY_MONTHS)),
        historic="hours",
        french={
            TITLE: "Commandes par heure plus ancienne et par canal",
            "orders_by_earlier_hour": (
                "Commandes, dont annulées, et chiffre d'affaires sans celles-ci, de chaque canal et heure "
                f"({settings.timezone}, avec son décalage sur UTC), des {HOURLY_MONTHS} mois qui précèdent "
                "le dernier avec des commandes."
            ),
        },
        place=14,
    )
