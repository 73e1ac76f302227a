"""What the KPIs of orders are computed from: sums by UTC day and channel, then by business month."""

from multimarket_async.domains import Cube, Expression, Partial
from multimarket_async.domains.orders.rules import OrderSettings

COLLECTION = "commandes"


def cubes(settings: OrderSettings) -> tuple[Cube, ...]:
    """The one cube of the orders domain; its period is the calendar month in the business time zone."""
    facts = {
        "channel": "$canal",
        "day": _formatted("%Y-%m-%d", settings.timezone),
        "cancelled": _cancelled(settings),
        "minor": "$montant_centimes",
        "lines_minor": "$lignes_centimes",
        "lines": {"$map": {"input": "$produits", "in": {"product": "$$this.nom", "quantity": "$$this.quantite"}}},
    }
    return (Cube(COLLECTION, "date_commande", _formatted("%Y-%m", settings.timezone), facts, (_ORDERS, _PRODUCTS)),)


def _formatted(form: str, timezone: str) -> Expression:
    return {"$dateToString": {"date": "$date_commande", "format": form, "timezone": timezone}}


def _cancelled(settings: OrderSettings) -> Expression:
    # $literal: a status that starts with "$" is text, not a field path.
    return {"$in": ["$statut_commande", {"$literal": list(settings.cancelled_statuses)}]}


def _kept(number: Expression) -> Expression:
    return {"$cond": ["$cancelled", 0, number]}


_ORDERS = Partial(
    "orders",
    by={"day": "$day", "channel": "$channel"},
    sums={
        "orders": 1,
        "cancelled_orders": {"$cond": ["$cancelled", 1, 0]},
        "revenue_minor": _kept("$minor"),
        "gross_revenue_minor": "$minor",
    },
)

_PRODUCTS = Partial(
    "products",
    prepare=({"$unwind": {"path": "$lines", "includeArrayIndex": "line"}},),
    by={"product": "$lines.product"},
    sums={
        "quantity": _kept("$lines.quantity"),
        "gross_quantity": "$lines.quantity",
        "revenue_minor": _kept({"$arrayElemAt": ["$lines_minor", "$line"]}),
    },
)
