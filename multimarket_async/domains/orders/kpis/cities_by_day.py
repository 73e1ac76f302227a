"""Cities of delivery by day, of the newest month."""

from multimarket_async.domains import Column, Kpi, Source
from multimarket_async.domains.orders import columns, money, names, rollups
from multimarket_async.domains.orders.settings import OrderSettings

CITIES = 50
QUERY = f"""
named AS (SELECT {{form}} AS form, {names.first_seen("city")} AS city FROM cities GROUP BY ALL),
sums AS (
  SELECT day, left(day, 7) AS month, {{form}} AS form, sum(orders)::BIGINT AS orders, {{minor}} AS revenue_minor
  FROM cities_valued WHERE {{which}} GROUP BY ALL),
moved AS (SELECT * FROM sums JOIN named USING (form)),
shown AS (
  SELECT month, city FROM moved GROUP BY month, city
  QUALIFY row_number() OVER (PARTITION BY month ORDER BY sum(revenue_minor) DESC, city) <= {CITIES})
SELECT day, city, orders, revenue_minor FROM moved JOIN shown USING (month, city) ORDER BY day, city
"""
CHECK = f"""
WITH delivered AS (FROM commandes WHERE NOT cancelled AND city IS NOT NULL),
named AS (SELECT same_name(city) AS form, arg_min(city, (ordered_at, city)) AS city FROM delivered GROUP BY ALL),
sums AS (
  SELECT day, month, same_name(city) AS form, count(*) AS orders, reported(sum(revenue_minor * factor)) AS revenue_minor
  FROM delivered WHERE {{which}} GROUP BY ALL),
moved AS (SELECT * FROM sums JOIN named USING (form)),
shown AS (
  SELECT month, city FROM moved GROUP BY month, city
  QUALIFY row_number() OVER (PARTITION BY month ORDER BY sum(revenue_minor) DESC, city) <= {CITIES})
SELECT day, city, orders, revenue_minor FROM moved JOIN shown USING (month, city) ORDER BY day, city
"""


def columns_of(settings: OrderSettings) -> tuple[Column, ...]:
    """The columns of days and cities."""
    return (
        Column("day", "string", "Day", role="time"),
        Column("city", "string", "City"),
        columns.ORDERS,
        columns.amount("revenue_minor", "Revenue", settings.currency),
    )


def reads(settings: OrderSettings) -> tuple[Source, ...]:
    """The rollup of cities, and the rates of its currencies."""
    return rollups.cities(settings), *money.rates(settings)


def query(settings: OrderSettings, which: str) -> str:
    """The rows of the newest or earlier months, as a condition of `columns` says."""
    minor = money.reported(settings, "revenue_minor")
    months = which.format(period="period", table="cities").format(month="period")
    rows = QUERY.format(form=names.form("city"), minor=minor, which=months)
    return f"{money.valued(settings, 'cities').rstrip()}, {rows}"


def check(which: str) -> str:
    """The same in SQL over the received files."""
    return CHECK.format(which=which.format(period="month", table="delivered").format(month="month"))


def kpi(settings: OrderSettings) -> Kpi:
    """One row a day and city."""
    return Kpi(
        name="cities_by_day",
        title="Cities of delivery by day",
        unit=settings.currency,
        definition=(
            f"Orders and revenue by day ({settings.timezone}), without cancelled orders and those that are not "
            f"delivered, of the {CITIES} cities to which most was delivered by revenue in the month; of the newest "
            "month."
        ),
        reads=reads(settings),
        columns=columns_of(settings),
        query=query(settings, columns.NEWEST),
        check=check(columns.NEWEST),
        french={
            "Cities of delivery by day": "Villes de livraison par jour",
            "cities_by_day": (
                f"Commandes et chiffre d'affaires par jour ({settings.timezone}), hors commandes annulées et commandes "
                f"non livrées, des {CITIES} villes où le plus a été livré dans le mois en chiffre d'affaires ; du "
                "dernier mois."
            ),
        },
        place=17,
    )
