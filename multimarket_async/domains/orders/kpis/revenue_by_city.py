"""Revenue by city of delivery."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.orders import columns, money, names, rollups
from multimarket_async.domains.orders.settings import OrderSettings

CITIES = 50
QUERY = f"""
SELECT row_number() OVER (ORDER BY revenue_minor DESC, city) AS rank, city, orders, {{revenue}} AS revenue,
  revenue_minor
FROM (
  SELECT {names.first_seen("city")} AS city, sum(orders) AS orders, {{minor}} AS revenue_minor
  FROM cities_valued GROUP BY {names.form("city").replace("{", "{{").replace("}", "}}")})
ORDER BY rank LIMIT {CITIES}
"""
CHECK = f"""
SELECT row_number() OVER (ORDER BY revenue_minor DESC, city) AS rank, city, orders,
  major(revenue_minor) AS revenue, revenue_minor
FROM (SELECT arg_min(city, (ordered_at, city)) AS city, count(*) AS orders,
    reported(sum(revenue_minor * factor)) AS revenue_minor
  FROM commandes WHERE NOT cancelled AND city IS NOT NULL GROUP BY same_name(city))
ORDER BY rank LIMIT {CITIES}
"""


def _query(settings: OrderSettings) -> str:
    sums = {"minor": money.reported(settings, "revenue_minor"), "revenue": money.major(settings, "revenue_minor")}
    return money.valued(settings, "cities") + QUERY.format(**sums)


def kpi(settings: OrderSettings) -> Kpi:
    """One row a city."""
    shown = (columns.RANK, Column("city", "string", "City"), columns.ORDERS, *columns.revenue(settings.currency))
    return Kpi(
        name="revenue_by_city",
        title="Revenue by city of delivery",
        unit=settings.currency,
        definition=(
            f"The {CITIES} cities, of one name whatever its case and blanks, to which most was delivered by revenue, "
            "without cancelled orders and those that are not delivered; equal revenues rank by name."
        ),
        reads=(rollups.cities(settings), *money.rates(settings)),
        columns=shown,
        query=_query(settings),
        check=CHECK,
        french={
            "Revenue by city of delivery": "Chiffre d'affaires par ville de livraison",
            "City": "Ville",
            "revenue_by_city": (
                f"Les {CITIES} villes, d'un même nom quels que soient casse et espaces, où le plus a été livré en "
                "chiffre d'affaires, hors commandes annulées et commandes non livrées ; à montant égal, "
                "par ordre de nom."
            ),
        },
        place=11,
    )
