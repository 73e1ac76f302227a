"""What the KPIs of orders are computed from: sums by UTC day and channel, then by business month."""

from multimarket_async.domains import Cube, Expression, Rollup
from multimarket_async.domains.orders.settings import OrderSettings

COLLECTION = "commandes"
# Smallest number of pieces in each class of baskets.
BASKETS = (1, 2, 3, 4, 5, 6, 11, 21, 51)


def cubes(settings: OrderSettings) -> tuple[Cube, ...]:
    """The one cube of the orders domain; its period is the calendar month in the business time zone."""
    facts = {
        "channel": "$canal",
        "day": _formatted("%Y-%m-%d", settings.timezone),
        "cancelled": _cancelled(settings),
        "minor": "$montant_centimes",
        "lines_minor": "$lignes_centimes",
        "customer": "$client_id",
        "city": "$livraison.ville",
        "weekday": {"$isoDayOfWeek": {"date": "$date_commande", "timezone": settings.timezone}},
        "hour": {"$hour": {"date": "$date_commande", "timezone": settings.timezone}},
        "pieces": {"$sum": "$produits.quantite"},
        "lines": {"$map": {"input": "$produits", "in": {"product": "$$this.nom", "quantity": "$$this.quantite"}}},
    }
    rollups = (_ORDERS, _PRODUCTS, _BASKETS, _HOURS, _CITIES, _CUSTOMERS)
    return (Cube(COLLECTION, "date_commande", _formatted("%Y-%m", settings.timezone), facts, rollups),)


def _formatted(form: str, timezone: str) -> Expression:
    return {"$dateToString": {"date": "$date_commande", "format": form, "timezone": timezone}}


def _cancelled(settings: OrderSettings) -> Expression:
    # $literal: a status that starts with "$" is text, not a field path.
    return {"$in": ["$statut_commande", {"$literal": list(settings.cancelled_statuses)}]}


def _kept(number: Expression) -> Expression:
    return {"$cond": ["$cancelled", 0, number]}


_ORDERS = Rollup(
    "orders",
    by={"day": "$day", "channel": "$channel"},
    sums={
        "orders": 1,
        "cancelled_orders": {"$cond": ["$cancelled", 1, 0]},
        "revenue_minor": _kept("$minor"),
        "gross_revenue_minor": "$minor",
    },
)

_PRODUCTS = Rollup(
    "products",
    prepare=({"$unwind": {"path": "$lines", "includeArrayIndex": "line"}},),
    by={"product": "$lines.product"},
    sums={
        "quantity": _kept("$lines.quantity"),
        "gross_quantity": "$lines.quantity",
        "revenue_minor": _kept({"$arrayElemAt": ["$lines_minor", "$line"]}),
    },
)

_KEPT = {"$match": {"cancelled": False}}
_KEPT_SUMS = {"orders": 1, "revenue_minor": "$minor"}

_BASKETS = Rollup(
    "baskets",
    prepare=(_KEPT,),
    by={"pieces_from": {"$max": {"$filter": {"input": list(BASKETS), "cond": {"$lte": ["$$this", "$pieces"]}}}}},
    sums=_KEPT_SUMS,
)
_HOURS = Rollup("hours", prepare=(_KEPT,), by={"weekday": "$weekday", "hour": "$hour"}, sums=_KEPT_SUMS)
_CITIES = Rollup(
    "cities", prepare=(_KEPT, {"$match": {"city": {"$type": "string"}}}), by={"city": "$city"}, sums=_KEPT_SUMS
)
# A month keeps how many customers it had, not who they were: else a generation would cost what was ever stored.
_CUSTOMERS = Rollup(
    "customers",
    prepare=(_KEPT,),
    by={"customer": "$customer"},
    sums={"orders": 1},
    reduce=(
        {
            "$group": {
                "_id": "$period",
                "customers": {"$sum": 1},
                "repeat_customers": {"$sum": {"$cond": [{"$gt": ["$orders", 1]}, 1, 0]}},
            }
        },
        {"$replaceWith": {"period": "$_id", "customers": "$customers", "repeat_customers": "$repeat_customers"}},
    ),
)
