"""Cities of delivery by day, of the months before the newest one."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders.columns import MONTHS, earlier
from multimarket_async.domains.orders.kpis import cities_by_day as newest
from multimarket_async.domains.orders.settings import OrderSettings

TITLE = "Cities of delivery by earlier day"


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and city."""
    return Kpi(
        name="cities_by_earlier_day",
        title=TITLE,
        unit=settings.currency,
        definition=(
            f"Orders and revenue by day ({settings.timezone}), without cancelled orders and those that are not "
            f"delivered, of the {newest.CITIES} cities to which most was delivered by revenue in the month; of the "
            f"{MONTHS} months before the newest one."
        ),
        reads=newest.reads(settings),
        columns=newest.columns_of(settings),
        query=newest.query(settings, earlier(MONTHS)),
        check=newest.check(earlier(MONTHS)),
        historic="cities",
        french={
            TITLE: "Villes de livraison par jour plus ancien",
            "cities_by_earlier_day": (
                f"Commandes et chiffre d'affaires par jour ({settings.timezone}), hors commandes annulées et commandes "
                f"non livrées, des {newest.CITIES} villes où le plus a été livré dans le mois en chiffre d'affaires ; "
                f"des {MONTHS} mois qui précèdent le dernier."
            ),
        },
        place=18,
    )
