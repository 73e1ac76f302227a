"""Products by day, of the months before the newest one."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.orders.columns import MONTHS, earlier
from multimarket_async.domains.orders.kpis import products_by_day as newest
from multimarket_async.domains.orders.settings import OrderSettings

TITLE = "Products by earlier day"


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and product."""
    return Kpi(
        name="products_by_earlier_day",
        title=TITLE,
        unit="pieces",
        definition=(
            f"Pieces sold and revenue by day ({settings.timezone}), without cancelled orders, of the {newest.PRODUCTS} "
            f"products, by name, of which most pieces were sold in the month; of the {MONTHS} months before the newest "
            "one. Net figures are without what was refunded on that day."
        ),
        reads=newest.reads(settings),
        columns=newest.columns_of(settings),
        query=newest.query(settings, earlier(MONTHS)),
        check=newest.check(settings, earlier(MONTHS)),
        historic="products",
        french={
            TITLE: "Produits par jour plus ancien",
            "products_by_earlier_day": (
                f"Articles vendus et chiffre d'affaires par jour ({settings.timezone}), hors commandes annulées, des "
                f"{newest.PRODUCTS} produits, par nom, les plus vendus du mois ; des {MONTHS} mois qui précèdent le "
                "dernier. Les valeurs nettes sont diminuées des remboursements du jour."
            ),
        },
        place=16,
    )
