"""Revenue by city of delivery."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, rollups
from multimarket_async.domains.orders.settings import OrderSettings

CITIES = 50
QUERY = f"""
SELECT row_number() OVER (ORDER BY sum(revenue_minor) DESC, city) AS rank, city, sum(orders) AS orders,
  amount(sum(revenue_minor)) AS revenue, sum(revenue_minor) AS revenue_minor
FROM cities GROUP BY city ORDER BY rank LIMIT {CITIES}
"""
CHECK = f"""
SELECT row_number() OVER (ORDER BY sum(revenue_minor) DESC, city) AS rank, city, count(*) AS orders,
  amount(sum(revenue_minor)) AS revenue, sum(revenue_minor) AS revenue_minor
FROM commandes WHERE NOT cancelled AND city IS NOT NULL GROUP BY city ORDER BY rank LIMIT {CITIES}
"""


def kpi(settings: OrderSettings) -> Kpi:
    """One row a city."""
    shown = (columns.RANK, Column("city", "string", "City"), columns.ORDERS, *columns.revenue(settings.currency))
    return Kpi(
        name="revenue_by_city",
        title="Revenue by city of delivery",
        unit=settings.currency,
        definition=(
            f"The {CITIES} cities, as written in the orders, to which most was delivered by revenue, without cancelled "
            "orders and those that are not delivered; equal revenues rank by name."
        ),
        reads=(rollups.kept(settings, "cities", "city", where="city IS NOT NULL"),),
        columns=shown,
        query=QUERY,
        check=CHECK,
        french={
            "Revenue by city of delivery": "Chiffre d'affaires par ville de livraison",
            "City": "Ville",
            "revenue_by_city": (
                f"Les {CITIES} villes, comme écrites dans les commandes, où le plus a été livré en chiffre d'affaires, "
                "hors commandes annulées et commandes non livrées ; à montant égal, par ordre de nom."
            ),
        },
        place=11,
    )
