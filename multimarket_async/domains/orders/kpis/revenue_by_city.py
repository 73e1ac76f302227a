"""Revenue by city of delivery."""

from multimarket_async.domains import Column, Kpi, Rollup
from multimarket_async.domains.orders.expressions import ORDERS, RANK, first, money, revenue_columns, sums_of
from multimarket_async.domains.orders.rollups import KEPT, KEPT_SUMS, facts
from multimarket_async.domains.orders.settings import OrderSettings

CITIES = 50


def kpi(settings: OrderSettings) -> Kpi:
    """One row a city."""
    row = {"rank": {"$toLong": "$rank"}, "city": "$_id", "orders": {"$toLong": "$orders"}, **money("revenue")}
    delivered = (*KEPT, {"$match": {"city": {"$type": "string"}}})
    return Kpi(
        name="revenue_by_city",
        title="Revenue by city of delivery",
        unit=settings.currency,
        definition=(
            f"The {CITIES} cities, as written in the orders, to which most was delivered by revenue, without cancelled "
            "orders and those that are not delivered; equal revenues rank by name."
        ),
        rollup=Rollup("cities", facts(settings), {"city": "$city"}, KEPT_SUMS, delivered),
        columns=(RANK, Column("city", "string", "City"), ORDERS, *revenue_columns(settings.currency)),
        pipeline=[
            {"$group": {"_id": "$city", **sums_of("orders", "revenue_minor")}},
            *first("$revenue_minor", "$_id", CITIES),
            {"$sort": {"rank": 1}},
            {"$replaceWith": row},
        ],
        check=f"""
            SELECT row_number() OVER (ORDER BY sum(revenue_minor) DESC, city) AS rank, city, count(*) AS orders,
              amount(sum(revenue_minor)) AS revenue, sum(revenue_minor) AS revenue_minor
            FROM commandes WHERE NOT cancelled AND city IS NOT NULL GROUP BY city ORDER BY rank LIMIT {CITIES}""",
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
